"""One host that takes no calls: known to the whole process, and asked again by one probe at a time."""

import threading
import time
from collections.abc import Callable
from typing import Final

from outbound.retry_after import MAX_WAIT

# So many failures in a row, and none but failures for so many seconds, mean that nothing gets through. The number
# keeps one slow call from speaking for all; the seconds, a burst that one restart of a machine explains.
FAILURES: Final = 10
SECONDS: Final = 2.0
# The distances between probes, in seconds: doubling from the first to the longest.
FIRST_PROBE: Final = 1.0
LONGEST_PROBE: Final = 30.0
# Hosts that are remembered; under a `.suffix` of an allow-list a hook can name as many as it likes.
MOST_HOSTS: Final = 1_000
# Who waits behind a probe under way looks again after so long.
BEHIND_PROBE: Final = 1.0


class Breaker:
    """Whether a host may be called.

    Closed: every call. Open: one probe when its moment has come, nothing else; the moments grow apart. The first success
    of any call closes it. For many threads; times are seconds of `clock`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, probe_lasts: float = 60.0) -> None:
        self._clock = clock
        self._probe_lasts = probe_lasts
        self._lock = threading.Lock()
        self._failures = 0
        self._row_began = 0.0
        self._succeeded_at = -MAX_WAIT
        self._distance = 0.0
        self._probe_at = 0.0
        self._probing_since: float | None = None

    @property
    def is_open(self) -> bool:
        return self._distance > 0

    def wait(self) -> float:
        """Seconds until a call may pass; 0 when one may now. Takes nothing."""
        if not self._distance:
            return 0.0
        with self._lock:
            return self._wait(self._clock())

    def _wait(self, now: float) -> float:
        if not self._distance:
            return 0.0
        if self._probing_since is not None and now - self._probing_since < self._probe_lasts:
            return BEHIND_PROBE
        return max(0.0, self._probe_at - now)

    def admit(self) -> float:
        """0 when the caller may call now, and then must say what became of it; else the seconds to wait."""
        if not self._distance:
            return 0.0
        with self._lock:
            now = self._clock()
            wait = self._wait(now)
            if not wait and self._distance:
                self._probing_since = now
            return wait

    def succeeded(self) -> None:
        """A call was answered with something other than trouble."""
        # Without the lock: on the way of every answer, and plain stores cannot be torn.
        self._succeeded_at = self._clock()
        if self._failures or self._distance:
            with self._lock:
                self._failures = 0
                self._distance = 0.0
                self._probing_since = None

    def failed(self, seconds: float, retry_after: float | None = None) -> bool:
        """A call that took `seconds` failed, and may have said when to come back; whether that opened the breaker."""
        with self._lock:
            now = self._clock()
            began = now - seconds
            if self._distance:
                # Calls that were under way when it opened tell nothing new: only the probe does.
                if self._probing_since is not None and began >= self._probing_since - 0.001:
                    self._probe_later(now, min(LONGEST_PROBE, self._distance * 2), retry_after)
                return False
            # A call that hung shows silence since it began, unless another was answered meanwhile.
            began = max(began, self._succeeded_at)
            self._row_began = min(self._row_began, began) if self._failures else began
            self._failures += 1
            if self._failures < FAILURES or now - self._row_began < SECONDS:
                return False
            self._probe_later(now, FIRST_PROBE, retry_after)
            return True

    def _probe_later(self, now: float, distance: float, retry_after: float | None) -> None:
        self._distance = distance
        self._probe_at = now + max(distance, min(retry_after or 0.0, MAX_WAIT))
        self._probing_since = None


class Breakers:
    """The breakers of a process, one for each host and port. A second process learns by its own calls."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, int], Breaker] = {}

    def of(self, host: str, port: int) -> Breaker:
        breaker = self._known.get((host, port))
        if breaker is None:
            if len(self._known) >= MOST_HOSTS:
                self._known = {key: known for key, known in self._known.items() if known.is_open}
            # setdefault is atomic: two threads that ask first get the same one.
            breaker = self._known.setdefault((host, port), Breaker(self._clock))
        return breaker

    def open_for(self) -> float:
        """Seconds until the next probe of the host that is silent longest; 0 where every host is called."""
        return max((breaker.wait() for breaker in list(self._known.values()) if breaker.is_open), default=0.0)

    def forget(self) -> None:
        """Close every breaker: only for tests and tools, which call several platforms from one process."""
        self._known.clear()


# Of the platform, and of the services that staff configured: a service that is away says nothing about the platform.
breakers = Breakers()
service_breakers = Breakers()
