"""Number of examples per property: few for each `make test`, many on request."""

import os

from hypothesis import HealthCheck, settings

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE", "quick") == "long"
# How long one example takes says more about what else the machine does.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def examples(count: int) -> int:
    """Return the number of examples, where `count` is what a long run tries."""
    return count if THOROUGH else max(10, count // 8)
