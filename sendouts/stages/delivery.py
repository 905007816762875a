"""Delivery: send many rejections at a time, and store the answers in groups.

A pass sends unconfirmed rejections. A later pass repeats those that may be repeated; its time is the batch's `due_at`.
No worker sleeps.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error, transaction
from django.db.models import Count, F
from django.utils import timezone

from sendouts import lifecycle
from sendouts.models import Answer, Attention, Batch, Chunk, Decision, DecisionVerdict, Outcome, Status
from sendouts.models.attention import AttentionData
from sendouts.models.decision import TO_SEND, rows_of
from sendouts.outlook import forecast
from sendouts.services.hosts import platform
from sendouts.stages import callers, storage
from sendouts.stages.chunks import Pass, read_rejections
from sendouts.stages.screening import shared_uris
from sendouts.symplify import client
from sendouts.symplify.client import Attempt
from work import claims, outages
from work.retry import backoff

# Store answers after this many, or after this many seconds, whichever comes first.
GROUP = 1_000
GROUP_SECONDS = 0.25
# Seconds over which the platform's speed is measured during a pass.
MEASURED_SECONDS = 5.0
# Retry a batch without answers at least this often, whatever Retry-After says.
LONGEST_PAUSE = timedelta(minutes=2)
_WORDS = {
    client.CallOutcome.CONFIRMED: Answer.CONFIRMED,
    client.CallOutcome.LOST: Answer.LOST,
    client.CallOutcome.RETRY: Answer.RETRY,
    client.CallOutcome.REFUSED: Answer.REFUSED,
}


def deliver(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Send the open rejections of accepted and refused batches; advance batches with every rejection confirmed."""
    started = time.monotonic()
    sending = [batch for batch in batches if batch.status == Status.ACCEPTED or settings.REFUSAL_REJECTS]
    work = Pass(claim, [batch.pk for batch in batches])
    with_rejections = [batch for batch in sending if has_open_rejections(batch)]
    if not with_rejections:
        _conclude(work, batches, {batch.pk: batch for batch in batches}, now, 0.0)
        return
    try:
        asks, patience = read_rejections(work, with_rejections), callers.patience_with(batches)
        for attempts in client.reject_many(platform(), asks, patience=patience):
            _collect(work, attempts)
    except Exception as error:
        # The database failed during a read: store the known answers, so that they are not asked for again.
        if work.answers and outages.is_outage(error):
            outages.reconnect()
            with suppress(Error):
                _store(work)
        raise
    _store(work, done=True)
    _measure(work)
    callers.note_slow(work.slowest)
    counts = Batch.objects.only("confirmed", "taken_on", "rejected").in_bulk(work.ids)
    _conclude(work, batches, counts, now, time.monotonic() - started)


def _measure(work: Pass) -> None:
    """Record how fast the platform confirms, if the pass was long enough to measure."""
    now = time.monotonic()
    seconds, work.measured_at = now - work.measured_at, now
    confirmed, work.confirmed = work.confirmed, 0
    if confirmed >= forecast.MEASURABLE or (confirmed and seconds >= MEASURED_SECONDS):
        forecast.record_rate(confirmed, seconds, timezone.now())


def _collect(work: Pass, attempts: list[Attempt]) -> None:
    work.slowest = max(work.slowest, callers.slowest(attempts))
    for attempt in attempts:
        if attempt.outcome is client.CallOutcome.HELD:
            # No call was made, so there is nothing to store. The rows, and any doubt about them, stay as they are.
            work.held[attempt.key >> 32] = attempt.retry_after or 0.0
            continue
        work.answers.append((attempt.key, _WORDS[attempt.outcome], attempt.status))
        batch_id = attempt.key >> 32
        if attempt.retry_after:
            work.pauses[batch_id] = max(attempt.retry_after, work.pauses.get(batch_id, 0.0))
        if attempt.said_no:
            work.said_no.add(batch_id)
        if attempt.host:
            work.hosts[batch_id] = attempt.code, attempt.host
    if len(work.answers) >= GROUP or time.monotonic() - work.stored_at >= GROUP_SECONDS:
        _store(work)


def _store(work: Pass, *, done: bool = False) -> None:
    """Store the answers received, and extend the claim even if there are none. done: no answer is pending."""
    answers, work.answers = work.answers, []
    work.stored_at = time.monotonic()
    confirmed = Counter(pk >> 32 for pk, word, _ in answers if word == Answer.CONFIRMED)
    repeated = Counter(pk >> 32 for pk, word, _ in answers if word in {Answer.RETRY, Answer.LOST})
    work.confirmed += confirmed.total()
    with transaction.atomic():
        work.claim.extend(work.ids, progress=bool(answers))
        if done and (settled := work.settled()):
            Chunk.objects.filter(pk__in=settled).update(sending=False)
        if answers:
            storage.store_answers(answers)
            for (batch_id, word, status), firsts in _group_shared(work, answers).items():
                others = shared_uris.store_answer(firsts, word, status)
                if word == Answer.CONFIRMED:
                    confirmed[batch_id] += others
        if confirmed:
            storage.add_confirmed(dict(confirmed))
        for pk, count in repeated.items():
            Batch.objects.filter(pk=pk).update(repeated=F("repeated") + count)
    if time.monotonic() - work.measured_at >= MEASURED_SECONDS:
        _measure(work)


def _group_shared(work: Pass, answers: list[tuple[int, int, int]]) -> dict[tuple[int, Answer, int], list[int]]:
    """Group the decisions whose answer holds for other contacts too, by batch, answer and status."""
    alike: dict[tuple[int, Answer, int], list[int]] = defaultdict(list)
    for pk, word, status in answers:
        if pk in work.shared:
            alike[pk >> 32, Answer(word), status].append(pk)
    return alike


def _conclude(work: Pass, batches: Sequence[Batch], counts: Mapping[int, Batch], now: datetime, seconds: float) -> None:
    """Advance batches with every rejection confirmed; schedule a retry of the others, or escalate them.

    counts: the batches with their counts as of now.
    """
    if work.held:
        forecast.record_silence(timezone.now() + timedelta(seconds=max(work.held.values())))
    done: dict[Status, dict[int, dict[str, Any]]] = {Status.ACCEPTED: {}, Status.REFUSED: {}}
    for batch in batches:
        if has_open_rejections(counts[batch.pk]) and (batch.status == Status.ACCEPTED or settings.REFUSAL_REJECTS):
            _try_later(work, batch, now)
        elif batch.enrichments:
            # Every rejection is confirmed; enrichment comes next.
            continue
        elif batch.status == Status.REFUSED and not _may_finish_refused(work, batch, now):
            continue
        else:
            done[Status(batch.status)][batch.pk] = find_columns(batch, now, seconds / len(batches))
    for old, columns in done.items():
        lifecycle.move(columns, old, Status.DELIVERED, now=now, claim=work.claim)


def move_on(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Advance accepted batches that are complete; send the rejections that an action caused first."""
    done = {batch.pk: find_columns(batch, now, 0.0) for batch in batches if not has_open_rejections(batch)}
    lifecycle.move(done, Status.ACCEPTED, Status.DELIVERED, now=now, claim=claim)


def has_open_rejections(batch: Batch) -> bool:
    """Return whether the platform has not confirmed every rejection, and nobody answers for the rest."""
    return batch.rejected > batch.confirmed + batch.taken_on


def find_columns(batch: Batch, now: datetime, seconds: float) -> dict[str, Any]:
    """Return the columns of a batch with every rejection confirmed; seconds: how long that took."""
    released = Outcome.RELEASED if batch.accepted else Outcome.EMPTY
    outcome = Outcome.REFUSED if batch.status == Status.REFUSED else released
    columns = {**lifecycle.CALM, "outcome": outcome, "due_at": now}
    return columns | ({"delivery_seconds": F("delivery_seconds") + round(seconds, 3)} if not batch.is_single else {})


def _may_finish_refused(work: Pass, batch: Batch, now: datetime) -> bool:
    """Return whether a refused batch may be finished; if not, alert a person and let it time out."""
    if batch.unread == 0 and batch.file_complete and settings.REFUSAL_REJECTS and settings.REFUSAL_FINISHES:
        return True
    data: AttentionData = {"rows": batch.unread, "complete": batch.file_complete, "rejected": batch.rejected}
    lifecycle.attention(batch.pk, Attention.REFUSAL_STOPS, now=now, claim=work.claim, pause=None, data=data)
    return False


def _try_later(work: Pass, batch: Batch, now: datetime) -> None:
    if batch.pk in work.shut:
        lifecycle.cannot_open(batch.pk, now=now, claim=work.claim)
        return
    open_rows = Decision.objects.filter(rows_of(batch.pk), verdict=DecisionVerdict.REJECTED).exclude(
        answer__in=(Answer.CONFIRMED, Answer.TAKEN_ON)
    )
    by_answer: dict[int, int] = dict(open_rows.values_list("answer").annotate(Count("pk")).order_by())
    repeatable = sum(by_answer.get(word, 0) for word in TO_SEND)
    data: AttentionData = {"rows": sum(by_answer.values())}
    if batch.pk in work.hosts:
        data["code"], data["host"] = work.hosts[batch.pk]
    if batch.pk in work.mixed:
        data["shared"] = True
    if batch.pk in work.said_no:
        data["said_no"] = True
    held = work.held.get(batch.pk)
    if held is not None:
        data["held"] = True
    if not repeatable:
        lifecycle.attention(batch.pk, Attention.UNCONFIRMED, now=now, claim=work.claim, pause=None, data=data)
        return
    asked = timedelta(seconds=work.pauses.get(batch.pk, 0.0))
    pause = backoff(batch.attempts + 1) if held is None else timedelta(seconds=held)
    pause = min(max(pause, asked), LONGEST_PAUSE)
    lifecycle.schedule_retry(batch, Attention.UNCONFIRMED, now=now, claim=work.claim, pause=pause, data=data)
