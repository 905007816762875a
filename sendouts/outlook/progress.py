"""Progress of the screening of contact files, and its forecast from the recent pace."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Sum

from sendouts import deadlines
from sendouts.models import Batch, Chunk, Status
from sendouts.outlook import forecast

# Period over which the pace is measured.
LOOKED_BACK = timedelta(seconds=30)
# Minimum time before a forecast, and minimum measured period for a pace.
FIRST_WORDS = timedelta(seconds=10)
MEASURABLE = timedelta(seconds=1)
# Contacts per second that are assumed of a batch whose pace is not known: slow checks.
ASSUMED_PACE = 500.0
# Verbs after which a batch must still be checked and decided.
SAVING = ("whole-file", "use-file")


@dataclass(frozen=True, slots=True)
class Reading:
    """Screening progress of a contact file, with a forecast at the current pace.

    `pace`: contacts per second, 0 if too few were stored. `of`: number of contacts in the file, estimated from the part
    that was read. `guessed`: the platform gave no file length, so `of` is the usual number, or None if that is unknown.
    `ends_at` and `spare`, its distance from the deadline: None without a forecast. `early`: it is too early for one.
    """

    pace: float
    of: int | None
    guessed: bool
    early: bool
    ends_at: datetime | None
    spare: timedelta | None


def readings(batches: Iterable[Batch], usually: Mapping[int, int], now: datetime) -> dict[int, Reading]:
    """Return readings for the batches in screening, by id, with one query over their recent chunks.

    usually: the usual number of contacts of each sendout, by its id.
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
        # Discount one chunk: the first was read before this period began, and all but the last have one size.
        pace = lately["stored"] * (1 - 1 / lately["chunks"]) / length.total_seconds()
    if early or not of or not pace:
        return Reading(pace, of or None, not known, early, None, None)
    ends_at = now + timedelta(seconds=min((of - batch.total) / pace, 1e8))
    return Reading(pace, of, not known, early, ends_at, batch.deadline - ends_at)


def checking_time(batch: Batch, contacts: int) -> timedelta:
    """Return about how long the checks of so many contacts take, at the pace of the batch's earlier checks."""
    stored = Chunk.objects.filter(batch=batch).aggregate(
        first=Min("stored_at"), last=Max("stored_at"), chunks=Count("pk"), stored=Sum("rows")
    )
    pace = ASSUMED_PACE
    if stored["chunks"] and (length := stored["last"] - stored["first"]) >= MEASURABLE:
        pace = stored["stored"] * (1 - 1 / stored["chunks"]) / length.total_seconds()
    return timedelta(seconds=max(1.0, contacts / pace))


def step_before(batch: Batch, step: str, now: datetime) -> datetime:
    """Return the time before which a person should take a step, by the name of its verb.

    A batch that is saved must still be checked, and decided. The deadline if it is too late for that.
    """
    if step not in SAVING:
        return forecast.answer_before(batch, now)
    moment = save_before(batch, checking_time(batch, batch.total), now)
    return moment if moment > now else batch.deadline


def save_before(batch: Batch, checking: timedelta, now: datetime) -> datetime:
    """Return the last moment at which another contact file leaves time to check it, and then to decide."""
    decide = forecast.decide_before(batch, forecast.lately(now), now)
    return deadlines.save_before(batch.received_at, batch.deadline, decide, checking)
