"""The singles of one sendout that wait for a person, as a list."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q

from desk.home.figures.in_review import WAITING
from sendouts.models import Batch

PAGE = 50


@dataclass(frozen=True, slots=True)
class SinglesPage:
    """One page of waiting singles, most urgent first. `after`: the key for the next page; empty on the last."""

    singles: list[Batch]
    after: str


def singles(seen: Q, sendout_id: int, now: datetime, after: str = "") -> SinglesPage:
    """Return the page of singles after the key `after`, which holds deadline and id of the last one shown."""
    rows = Batch.objects.filter(seen, WAITING, sendout=sendout_id, source=Batch.Source.SINGLE, deadline__gt=now)
    if key := _key(after):
        deadline, pk = key
        rows = rows.filter(Q(deadline__gt=deadline) | Q(deadline=deadline, pk__gt=pk))
    rows = rows.select_related("project", "sendout", "plan").defer("finish_uri", "download_uri")
    found = list(rows.order_by("deadline", "id")[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return SinglesPage(found[:PAGE], f"{last.deadline.isoformat()},{last.pk}" if last else "")


def _key(after: str) -> tuple[datetime, int] | None:
    """Parse a key; None if it is invalid, which means the first page."""
    moment, _comma, pk = after.rpartition(",")
    try:
        return datetime.fromisoformat(moment).astimezone(UTC), int(pk)
    except (ValueError, OverflowError):
        return None
