"""Delays between attempts, and the number of attempts."""

from dataclasses import dataclass
from datetime import timedelta


def backoff(attempts: int, *, first: float = 0.5, longest: float = 30.0) -> timedelta:
    """Return the delay after a number of failed attempts (1, 2, …): doubling, bounded. Both bounds in seconds."""
    return timedelta(seconds=min(longest, first * 2 ** min(attempts - 1, 16)))


@dataclass(frozen=True, slots=True)
class Retry:
    """When to retry a failed row, and after how many `failures` to stop (None: never). Delays as in backoff()."""

    failures: int | None = 3
    first: float = 2.0
    longest: float = 30.0

    def ends(self, attempts: int) -> bool:
        """Return whether this many failed attempts are enough."""
        return self.failures is not None and attempts >= self.failures

    def pause(self, attempts: int) -> timedelta:
        """Return the delay after this many failed attempts."""
        return backoff(attempts, first=self.first, longest=self.longest)


THRICE = Retry()
