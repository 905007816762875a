"""A lock that lets urgent transactions pass first.

SQLite has one writer. Its own busy handler polls, so that a hook that arrives beside bulk writes can wait for seconds; a lock
in the process hands the turn over at once, and to hooks first.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_here = threading.local()


class WriteGate:
    """One holder at a time; who waits urgently goes before who waits patiently. Not reentrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._held = False
        self._urgent_waiting = 0

    def acquire(self) -> None:
        urgent = getattr(_here, "urgent", False)
        with self._changed:
            self._urgent_waiting += urgent
            try:
                self._changed.wait_for(lambda: not self._held and (urgent or not self._urgent_waiting))
                self._held = True
            finally:
                self._urgent_waiting -= urgent

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
