"""How many hooks wait on this machine's disk for a database that was away."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Depth:
    """Hooks in the journal, and when the oldest of them came."""

    hooks: int = 0
    oldest: datetime | None = None


def depth() -> Depth:
    """The depth of the journal; nothing where no journal is kept."""
    if not getattr(settings, "JOURNAL", False):
        return Depth()
    return Depth()
