"""Answer times, and the gap between two steps that lets each contact reach the next step.

A contact leaves the flow if the next step runs before the platform has the answer to the previous one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Window
from django.db.models.aggregates import Aggregate
from django.db.models.functions import RowNumber

from actions.models import Project
from desk.home.figures.cached import kept
from desk.home.figures.ended import LATE_BATCHES, RELEASED
from sendouts.models import Batch

LATELY = timedelta(days=30)
# Factor above the time within which 95 % of the answers came.
RESERVE = 1.25
MINUTE = timedelta(minutes=1)
# A campaign's step waits at most this many minutes for its answers.
LONGEST = 60


@dataclass(frozen=True, slots=True)
class StepGap:
    """A project's answers of the last 30 days, from hook to release: half came within `half`, 95 % within `most`."""

    project: int
    name: str
    review: str
    batches: int
    late: int
    half: timedelta
    most: timedelta

    @property
    def needed(self) -> int:
        """Return the minutes needed between two steps, without an upper limit."""
        return max(1, ceil(self.most * RESERVE / MINUTE))

    @property
    def too_long(self) -> bool:
        """Return whether some answers take longer than a campaign waits."""
        return self.needed > LONGEST

    @property
    def apart(self) -> int:
        """Return the minutes to leave between two steps, from 1 to LONGEST."""
        return min(self.needed, LONGEST)


def spacing(seen: Q, now: datetime) -> list[StepGap]:
    """Return one line for each project with a released batch, quickest first; cached for a minute."""
    return kept("spacing", seen, lambda: _spacing(seen, now))


def _spacing(seen: Q, now: datetime) -> list[StepGap]:
    lately = Batch.objects.filter(seen, ended_at__gte=now - LATELY, ended_at__lte=now).order_by()
    times = _answer_times(lately.filter(RELEASED))
    late = dict(lately.values("project").annotate(late=LATE_BATCHES).filter(late__gt=0).values_list("project", "late"))
    projects = Project.objects.in_bulk(list(times))
    found = [
        StepGap(pk, projects[pk].name, projects[pk].review, count, late.get(pk, 0), half, most)
        for pk, (count, half, most) in times.items()
    ]
    return sorted(found, key=lambda pace: (pace.most, pace.name))


class _Within(Aggregate):
    """The time within which a share of the rows came, on PostgreSQL."""

    function = "PERCENTILE_DISC"
    template = "%(function)s(%(part)s) WITHIN GROUP (ORDER BY %(expressions)s)"


def _answer_times(released: QuerySet[Batch]) -> dict[int, tuple[int, timedelta, timedelta]]:
    """Return for each project the number of batches, and the times within which half and 95 % were answered."""
    took = ExpressionWrapper(F("ended_at") - F("received_at"), output_field=DurationField())
    if connection.vendor == "postgresql":
        rows = released.values("project").annotate(
            n=Count("pk"), half=_Within(took, part="0.5"), most=_Within(took, part="0.95")
        )
        return {row["project"]: (row["n"], row["half"], row["most"]) for row in rows}
    placed = released.annotate(
        took=took,
        place=Window(RowNumber(), partition_by="project", order_by="took"),
        n=Window(Count("pk"), partition_by="project"),
    )
    half, most = (F("n") + 1) / 2, (F("n") * 95 + 99) / 100
    chosen = placed.filter(Q(place=half) | Q(place=most)).order_by("project", "place")
    found: dict[int, tuple[int, timedelta, timedelta]] = {}
    for project, count, length in chosen.values_list("project", "n", "took"):
        # The median row comes first; with a single batch it is also the 95 % row.
        found[project] = (count, found[project][1] if project in found else length, length)
    return found
