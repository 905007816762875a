"""Answers that ask for a later retry, and the delay that they request."""

import time
from email.utils import parsedate_to_datetime

MAX_WAIT = 3600.0
# Statuses that ask for a later retry, besides 5xx.
TROUBLE = frozenset({408, 429})


def read_retry_after(text: str) -> float | None:
    """Return the seconds in a Retry-After header, an hour at most; None if it is missing, unreadable or past."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        # A longer number is above an hour in any case, and int() has its own limit on digits.
        seconds = float(text[:300])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(seconds, MAX_WAIT) if seconds > 0 else None
