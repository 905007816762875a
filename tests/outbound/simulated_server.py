"""A simulated server without network, called at a Pace: an hour of throttling takes milliseconds."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from outbound.pace import Pace

# What a server answers to the call that finds so many others being served: (status, seconds until the answer).
Behaviour = Callable[["SimulatedServer", int], tuple[int, float]]


@dataclass
class SimulatedServer:
    """Time, the calls under way, and what was answered.

    `behave` may be changed while it runs. `served` counts good answers; `limits` is the limit after every answer.
    """

    behave: Behaviour
    highest: int = 256
    start: int = 8
    seed: int = 1
    now: float = 0.0
    served: int = 0
    failed: int = 0
    limits: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.pace = Pace(self.start, self.highest, lambda: self.now)
        self._answers: list[tuple[float, int, int, float]] = []
        self._free_at: list[float] = []
        self._serving = 0

    def run(self, seconds: float) -> float:
        """Call as fast as the pace allows for so long; good answers a second."""
        until, before = self.now + seconds, self.served
        while self.now < until:
            while len(self._answers) < self.pace.limit and not self.pace.pause_left():
                status, taken = self.behave(self, self._serving)
                self._serving += status == 200
                heapq.heappush(self._answers, (self.now + taken, self.pace.begin(), status, taken))
            if len(self._answers) >= self.pace.limit:
                self.pace.full()
            if not self._answers:
                self.now += self.pace.pause_left()
                continue
            self.now, number, status, taken = heapq.heappop(self._answers)
            if status == 200:
                self._serving -= 1
                self.served += 1
                self.pace.good(number, taken)
            else:
                self.failed += 1
                self.pace.bad(number, slowed=status == 429)
            self.limits.append(self.pace.limit)
        return (self.served - before) / seconds

    def queued(self, capacity: int, service: float) -> float:
        """Seconds until a machine of `capacity` equal places has served one more call, after those before it."""
        free = self._free_at
        while len(free) > capacity:
            heapq.heappop(free)
        begins = max(self.now, heapq.heappop(free)) if len(free) == capacity else self.now
        heapq.heappush(free, begins + service)
        return begins + service - self.now


def steady(latency: float = 0.02) -> Behaviour:
    """Bears anything."""
    return lambda server, serving: (200, latency)


def stray(share: float, status: int = 500, latency: float = 0.02) -> Behaviour:
    """A share of the calls fails, whatever the load."""
    return lambda server, serving: (status if server.random.random() < share else 200, latency)


def crowded(capacity: int, status: int, latency: float = 0.02) -> Behaviour:
    """Says no to every call beyond its capacity."""
    return lambda server, serving: (200, latency) if serving < capacity else (status, latency)


def queueing(capacity: int, latency: float = 0.02) -> Behaviour:
    """Serves so many at a time, and lets the others wait."""
    return lambda server, serving: (200, server.queued(capacity, latency))
