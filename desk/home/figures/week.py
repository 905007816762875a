"""The contacts of the last seven days by the way on which they left."""

from dataclasses import dataclass
from datetime import date, datetime
from math import log10

from django.db.models import Case, IntegerField, Q, Value, When

from desk.home.figures import ended
from desk.home.figures.cached import kept
from desk.home.figures.days import Day, days
from sendouts.models import Batch


@dataclass(frozen=True, slots=True)
class Ways:
    """The contacts that left on each way on one day; `uncounted` as in Today."""

    date: date
    accepted: int = 0
    rejected: int = 0
    timed_out: int = 0
    uncounted: int = 0

    @property
    def all(self) -> int:
        return self.accepted + self.rejected + self.timed_out

    @property
    def share(self) -> float | None:
        """Return the share of rejected contacts, in percent."""
        return 100 * self.rejected / self.all if self.all else None


def week(seen: Q, now: datetime) -> list[Ways]:
    """Return seven days, oldest first, today last; one query, cached for a minute."""
    asked = days(now)
    return kept(f"week.{asked[-1].date}", seen, lambda: _week(seen, asked))


def scale(week: list[Ways]) -> list[tuple[int, float]]:
    """Return the five lines of a chart's round scale from below: (height in percent, contacts)."""
    top = _round_up(max(ways.all for ways in week))
    return [(25 * step, top * step / 4) for step in range(5)]


def _round_up(value: int) -> float:
    """Return the next number that four grid lines divide into round parts: 4, 8, 20, 40, 80, …"""
    power = 10 ** int(log10(max(value, 4) / 4))
    return next(4 * factor * power for factor in (1, 2, 2.5, 5, 10) if 4 * factor * power >= value)


def _week(seen: Q, asked: list[Day]) -> list[Ways]:
    # Cases instead of the database's own days give the length of each day correctly on every database.
    place = Case(
        *(When(ended_at__lt=day.end, then=Value(number)) for number, day in enumerate(asked)),
        output_field=IntegerField(),
    )
    rows = (
        Batch.objects.filter(seen, ended_at__gte=asked[0].start, ended_at__lt=asked[-1].end)
        .annotate(place=place)
        .values("place")
        .annotate(
            sum_accepted=ended.ACCEPTED,
            sum_rejected=ended.REJECTED,
            sum_late=ended.TIMED_OUT,
            sum_uncounted=ended.UNCOUNTED_BATCHES,
        )
        .order_by("place")
        .values_list("place", "sum_accepted", "sum_rejected", "sum_late", "sum_uncounted")
    )
    found = {number: counts for number, *counts in rows}
    return [Ways(day.date, *found.get(number, ())) for number, day in enumerate(asked)]
