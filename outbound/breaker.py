"""Circuit breaker per host, shared by the whole process, with one probe at a time."""

import threading
import time
from collections.abc import Callable
from typing import Final

from outbound.retry_after import MAX_WAIT

# Open after this many failures in a row, and only failures for this many seconds. The number keeps one slow call from
# deciding; the seconds exclude a burst from one machine's restart.
FAILURES: Final = 10
SECONDS: Final = 2.0
# Intervals between probes, in seconds: doubling from the first to the longest.
FIRST_PROBE: Final = 1.0
LONGEST_PROBE: Final = 30.0
# Bound on remembered hosts; with a `.suffix` in an allow-list, hooks can name any number of hosts.
MOST_HOSTS: Final = 1_000
# Callers behind a pending probe ask again after this many seconds.
BEHIND_PROBE: Final = 1.0


class Breaker:
    """Decides whether a host may be called.

    Closed: admit every call. Open: admit one probe when it is due, and nothing else; the intervals grow. The first
    success of any call closes it. Thread-safe; times are seconds of `clock`.
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

    def answered_within(self, seconds: float) -> bool:
        """Return whether this process got an answer other than trouble in the last seconds, and no trouble since."""
        return not self._failures and not self._distance and self._clock() - self._succeeded_at < seconds

    def wait(self) -> float:
        """Return the seconds until a call may pass, 0 if one may now. Claims no probe."""
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
        """Return 0 if the caller may call now, and must then report the outcome; else the seconds to wait."""
        if not self._distance:
            return 0.0
        with self._lock:
            now = self._clock()
            wait = self._wait(now)
            if not wait and self._distance:
                self._probing_since = now
            return wait

    def succeeded(self) -> None:
        """Record an answer other than trouble."""
        # Without the lock, since every answer passes here, and plain stores are atomic.
        self._succeeded_at = self._clock()
        if self._failures or self._distance:
            with self._lock:
                self._failures = 0
                self._distance = 0.0
                self._probing_since = None

    def failed(self, seconds: float, retry_after: float | None = None) -> bool:
        """Record a failed call that took `seconds`, with its Retry-After; return whether it opened the breaker."""
        with self._lock:
            now = self._clock()
            began = now - seconds
            if self._distance:
                # Calls that began before it opened carry no new information: only the probe does.
                if self._probing_since is not None and began >= self._probing_since - 0.001:
                    self._probe_later(now, min(LONGEST_PROBE, self._distance * 2), retry_after)
                return False
            # A call that hung shows silence since its start, unless another was answered meanwhile.
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
    """The breakers of a process, one for each host and port. Another process learns from its own calls."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, int], Breaker] = {}

    def of(self, host: str, port: int) -> Breaker:
        breaker = self._known.get((host, port))
        if breaker is None:
            if len(self._known) >= MOST_HOSTS:
                self._known = {key: known for key, known in self._known.items() if known.is_open}
            # setdefault is atomic: two threads that ask first get the same breaker.
            breaker = self._known.setdefault((host, port), Breaker(self._clock))
        return breaker

    def open_for(self) -> float:
        """Return the seconds until the next probe of the host that waits longest; 0 if no breaker is open."""
        return max((breaker.wait() for breaker in list(self._known.values()) if breaker.is_open), default=0.0)

    def forget(self) -> None:
        """Close every breaker: only for tests and tools, which call several platforms from one process."""
        self._known.clear()


# Separate sets for the platform and for configured services: an outage of a service says nothing about the platform.
breakers = Breakers()
service_breakers = Breakers()
