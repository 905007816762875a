"""A lock that serves urgent transactions first.

SQLite has one writer. Its busy handler polls, so a hook that arrives during bulk writes can wait for seconds. A lock in
the process passes the turn on at once, and to hooks first.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_here = threading.local()
# A thread that has waited for this many seconds goes before later arrivals.
PATIENCE = 0.05


@dataclass(eq=False, slots=True)
class _Turn:
    """One waiting thread, and since when on the monotonic clock."""

    urgent: bool
    since: float


class WriteGate:
    """A lock with one holder; urgent threads go before patient ones, and no patient thread waits for ever.

    A thread that returns at once may acquire it before a thread that is still waking up, which saves a context switch.
    It may not overtake a thread that has waited for PATIENCE. Not reentrant.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._held = False
        # In order of arrival.
        self._waiting: list[_Turn] = []

    def acquire(self) -> None:
        mine = _Turn(getattr(_here, "urgent", False), time.monotonic())
        with self._changed:
            self._waiting.append(mine)
            try:
                self._changed.wait_for(lambda: not self._held and self._is_next(mine))
                self._held = True
            finally:
                self._waiting.remove(mine)
                if not self._held:
                    # This thread gave up: another one may have waited only for it.
                    self._changed.notify_all()

    def _is_next(self, mine: _Turn) -> bool:
        if mine.urgent:
            return True
        if any(each.urgent for each in self._waiting):
            return False
        first = self._waiting[0]
        return first is mine or time.monotonic() - first.since < PATIENCE

    def release(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()


@contextmanager
def urgent() -> Iterator[None]:
    """Give transactions that this thread begins inside priority over those of other threads."""
    _here.urgent = True
    try:
        yield
    finally:
        _here.urgent = False
