"""Closures of the door: times in which no socket was open, so that the platform's hooks were refused.

The processes that hold the socket leave a trace in DATA_DIR. The next one that opens it anew notes the time between,
and a door writes the note to the database as soon as it can.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils.dateparse import parse_datetime

from work import pulses
from work.models import Pulse

TRACE, NOTE = "door-open", "door-closed.json"
TOLD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Closure:
    """The door of one machine was closed from `start` to `end`. name: of its row."""

    start: datetime
    end: datetime
    name: str = field(default="", compare=False)


def trace(folder: Path) -> None:
    """Leave a trace that the door is open now. Raises OSError."""
    (folder / TRACE).touch()


def note(folder: Path, least_seconds: float) -> None:
    """Note that the door was closed since the last trace, if that is long enough. Raises OSError."""
    now = time.time()
    with suppress(FileNotFoundError):
        since = (folder / TRACE).stat().st_mtime
        if now - since >= least_seconds:
            (folder / NOTE).write_text(json.dumps([since, now]))


def report(folder: Path) -> None:
    """Write a noted closure to the database. Raises the database's errors; the note is kept then."""
    path = folder / NOTE
    try:
        start, end = (datetime.fromtimestamp(each, UTC).isoformat() for each in json.loads(path.read_text()))
    except FileNotFoundError:
        return
    except (OSError, OverflowError, ValueError, TypeError):
        path.unlink(missing_ok=True)
        return
    pulses.write(f"{pulses.CLOSED}{pulses.machine()}", {"start": start, "end": end})
    path.unlink(missing_ok=True)


def recent(now: datetime) -> list[Closure]:
    """Return the last closure of each machine that ended within a day, unless a person has seen it."""
    return sorted(_read(now), key=lambda closure: closure.start)


def _read(now: datetime) -> Iterator[Closure]:
    for name, data in Pulse.objects.filter(name__startswith=pulses.CLOSED).values_list("name", "data"):
        start, end = (parse_datetime(data.get(key, "")) for key in ("start", "end"))
        if start and end and end > now - TOLD and "seen" not in data:
            yield Closure(start, end, name)


def mark_seen(closure: Closure, user_id: int) -> Pulse | None:
    """Store that a person has seen this closure; return its row, or None if it was seen or another one came."""
    found = Pulse.objects.filter(name=closure.name).first()
    if found is None or "seen" in found.data or parse_datetime(found.data.get("start", "")) != closure.start:
        return None
    seen = found.data | {"seen": user_id}
    return found if Pulse.objects.filter(name=closure.name, data=found.data).update(data=seen) else None
