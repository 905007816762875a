"""Put due messages into the outbox as rows, once for each reader even if several sweeps run at the same moment.

`Batch.tell_at` says when to look at a batch. Lifecycle sets it when the batch is held, in trouble or over; this module
moves it on to half and to 80 % of the batch's time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from notices.messages.readers import Reader, Wishes, wishes
from notices.models import Message, Occasion
from sendouts.models import Batch, Status
from sendouts.models.batch import OPEN

AT_ONCE = 500
RETIRED_AT_ONCE = 5_000
# Limit of one run, so that it ends; the next run takes the rest.
LOOKS = 10
# Report the singles of a sendout together: one mail in this many minutes, delayed by GATHER to collect others.
WINDOW = timedelta(minutes=10)
GATHER = timedelta(seconds=20)
# Report trouble that the gateway retries only if it lasts this long.
BY_ITSELF = timedelta(seconds=60)
HELD = Q(status__in=OPEN) & (Q(status=Status.IN_REVIEW) | ~Q(attention=""))


@dataclass(frozen=True, slots=True)
class Cause:
    """Reason for a message: an occasion, and the detail that distinguishes it from others of that occasion."""

    occasion: Occasion
    detail: str = ""


def is_held(batch: Batch) -> bool:
    """Return whether the batch waits for a person: for a decision, or because it cannot go on."""
    return batch.is_open and (batch.status == Status.IN_REVIEW or bool(batch.attention))


def half(batch: Batch) -> datetime:
    return batch.received_at + (batch.deadline - batch.received_at) / 2


def most(batch: Batch) -> datetime:
    """Return the moment at which 80 % of the batch's time are gone."""
    return batch.received_at + (batch.deadline - batch.received_at) * 4 / 5


def causes(batch: Batch, now: datetime) -> list[Cause]:
    """Return the possible causes at `now`. Each reader gets the first one they want, so that no reader gets two."""
    if not batch.is_open:
        return [Cause(Occasion.ENDED, batch.status)]
    if not is_held(batch) or now >= batch.deadline:
        return []
    gone = [Cause(Occasion.NEARLY_GONE)] if now >= most(batch) else []
    gone += [Cause(Occasion.HALF_GONE)] if now >= half(batch) else []
    if batch.tell_at in {half(batch), most(batch)}:
        return gone
    found = [Cause(Occasion.ATTENTION, batch.attention)] if batch.attention else []
    found += [Cause(Occasion.WAITING)] if batch.status == Status.IN_REVIEW else []
    return found + gone


def following(batch: Batch, now: datetime) -> datetime | None:
    """Return the next moment to look at the batch."""
    if not is_held(batch):
        return None
    return next((moment for moment in (half(batch), most(batch)) if moment > now), None)


def fill(now: datetime) -> int:
    """Put all due messages into the outbox and return how many batches were looked at."""
    seen = 0
    for _ in range(LOOKS):
        looked = _fill_some(now)
        seen += looked
        if looked < AT_ONCE:
            break
    return seen


def look_again(now: datetime) -> None:
    """Look at all batches again, since `tell_at` may come from a wrong clock. What is not due yet is not told."""
    Batch.objects.filter(tell_at__gt=now).update(tell_at=now)


def _fill_some(now: datetime) -> int:
    """Write the rows of some batches and move their `tell_at`, in one transaction.

    Skips rows locked by other processes, which take other batches meanwhile.
    """
    due = Batch.objects.filter(tell_at__lte=now).order_by("tell_at")
    if not due.exists():
        return 0
    columns = ("source", "status", "attention", "received_at", "deadline", "due_at", "tell_at", "project", "sendout")
    with transaction.atomic():
        batches = list(due.select_for_update(skip_locked=True).only(*columns)[:AT_ONCE])
        told = [(batch, found) for batch in batches if (found := causes(batch, now))]
        wanted = wishes({batch.project_id for batch, _ in told}) if told else {}
        _insert(_build_batch_rows([each for each in told if not each[0].is_single], wanted, now))
        _insert(_build_single_rows([each for each in told if each[0].is_single], wanted, now))
        for batch in batches:
            batch.tell_at = following(batch, now)
        Batch.objects.bulk_update(batches, ["tell_at"])
    return len(batches)


def _insert(rows: Sequence[Message]) -> None:
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    # A dropped message may be needed again after a person took a decision back.
    wanted = {_key(row): row.due_at for row in rows}
    batches, sendouts = {row.batch_id for row in rows}, {row.sendout_id for row in rows if row.window is not None}
    where = Q(batch__in=batches) | Q(sendout__in=sendouts, window__in={row.window for row in rows if row.window})
    again = [row for row in Message.objects.filter(where, state=Message.State.DROPPED) if _key(row) in wanted]
    for due_at in {wanted[_key(row)] for row in again}:
        same = [row.pk for row in again if wanted[_key(row)] == due_at]
        dropped = Message.objects.filter(pk__in=same, state=Message.State.DROPPED)
        dropped.update(state=Message.State.WAITING, due_at=due_at)


def _key(row: Message) -> tuple[object, ...]:
    return row.batch_id, row.sendout_id, row.window, row.occasion, row.detail, row.user_id, row.channel_id


Told = Iterable[tuple[Batch, list[Cause]]]


def _first(found: Iterable[Cause], wanted: frozenset[str]) -> Cause | None:
    return next((cause for cause in found if cause.occasion in wanted), None)


def _build_batch_rows(told: Told, wanted: Wishes, now: datetime) -> list[Message]:
    rows = []
    for batch, found in told:
        by_itself = batch.due_at is not None and batch.status != Status.IN_REVIEW
        for reader, occasions in wanted[batch.project_id].items():
            if cause := _first(found, occasions):
                patient = by_itself and cause.occasion == Occasion.ATTENTION
                rows.append(_message(batch.sendout_id, cause, reader, now + BY_ITSELF if patient else now, now))
                rows[-1].batch = batch
    return rows


def _build_single_rows(told: Told, wanted: Wishes, now: datetime) -> list[Message]:
    """Build one row for each sendout, cause and reader; in the next ten minutes if the current ones had theirs."""
    groups: dict[tuple[int, Cause, Reader], None] = {}
    for batch, found in told:
        for reader, occasions in wanted[batch.project_id].items():
            if cause := _first(found, occasions):
                groups[batch.sendout_id, cause, reader] = None
    if not groups:
        return []
    start = window_of(now)
    had = set(
        Message.objects.filter(window=start, sendout__in={sendout for sendout, *_ in groups})
        .exclude(state__in=[Message.State.WAITING, Message.State.DROPPED])
        .values_list("sendout", "occasion", "detail", "user", "channel")
    )
    rows = []
    for sendout, cause, reader in groups:
        row = _message(sendout, cause, reader, now + GATHER, now)
        row.window = start
        if (sendout, row.occasion, row.detail, row.user_id, row.channel_id) in had:
            row.window = row.due_at = start + WINDOW
        rows.append(row)
    return rows


def window_of(now: datetime) -> datetime:
    """Return the start of the ten minutes that contain `now`."""
    seconds = int(now.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(WINDOW.total_seconds()), tz=now.tzinfo)


def _message(sendout: int, cause: Cause, reader: Reader, due_at: datetime, now: datetime) -> Message:
    whom = {f"{reader.column}_id": reader.pk}
    return Message(sendout_id=sendout, occasion=cause.occasion, detail=cause.detail, due_at=due_at, made_at=now, **whom)


def retire(now: datetime) -> None:
    """Delete messages older than the retention period."""
    before = now - timedelta(days=settings.RETENTION_DAYS)
    old = Message.objects.filter(made_at__lt=before).order_by("made_at").values_list("pk", flat=True)
    while found := list(old[:RETIRED_AT_ONCE]):
        Message.objects.filter(pk__in=found).delete()
