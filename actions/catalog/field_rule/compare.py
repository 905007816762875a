"""Comparison of a contact's value with a configured one, with conversion of text, numbers and booleans.

Every comparison returns True, False, or None if the two cannot be compared.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

TRUE_WORDS = frozenset({"true", "1", "yes", "oui"})
FALSE_WORDS = frozenset({"false", "0", "no", "non"})
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:[.,][0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")


# Longest text to normalise, in characters. The time grows with the square of a run of accents, so longer texts are
# compared as they are.
_COMPOSED = 1_000


def tidy(text: str) -> str:
    """Trim and compose accents, so that the same word typed on two machines is equal."""
    text = text.strip()
    return text if text.isascii() or len(text) > _COMPOSED else unicodedata.normalize("NFC", text)


def as_boolean(value: Any) -> bool | None:
    """Return the boolean of true/false, 1/0, yes/no, oui/non, ignoring case and surrounding spaces; else None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None
    return None


def as_number(value: Any) -> int | float | None:
    """Return the number in a value, or None; inner spaces are invalid, and a comma is a decimal one: `1,000` is 1."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return None
        value = int(text) if text.lstrip("+-").isdigit() else float(text.replace(",", "."))
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return None


def equal(value: Any, wanted: bool | int | float | str) -> bool | None:
    """Compare two values: two texts exactly (case counts), else as booleans, else as numbers."""
    if isinstance(value, str) and isinstance(wanted, str):
        return tidy(value) == tidy(wanted)
    read: Callable[[Any], bool | int | float | None] = as_number
    if isinstance(value, bool) or isinstance(wanted, bool):
        read = as_boolean
    left, right = read(value), read(wanted)
    return None if left is None or right is None else left == right


def among(value: Any, wanted: tuple[bool | int | float | str, ...]) -> bool | None:
    """Return whether the value equals one of those; None if it can be compared with none of them."""
    answers = [equal(value, each) for each in wanted]
    return True if True in answers else False if False in answers else None


def greater(value: Any, limit: int | float) -> bool | None:
    number = as_number(value)
    return None if number is None else number > limit


def less(value: Any, limit: int | float) -> bool | None:
    number = as_number(value)
    return None if number is None else number < limit
