"""Which answers ask for another time, and for how long."""

import time
from email.utils import parsedate_to_datetime

MAX_WAIT = 3600.0
# Statuses that ask for another time, besides 5xx.
TROUBLE = frozenset({408, 429})


def read_retry_after(text: str) -> float | None:
    """Seconds that a Retry-After header asks for, at most an hour; None where it is missing, unreadable or over."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        # More digits than this are more than an hour whatever they say, and int() has a limit of its own.
        seconds = float(text[:300])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(seconds, MAX_WAIT) if seconds > 0 else None
