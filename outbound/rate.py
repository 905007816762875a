"""Calls per second to a service: one limit for each service, shared by all threads of the process."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

# Share of a second's calls that may leave at once, so that threads that wake late lose no capacity.
BURST_SECONDS: Final = 0.1
# Bound on remembered services; an idle service has no state worth keeping.
MOST_SERVICES: Final = 1_000


class Rate:
    """Rate of calls to one service. Callers may pass different rates: each call uses 1 / rate of a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._spent_until = clock()

    def take(self, per_second: float) -> float:
        """Return 0 if the caller may call now, and count the call; else the seconds after which to ask again."""
        with self._lock:
            now = self._clock()
            wait = self._spent_until - now - max(0.0, BURST_SECONDS - 1 / per_second)
            if wait > 0:
                return wait
            self._spent_until = max(self._spent_until, now) + 1 / per_second
            return 0.0

    @property
    def is_idle(self) -> bool:
        return self._spent_until <= self._clock()


class Rates:
    """The rates of a process by service. Another process counts separately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Hashable, Rate] = {}

    def of(self, service: Hashable) -> Rate:
        rate = self._known.get(service)
        if rate is None:
            if len(self._known) >= MOST_SERVICES:
                self._known = {key: known for key, known in self._known.items() if not known.is_idle}
            # setdefault is atomic: two threads that ask first get the same rate.
            rate = self._known.setdefault(service, Rate(self._clock))
        return rate


rates = Rates()
