"""Closures of the door: times in which no socket was open, so that the platform's hooks were refused.

The processes that hold the socket leave a trace in DATA_DIR. The next one that opens it anew notes the time between,
and a door writes the note to the database as soon as it can.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils.dateparse import parse_datetime

from work import pulses
from work.models import Pulse

TRACE, NOTE = "door-open", "door-closed.json"
TOLD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Closure:
    """The door of one machine was closed from `start` to `end`."""

    start: datetime
    end: datetime


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
    """Return the last closure of each machine that ended within a day."""
    return sorted(_read(now), key=lambda closure: closure.start)


def _read(now: datetime) -> Iterator[Closure]:
    for data in Pulse.objects.filter(name__startswith=pulses.CLOSED).values_list("data", flat=True):
        start, end = (parse_datetime(data.get(name, "")) for name in ("start", "end"))
        if start and end and end > now - TOLD:
            yield Closure(start, end)
