"""What is usual for a sendout: the last contact files of it that were sent."""

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

from django.db.models import ExpressionWrapper, F, FloatField, OuterRef, Subquery, Value

from actions.models import Sendout
from sendouts.models import Batch, Outcome, Status

COMPARED = 8
# Fewer say nothing about what is usual.
ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Usual:
    """Of the last files of a sendout: the middle of the shares rejected, in percent, their range, and the middle size."""

    share: float
    lowest: float
    highest: float
    size: int


def usual(sendouts: Collection[int]) -> dict[int, Usual]:
    """What is usual for each of these sendouts that was sent often enough to say so; one query of few rows each."""
    if not sendouts:
        return {}
    past = Batch.objects.filter(
        sendout=OuterRef("pk"),
        source=Batch.Source.BATCH,
        status=Status.FINISHED,
        outcome__in=(Outcome.RELEASED, Outcome.EMPTY),
        ended_at__isnull=False,
        total__gt=0,
    ).order_by("-ended_at")
    share = ExpressionWrapper(Value(100.0) * F("rejected") / F("total"), output_field=FloatField())
    # One look into the index for each place: databases have no other way in common to get the last few of each.
    columns = {f"share_{place}": Subquery(past.values(part=share)[place : place + 1]) for place in range(COMPARED)}
    columns |= {f"size_{place}": Subquery(past.values("total")[place : place + 1]) for place in range(COMPARED)}
    found = {}
    for row in Sendout.objects.filter(pk__in=set(sendouts)).order_by().annotate(**columns).values("pk", *columns):
        shares = [row[f"share_{place}"] for place in range(COMPARED) if row[f"share_{place}"] is not None]
        sizes = [row[f"size_{place}"] for place in range(COMPARED) if row[f"size_{place}"] is not None]
        if len(shares) >= ENOUGH:
            found[row["pk"]] = Usual(median(shares), min(shares), max(shares), int(median(sizes)))
    return found
