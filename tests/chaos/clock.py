"""A clock that a run can shift for the application, but not for the database.

Where in the folder of a run a file `clock` holds a number, every process of the gateway lives so many seconds in the future.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from django.utils import timezone

from sendouts.intake import door
from tests.chaos.arming import CLOCK


def install(folder: Path) -> None:
    """Have `django.utils.timezone.now` and the door's own clock read the file each time."""
    timezone.now = _turned(timezone.now, folder)
    door.datetime = _DoorClock(folder)  # type: ignore[misc, assignment]


def _offset(folder: Path) -> timedelta:
    try:
        return timedelta(seconds=float((folder / CLOCK).read_text()))
    except FileNotFoundError:
        return timedelta()


def _turned(now: Callable[[], datetime], folder: Path) -> Callable[[], datetime]:
    return lambda: now() + _offset(folder)


class _DoorClock:
    """Stands for `datetime` in the door, which asks it for nothing but now."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def now(self, zone: tzinfo) -> datetime:
        return datetime.now(zone) + _offset(self._folder)

    def __getattr__(self, name: str) -> Any:
        return getattr(datetime, name)
