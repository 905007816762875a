"""Call finishUri once, after storing the intent; repeat only after a lost answer or a request to retry."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from actions.plan.merge import has_only_checks
from actions.secrets.keys import CannotOpen, keyring
from sendouts import lifecycle
from sendouts.models import Attention, Batch, EventWord, Outcome, Status
from sendouts.models.attention import AttentionData
from sendouts.privacy import sealing
from sendouts.services.hosts import platform
from sendouts.stages import callers
from sendouts.stages.plain.unseen import Unseen
from sendouts.symplify import client
from sendouts.symplify.client import Ask, Attempt
from work import claims
from work.retry import backoff

log = structlog.get_logger(__name__)
# Repeat the call at least this often, whatever Retry-After says.
LONGEST_PAUSE = timedelta(minutes=2)


def finish(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Release delivered batches. The database refuses the intent while a row is undecided, unread or unconfirmed."""
    uris = _open_uris(claim, [batch for batch in batches if batch.deadline > timezone.now()], now)
    batches = [batch for batch in batches if batch.pk in uris]
    if not batches:
        return
    began = time.monotonic()
    _intend(claim, batches, now)
    call(claim, batches, uris, began)


def call(claim: claims.Claim, batches: Sequence[Batch], uris: Mapping[int, str], began: float) -> None:
    """Call finishUri for claimed batches whose intent is stored, and store the answers.

    began: monotonic time before the intent was stored.
    """
    by_id = {batch.pk: batch for batch in batches}
    if time.monotonic() - began > settings.CLAIM_SECONDS / 2:
        # This process stood still. If another has the batches by now, it repeats the call, and this one must not.
        with transaction.atomic():
            claim.extend(list(by_id))
    asks = [
        # An intent without a stored answer means that the process died before the answer was stored.
        Ask(batch.pk, uris[batch.pk], repeat_of_lost=batch.finish_lost, nobody_left=batch.outcome != Outcome.RELEASED)
        for batch in batches
    ]
    slowest = 0.0
    for attempts in client.finish_many(platform(), asks, patience=callers.patience_with_release(batches)):
        slowest = max(slowest, callers.slowest(attempts))
        _conclude(claim, [(by_id[attempt.key], attempt) for attempt in attempts])
        for attempt in attempts:
            by_id.pop(attempt.key)
        if by_id:
            with transaction.atomic():
                claim.extend(list(by_id))
    callers.note_slow(slowest)


def _open_uris(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> dict[int, str]:
    """Return the finishUri of each batch, by batch id, if its platform takes calls now.

    No intent is stored for the others: they wait for the platform's next probe, or for the key that opens their URI.
    """
    ready = {}
    keys = keyring()
    for batch in batches:
        try:
            uri = keys.open(batch.finish_uri, sealing.of_finish(batch.delivery_key)).decode()
        except CannotOpen:
            lifecycle.cannot_open(batch.pk, now=now, claim=claim)
            continue
        wait = client.wait_before(platform(), uri)
        if wait:
            data: AttentionData = {"status": batch.finish_status, "lost": batch.finish_lost, "held": True}
            _try_later(claim, batch, timedelta(seconds=wait), data, now)
        else:
            ready[batch.pk] = uri
    return ready


def _intend(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Store that finishUri is about to be called; the answer counts as lost until it is stored."""
    repeated = [batch.pk for batch in batches if batch.finish_sent_at is not None]
    first = [batch.pk for batch in batches if batch.finish_sent_at is None]
    with transaction.atomic():
        claim.extend(first + repeated)
        called: dict[str, Any] = {"finish_attempts": F("finish_attempts") + 1, "finish_lost": True}
        if first:
            Batch.objects.filter(pk__in=first).update(finish_sent_at=now, **called)
        if repeated:
            Batch.objects.filter(pk__in=repeated).update(**called)
        lifecycle.record(first, EventWord.FINISH_SENT, now=now)
        data = {batch.pk: {"lost": batch.finish_lost, "status": batch.finish_status} for batch in batches}
        lifecycle.record(repeated, EventWord.FINISH_REPEATED, now=now, data=data)


def intend_first(claim: claims.Claim, batches: Sequence[Batch], unseen: Unseen, now: datetime) -> None:
    """Do the same for batches that nobody else sees yet, and claim them."""
    claimed = {"claim_id": claim.id, "claimed_until": claims.latest_end()}
    for batch in batches:
        unseen.change(batch, {"finish_sent_at": now, "finish_attempts": 1, "finish_lost": True, **claimed})
        unseen.record(batch, EventWord.FINISH_SENT)


def _conclude(claim: claims.Claim, answered: Sequence[tuple[Batch, Attempt]]) -> None:
    """Store the platform's answers. A 2xx counts even if the deadline ended the batch during the call."""
    now = timezone.now()
    confirmed = {}
    for batch, attempt in answered:
        if attempt.outcome is client.CallOutcome.CONFIRMED:
            answer = {"finish_status": attempt.status, "finish_lost": False, "outcome": batch.outcome}
            free = {"claim_id": None, "claimed_until": None, "due_at": None}
            confirmed[batch.pk] = {**lifecycle.CALM, **answer, **free, "ended_at": now}
    runs = any(not has_only_checks(batch.plan.content) for batch, _ in answered)
    moved = lifecycle.move(confirmed, Status.DELIVERED, Status.FINISHED, now=now, runs=runs)
    late = {pk: columns for pk, columns in confirmed.items() if pk not in moved}
    if late:
        moved += lifecycle.move(late, Status.EXPIRED, Status.FINISHED, now=now)
    claim.note_freed(moved)
    for batch, attempt in answered:
        if attempt.outcome is not client.CallOutcome.CONFIRMED:
            _handle_unconfirmed(claim, batch, attempt, now)


def _handle_unconfirmed(claim: claims.Claim, batch: Batch, attempt: Attempt, now: datetime) -> None:
    # After a lost answer the release may have happened. A definite answer to a repeat does not remove that doubt.
    lost = attempt.outcome is client.CallOutcome.LOST or batch.finish_lost
    Batch.objects.filter(pk=batch.pk, claim_id=claim.id).update(finish_lost=lost, finish_status=attempt.status)
    log.warning("finish_not_confirmed", batch=batch.pk, status=attempt.status, outcome=attempt.outcome.value)
    data: AttentionData = {"status": attempt.status, "lost": lost}
    if attempt.host:
        data |= {"host": attempt.host, "code": attempt.code}
    if attempt.said_no:
        data["said_no"] = True
    if attempt.outcome is client.CallOutcome.REFUSED:
        lifecycle.attention(batch.pk, Attention.FINISH_UNCONFIRMED, now=now, claim=claim, pause=None, data=data)
        return
    asked = timedelta(seconds=attempt.retry_after or 0)
    held = attempt.outcome is client.CallOutcome.HELD
    if held:
        data["held"] = True
    _try_later(claim, batch, asked if held else max(backoff(batch.attempts + 1), asked), data, now)


def _try_later(claim: claims.Claim, batch: Batch, pause: timedelta, data: AttentionData, now: datetime) -> None:
    pause = min(pause, LONGEST_PAUSE)
    lifecycle.schedule_retry(batch, Attention.FINISH_UNCONFIRMED, now=now, claim=claim, pause=pause, data=data)
