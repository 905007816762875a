"""How long to wait before another attempt, and how often."""

from dataclasses import dataclass
from datetime import timedelta


def backoff(attempts: int, *, first: float = 0.5, longest: float = 30.0) -> timedelta:
    """Return the pause after the given number of failed attempts (1, 2, …): doubling, bounded. Both bounds in seconds."""
    return timedelta(seconds=min(longest, first * 2 ** min(attempts - 1, 16)))


@dataclass(frozen=True, slots=True)
class Retry:
    """When to try a row again that failed; `failures` in a row end it (None: never). Pauses in seconds, as in backoff()."""

    failures: int | None = 3
    first: float = 2.0
    longest: float = 30.0

    def ends(self, attempts: int) -> bool:
        """Return whether this many failed attempts are enough."""
        return self.failures is not None and attempts >= self.failures

    def pause(self, attempts: int) -> timedelta:
        """Return the pause after this many failed attempts."""
        return backoff(attempts, first=self.first, longest=self.longest)


THRICE = Retry()
