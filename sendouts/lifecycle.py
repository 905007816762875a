"""The legal status changes of a batch, and `move`, the only function that changes a status that others see."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Case, DateTimeField, F, Value, When
from django.db.models.functions import Now

from sendouts.models import (
    Attention,
    Batch,
    Chunk,
    Decision,
    EffectRun,
    Event,
    EventWord,
    PendingEffect,
    SharedUri,
    Spool,
    Status,
)
from sendouts.models.attention import AttentionData
from sendouts.models.batch import OPEN
from sendouts.models.decision import rows_of
from sendouts.models.effect import effects_of
from sendouts.models.hold_reason import HoldReason
from work import claims

log = structlog.get_logger(__name__)
# How soon to retry a batch with a missing key.
KEY_PAUSE = timedelta(minutes=1)
# Escalate to a person after this many failed attempts in a row. Other systems recover from shorter faults unaided.
QUIET_ATTEMPTS = 4
# The columns of a batch after a success: nothing stops it, and its failures do not count any more.
CALM: Mapping[str, Any] = {"attention": "", "attention_data": {}, "attempts": 0}
# Readers are told of these statuses, for batches of every source.
_TOLD = frozenset({Status.IN_REVIEW, Status.EXPIRED})

LEGAL: Mapping[Status, frozenset[Status]] = {
    Status.PLANNED: frozenset({Status.SCREENED, Status.EXPIRED, Status.ABANDONED}),
    Status.SCREENED: frozenset({Status.IN_REVIEW, Status.ACCEPTED, Status.EXPIRED}),
    Status.IN_REVIEW: frozenset({Status.ACCEPTED, Status.REFUSED, Status.PLANNED, Status.EXPIRED, Status.ABANDONED}),
    Status.ACCEPTED: frozenset({Status.DELIVERED, Status.IN_REVIEW, Status.EXPIRED, Status.ABANDONED}),
    Status.REFUSED: frozenset({Status.DELIVERED, Status.IN_REVIEW, Status.EXPIRED, Status.ABANDONED}),
    # Back to review only before finishUri is called: verbs.stop.StopRelease checks this under the row's lock.
    Status.DELIVERED: frozenset({Status.FINISHED, Status.IN_REVIEW, Status.EXPIRED, Status.ABANDONED}),
    # The platform's 2xx to a call of finishUri that was open at the deadline wins.
    Status.EXPIRED: frozenset({Status.FINISHED}),
    Status.FINISHED: frozenset(),
    Status.ABANDONED: frozenset(),
}


def move(
    columns: Mapping[int, Mapping[str, Any]],
    old: Status,
    new: Status,
    *,
    now: datetime,
    claim: claims.Claim | None = None,
    user: User | None = None,
    note: str = "",
    data: Mapping[int, Mapping[str, Any]] | None = None,
    runs: bool = True,
) -> list[int]:
    """Change the status of batches by compare-and-set, together with further columns, and append the events.

    columns: for each batch id, the columns that change with the status. With a claim, only batches that it still holds
    move. runs: whether any of them may have runs of effects. Returns the ids that moved; the others had another status
    by then. Runs one UPDATE for each different set of columns.
    """
    if new not in LEGAL[old]:
        raise ValueError(f"{old} never becomes {new}")
    conditions: dict[str, Any] = {"pk__in": list(columns), "status": old}
    if claim is not None:
        conditions["claim_id"] = claim.id
    with transaction.atomic(savepoint=False):
        found = Batch.objects.select_for_update().filter(**conditions).order_by("pk")
        rows = list(found.values_list("pk", "revision", "source"))
        revisions = {pk: revision + 1 for pk, revision, _ in rows}
        moved = list(revisions)
        alike: dict[str, list[int]] = defaultdict(list)
        for pk in moved:
            alike[repr(sorted(columns[pk].items(), key=lambda item: item[0]))].append(pk)
        for ids in alike.values():
            Batch.objects.filter(pk__in=ids).update(**with_the_move(columns[ids[0]], new, now))
        record(moved, EventWord.MOVED, now=now, old=old, new=new, user=user, note=note, data=data, revisions=revisions)
        if moved and new not in OPEN:
            if runs:
                # Transfers of the outcome start; prepared effects that are no longer needed are cleared.
                EffectRun.objects.filter(batch_id__in=moved, ended_at__isnull=True).update(due_at=claims.due_in())
            if files := [pk for pk, _, source in rows if source == Batch.Source.BATCH]:
                # The contact file is removed.
                Spool.objects.filter(pk__in=files).update(state=Spool.State.OVER, due_at=claims.due_in())
    if moved:
        log.info("moved", old=old.value, new=new.value, batches=len(moved), first=moved[0])
    return moved


def with_the_move(columns: Mapping[str, Any], new: Status, now: datetime) -> dict[str, Any]:
    """Return the columns of batches that move, with those that follow from their new status."""
    same = {"status": new, "revision": F("revision") + 1, "deaths": 0, **_due_now(columns, now)}
    if new in _TOLD or same.get("attention"):
        same["tell_at"] = now
    elif new not in OPEN:
        # The end of single contacts is reported only if the deadline passed without an answer.
        same["tell_at"] = Case(When(source=Batch.Source.BATCH, then=Value(now)), output_field=DateTimeField())
    return same


def _due_now(columns: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the columns; what is due at once is due on the database's clock, since `now` may be old or wrong."""
    due_at = columns.get("due_at")
    return {**columns, "due_at": claims.due_in()} if due_at is not None and due_at <= now else dict(columns)


def forget_screening(batch_id: int) -> None:
    """Delete the results of a batch's screening, in the caller's transaction."""
    Decision.objects.filter(rows_of(batch_id)).delete()
    SharedUri.objects.filter(rows_of(batch_id)).delete()
    Chunk.objects.filter(batch_id=batch_id).delete()
    PendingEffect.objects.filter(effects_of(batch_id)).delete()
    EffectRun.objects.filter(batch_id=batch_id).delete()


def record(
    ids: Collection[int],
    word: EventWord,
    *,
    now: datetime,
    old: str = "",
    new: str = "",
    user: User | None = None,
    note: str = "",
    data: Mapping[int, Mapping[str, Any]] | None = None,
    revisions: Mapping[int, int] | None = None,
) -> None:
    """Append one event for each batch, in the caller's transaction.

    revisions: the batches' new revisions, if the event reports a change that raised them.
    """
    who = user.get_username() if user is not None else ""
    same = {"at": now, "word": word, "old": old, "new": new, "user": user, "who": who, "note": note}
    Event.objects.bulk_create(
        Event(batch_id=pk, data=dict((data or {}).get(pk, {})), revision=(revisions or {}).get(pk, 0), **same)
        for pk in ids
    )


def change(
    batch: Batch,
    word: EventWord,
    *,
    now: datetime,
    user: User | None = None,
    note: str = "",
    data: Mapping[str, Any] | None = None,
    **columns: Any,
) -> None:
    """Change a locked batch without a change of status: raise its revision, and append the event."""
    Batch.objects.filter(pk=batch.pk).update(revision=F("revision") + 1, **_due_now(columns, now))
    revisions = {batch.pk: batch.revision + 1}
    record([batch.pk], word, now=now, user=user, note=note, data={batch.pk: data or {}}, revisions=revisions)


def attention(
    batch_id: int,
    code: Attention,
    *,
    now: datetime,
    claim: claims.Claim,
    pause: timedelta | None,
    data: AttentionData,
) -> None:
    """Record that a stage could not complete. pause: the time until the retry, None if a person must act first."""
    with transaction.atomic():
        claim.extend([batch_id], progress=True)
        batch = Batch.objects.only("revision", "attention", "attention_data").get(pk=batch_id)
        due_at = None if pause is None else claims.due_in(pause)
        Batch.objects.filter(pk=batch_id).update(due_at=due_at, attempts=F("attempts") + 1)
        before, about = found_in_hook(batch)
        kept = data.copy()
        if before:
            kept["hook"] = [before, about]
        if (batch.attention, batch.attention_data) != (code, kept):
            found = {"code": code.value, **data}
            change(batch, EventWord.ATTENTION, now=now, data=found, attention=code, attention_data=kept, tell_at=now)
            log.warning("attention", batch=batch_id, code=code.value, tried_again=pause is not None)


def cannot_open(batch_id: int, *, now: datetime, claim: claims.Claim) -> None:
    """Record that no key opens what the batch needs, and schedule a retry: only the key is missing."""
    attention(batch_id, Attention.KEY_MISSING, now=now, claim=claim, pause=KEY_PAUSE, data={})


def found_in_hook(batch: Batch) -> tuple[str, AttentionData]:
    """Return the problem that planning found in the hook; it outlasts a later attention that replaced it."""
    if batch.attention in {Attention.HOOK_UNCLEAR, Attention.SAME_FINISH}:
        return batch.attention, batch.attention_data
    code, data = batch.attention_data.get("hook", ("", {}))
    return code, data


def look_again(batch_id: int, *, claim: claims.Claim, pause: timedelta = timedelta(), failed: bool = False) -> None:
    """Look at a batch again after a pause, and count a failed attempt; nothing else changes."""
    with transaction.atomic():
        claim.extend([batch_id], progress=True)
        Batch.objects.filter(pk=batch_id).update(due_at=claims.due_in(pause), attempts=F("attempts") + int(failed))


def schedule_retry(
    batch: Batch,
    code: Attention,
    *,
    now: datetime,
    claim: claims.Claim,
    pause: timedelta,
    data: AttentionData,
    tell: bool = False,
) -> None:
    """Retry a failed stage after a pause; after a few failures in succession, or with `tell`, people are told why."""
    if tell or batch.attempts + 1 >= QUIET_ATTEMPTS:
        attention(batch.pk, code, now=now, claim=claim, pause=pause, data=data)
    else:
        look_again(batch.pk, claim=claim, pause=pause, failed=True)


def expire(now: datetime, ids: Collection[int] | None = None) -> list[int]:
    """End every open, unclaimed batch after its deadline; return their ids.

    A worker that still waits for answers ends its own batches after the answers. The database's clock must agree, so
    that a process with a clock that jumps ahead ends nothing.
    """
    late = Batch.objects.filter(claims.free(), status__in=OPEN, deadline__lte=now).filter(
        deadline__lte=Now() + claims.SLACK
    )
    if ids is not None:
        late = late.filter(pk__in=ids)
    expired = []
    by_status: dict[str, list[int]] = defaultdict(list)
    restored = []
    for pk, status, held_for in late.values_list("pk", "status", "held_for")[:5_000]:
        by_status[status].append(pk)
        if HoldReason.RESTORED in held_for:
            restored.append(pk)
    end = {"due_at": None, "ended_at": now, "outcome": "", "claim_id": None, "claimed_until": None}
    for status, found in by_status.items():
        expired += move(dict.fromkeys(found, end), Status(status), Status.EXPIRED, now=now)
    if restored:
        # It may have been answered after the backup: readers are not told that it was not.
        Batch.objects.filter(pk__in=restored).update(tell_at=None)
    return expired
