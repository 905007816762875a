"""How far the screening of contact files is, and when it will be done, from the pace of the last seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Sum

from sendouts.models import Batch, Chunk, Status

# The pace is that of what was stored in so many seconds.
LOOKED_BACK = timedelta(seconds=30)
# Before so much time has passed it says nothing, and what was stored in less than so much says nothing of a pace.
FIRST_WORDS = timedelta(seconds=10)
MEASURABLE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the screening of a contact file is, and when it will be done if it goes on as it does now.

    `pace`: contacts a second, 0 where too little was stored to tell. `of`: how many contacts the file holds, from how much of
    it was read, or where the platform did not say how long it is (`guessed`) what is usual; None where neither tells.
    `ends_at` and `spare`, its distance from the deadline: None without a forecast; `early`: because it is too early for one.
    """

    pace: float
    of: int | None
    guessed: bool
    early: bool
    ends_at: datetime | None
    spare: timedelta | None


def readings(batches: Iterable[Batch], usually: Mapping[int, int], now: datetime) -> dict[int, Reading]:
    """The batches whose contact file is being screened, by id: one query over their chunks of the last seconds.

    usually: how many contacts the files of a sendout have, by its id.
    """
    read = [each for each in batches if each.status == Status.PLANNED and not each.is_single and each.total]
    if not read:
        return {}
    stored = (
        Chunk.objects.filter(batch__in=[each.pk for each in read], stored_at__gte=now - LOOKED_BACK)
        .values("batch")
        .annotate(first=Min("stored_at"), last=Max("stored_at"), chunks=Count("pk"), stored=Sum("rows"))
    )
    lately = {row["batch"]: row for row in stored}
    return {each.pk: _reading(each, lately.get(each.pk), usually.get(each.sendout_id, 0), now) for each in read}


def _reading(batch: Batch, lately: Mapping[str, Any] | None, usually: int, now: datetime) -> Reading:
    known = batch.read_share > 0.01
    of = max(batch.total, round(batch.total / batch.read_share)) if known else usually
    if of < batch.total:
        of = 0
    early = now - batch.received_at < FIRST_WORDS
    pace = 0.0
    if lately and (length := lately["last"] - lately["first"]) >= MEASURABLE:
        # The first of them was read before this time began; chunks are of one size, but for the last one.
        pace = lately["stored"] * (1 - 1 / lately["chunks"]) / length.total_seconds()
    if early or not of or not pace:
        return Reading(pace, of or None, not known, early, None, None)
    ends_at = now + timedelta(seconds=min((of - batch.total) / pace, 1e8))
    return Reading(pace, of, not known, early, ends_at, batch.deadline - ends_at)
