"""How long to wait before another attempt."""

from datetime import timedelta


def backoff(attempts: int, *, first: float = 0.5, longest: float = 30.0) -> timedelta:
    """Return the pause after the given number of failed attempts (1, 2, …): doubling, bounded. Both bounds in seconds."""
    return timedelta(seconds=min(longest, first * 2 ** min(attempts - 1, 16)))
