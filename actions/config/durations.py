"""Durations as people write them: 30s, 60m, 2h, 1d."""

import re
from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# In English and French. A bare number is minutes.
_WORDS = {
    "s": {"s", "sec", "second", "seconds", "seconde", "secondes"},
    "m": {"", "m", "min", "mins", "minute", "minutes"},
    "h": {"h", "hour", "hours", "heure", "heures"},
    "d": {"d", "j", "day", "days", "jour", "jours"},
}
_STRICT = re.compile(r"([0-9]{1,7})([smhd])")
_LOOSE = re.compile(r"([0-9]{1,7})\s*([a-z]*)")


def read(text: str) -> timedelta:
    """Read the form of the configuration file; raise ValueError with a sentence."""
    match = _STRICT.fullmatch(text)
    if not match:
        raise ValueError("Give a whole number and a unit: 30s, 60m, 2h or 1d.")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def read_typed(text: str) -> timedelta:
    """Read the input of a form, such as 60, 60 min, 2 h; a bare number is minutes. Raise ValueError."""
    match = _LOOSE.fullmatch(text.strip().lower())
    unit = next((unit for unit, words in _WORDS.items() if match and match[2] in words), None)
    if not match or unit is None:
        raise ValueError("Give a whole number and a unit, such as 60 min.")
    return timedelta(seconds=int(match[1]) * _UNITS[unit])


def write(duration: timedelta) -> str:
    """Write the form of the configuration file, in the largest unit without remainder."""
    number, unit = _parts(duration)
    return f"{number}{unit}"


def show(duration: timedelta) -> str:
    """Write the form of the screens, such as 60 min."""
    number, unit = _parts(duration)
    return f"{number} {'min' if unit == 'm' else unit}"


def _parts(duration: timedelta) -> tuple[int, str]:
    seconds = int(duration.total_seconds())
    # Staff state sendout times in minutes, including an hour; longer times read better in hours or days.
    for unit, least in (("d", 1), ("h", 2), ("m", 1)):
        if seconds % _UNITS[unit] == 0 and seconds // _UNITS[unit] >= least:
            return seconds // _UNITS[unit], unit
    return seconds, "s"
