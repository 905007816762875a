"""A lock that lets urgent transactions pass first.

SQLite has one writer. Its own busy handler polls, so that a hook that arrives beside bulk writes can wait for seconds; a lock
in the process hands the turn over at once, and to hooks first.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_here = threading.local()
# Who has waited for so many seconds goes before whoever came later.
PATIENCE = 0.05


@dataclass(eq=False, slots=True)
class _Turn:
    """One thread that waits, and since when on the monotonic clock."""

    urgent: bool
    since: float


class WriteGate:
    """One holder at a time; who waits urgently goes before who waits patiently, and nobody patient waits for ever.

    A thread that comes back at once may go again before one that still wakes up, which saves the change between them; but
    not before one that has waited for PATIENCE. Not reentrant.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._held = False
        # In the order in which they came.
        self._waiting: list[_Turn] = []

    def acquire(self) -> None:
        mine = _Turn(getattr(_here, "urgent", False), time.monotonic())
        with self._changed:
            self._waiting.append(mine)
            try:
                self._changed.wait_for(lambda: not self._held and self._may_go(mine))
                self._held = True
            finally:
                self._waiting.remove(mine)
                if not self._held:
                    # Gave up: somebody may have waited for nobody but this thread.
                    self._changed.notify_all()

    def _may_go(self, mine: _Turn) -> bool:
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
    """Let the transactions that this thread begins inside go before those of others."""
    _here.urgent = True
    try:
        yield
    finally:
        _here.urgent = False
