"""Figures of the batches that ended since midnight, without those that still wait."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from desk.home.figures import ended
from desk.home.figures.days import days
from sendouts.models import Batch


@dataclass(frozen=True, slots=True)
class Today:
    """Batches released today, and the contacts of all batches that ended today.

    `uncounted`: batches that timed out before their contacts were counted. `tightest`: the smallest time between a
    release and its deadline; None if there was no release.
    """

    released: int
    accepted: int
    rejected: int
    timed_out: int
    uncounted: int
    tightest: timedelta | None

    @property
    def share(self) -> float | None:
        """Return the share of rejected contacts among all that left, in percent."""
        left = self.accepted + self.rejected + self.timed_out
        return 100 * self.rejected / left if left else None


def today(seen: Q, now: datetime) -> Today:
    """Sum up what ended today, in one query."""
    day = days(now, 1)[0]
    found = Batch.objects.filter(seen, ended_at__gte=day.start, ended_at__lt=day.end).aggregate(
        released=ended.RELEASED_BATCHES,
        accepted=ended.ACCEPTED,
        rejected=ended.REJECTED,
        timed_out=ended.TIMED_OUT,
        uncounted=ended.UNCOUNTED_BATCHES,
        tightest=ended.SPARE,
    )
    return Today(**found)
