"""Sending the rejections, many at a time, and storing every answer, in groups.

A pass sends what is not confirmed yet. What may be repeated is repeated in a later pass, whose moment stands on the batch;
nobody sleeps. Chunks are marked before the first of their rejections leaves: after a kill, an unanswered rejection of a marked
chunk may have had its effect, so that “gone” is then a confirmation.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from actions.encrypted import CannotOpen
from sendouts import bulk, claims, forecast, lifecycle, sealing
from sendouts.allowing import platform
from sendouts.deadlines import backoff
from sendouts.models import Answer, Attention, Batch, Chunk, Decision, Event, Outcome, Status, Verdict, Word
from sendouts.models.decision import TO_SEND, rows_of
from sendouts.symplify import client
from sendouts.symplify.client import Ask, Attempt

log = structlog.get_logger(__name__)
# Answers are stored in groups of so many, or after so many seconds, whichever comes first.
GROUP = 1_000
GROUP_SECONDS = 0.25
# What the platform's speed is measured over, in seconds, while a pass goes on.
MEASURED_SECONDS = 5.0
# Chunks marked at once as being sent: one small UPDATE for some thousands of rejections.
MARKED_AT_ONCE = 8
# Chunks that are read from the database at once.
CHUNKS_READ = 200
# Rows that are asked for by their ids, together with those of other batches; more of one batch are a range of their own.
FEW_ROWS = 100
QUIET_PASSES = 4
# A batch whose answers do not come is looked at again at least this often, whatever Retry-After says.
LONGEST_PAUSE = timedelta(minutes=2)
_WORDS = {
    client.Outcome.CONFIRMED: Answer.CONFIRMED,
    client.Outcome.LOST: Answer.LOST,
    client.Outcome.RETRY: Answer.RETRY,
    client.Outcome.REFUSED: Answer.REFUSED,
}


@dataclass(slots=True)
class _Pass:
    """What one pass has learnt and not yet stored.

    `in_doubt`: chunks that an earlier pass was killed over; `held`: seconds to wait for batches whose platform takes no
    calls at the moment; `shut`: batches of which no key opens every URI.
    """

    claim: claims.Claim
    ids: list[int]
    answers: list[tuple[int, int, int]] = field(default_factory=list)
    stored_at: float = field(default_factory=time.monotonic)
    marked: list[int] = field(default_factory=list)
    in_doubt: set[int] = field(default_factory=set)
    held: dict[int, float] = field(default_factory=dict)
    shut: set[int] = field(default_factory=set)
    confirmed: int = 0
    measured_at: float = field(default_factory=time.monotonic)
    pauses: dict[int, float] = field(default_factory=dict)
    hosts: dict[int, tuple[str, str]] = field(default_factory=dict)
    _refused_by: dict[int, int | None] = field(default_factory=dict)

    def refused_by(self, batch: Batch) -> int | None:
        """Who refused the batch; nobody where that was declared for the deadline."""
        if batch.pk not in self._refused_by:
            event = Event.objects.filter(batch=batch, word=Word.MOVED, new=Status.REFUSED).last()
            self._refused_by[batch.pk] = event.user_id if event is not None else None
        return self._refused_by[batch.pk]


def deliver(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Send the open rejections of accepted and refused batches, and move on those that are all confirmed."""
    started = time.monotonic()
    sending = [batch for batch in batches if batch.status == Status.ACCEPTED or settings.REFUSAL_REJECTS]
    work = _Pass(claim, [batch.pk for batch in batches])
    with_rejections = [batch for batch in sending if batch.rejected > batch.confirmed + batch.taken_on]
    try:
        for attempts in client.reject_many(platform(), _asks(work, with_rejections)):
            _collect(work, attempts)
    except (OperationalError, InterfaceError):
        _keep_known(work)
        raise
    _store(work, done=True)
    _measure(work)
    _conclude(work, batches, now, (time.monotonic() - started) if with_rejections else 0.0)


def _keep_known(work: _Pass) -> None:
    """The database failed while the next rejections were read: an answer that came before is not to be asked for again."""
    if work.answers:
        with suppress(OperationalError, InterfaceError):
            _store(work)


def _settled(work: _Pass) -> list[int]:
    """Chunks whose every answer is known. Where calls were not made, the doubt of an earlier kill stays on its chunks."""
    return [pk for pk in work.marked if not ((work.held or work.shut) and pk in work.in_doubt)]


def _measure(work: _Pass) -> None:
    """Tell others how fast the platform confirms, where there was enough to measure."""
    now = time.monotonic()
    seconds, work.measured_at = now - work.measured_at, now
    confirmed, work.confirmed = work.confirmed, 0
    if confirmed >= forecast.MEASURABLE or (confirmed and seconds >= MEASURED_SECONDS):
        forecast.measured(confirmed, seconds, timezone.now())


def _asks(work: _Pass, batches: Iterable[Batch]) -> Iterator[Ask]:
    """The rejections to send, chunk by chunk; a batch past its deadline sends nothing more."""
    waiting: list[tuple[Batch, Chunk]] = []
    for batch in batches:
        for chunk in _chunks(batch):
            waiting.append((batch, chunk))
            if len(waiting) >= (MARKED_AT_ONCE if not batch.is_single else 200):
                yield from _marked(work, waiting)
                waiting = []
    yield from _marked(work, waiting)


def _chunks(batch: Batch) -> Iterator[Chunk]:
    """The chunks of a batch in their order, some hundred a query.

    One open query over all of them would have SQLite refuse every write in between, once anybody else has written.
    """
    last = -1
    while some := list(Chunk.objects.filter(batch=batch, number__gt=last).order_by("number")[:CHUNKS_READ]):
        yield from some
        last = some[-1].number


def _marked(work: _Pass, chunks: list[tuple[Batch, Chunk]]) -> Iterator[Ask]:
    now = timezone.now()
    chunks = [(batch, chunk) for batch, chunk in chunks if batch.deadline > now and batch.pk not in work.held]
    if not chunks:
        return
    ids = [chunk.pk for _, chunk in chunks]
    with transaction.atomic():
        work.claim.extend(work.ids)
        Chunk.objects.filter(pk__in=ids).update(sending=True)
        for batch, chunk in chunks:
            if batch.status == Status.REFUSED:
                _refuse_rows(_span(batch, chunk), work.refused_by(batch))
    work.marked += ids
    work.in_doubt |= {chunk.pk for _, chunk in chunks if chunk.sending}
    lost = {(batch.pk << 32) + batch.chunk_rows * chunk.number for batch, chunk in chunks if chunk.sending}
    by_id = {batch.pk: batch for batch, _ in chunks}
    unseal = sealing.keyring().open
    for where in _wheres(chunks):
        open_rows = Decision.objects.filter(where, verdict=Verdict.REJECTED, answer__in=TO_SEND).order_by("pk")
        rows = list(open_rows.values_list("pk", "uri", "answer"))
        # Somebody may have stopped the release since the chunks were marked, and changed a decision: what is sent was read
        # while it was still to be sent.
        work.claim.check(work.ids)
        now = timezone.now()
        for count, (pk, sealed, answer) in enumerate(rows):
            batch = by_id[pk >> 32]
            if count % 100 == 0:
                now = timezone.now()
            if batch.deadline <= now or batch.pk in work.held:
                continue
            try:
                uri = unseal(sealed, sealing.of_decision(pk)).decode()
            except CannotOpen:
                work.shut.add(batch.pk)
                continue
            chunk_start = pk - (pk & 0xFFFF_FFFF) % batch.chunk_rows
            yield Ask(pk, uri, repeat_of_lost=answer == Answer.LOST or chunk_start in lost)


def _wheres(chunks: Sequence[tuple[Batch, Chunk]]) -> Iterator[Q]:
    """Conditions that find the rows of these chunks through the primary key, in few queries.

    Ranges joined by OR would have SQLite read the whole table: hence one range for the chunks of a file that follow each
    other, and the ids themselves for singles, which have few rows each.
    """
    ids: list[int] = []
    for batch, group in groupby(chunks, key=itemgetter(0)):
        parts = [chunk for _, chunk in group]
        first, last = parts[0].number * batch.chunk_rows, parts[-1].number * batch.chunk_rows + parts[-1].rows
        if last - first > FEW_ROWS:
            yield rows_of(batch.pk, first, last - first)
            continue
        ids += range(batch.first_decision + first, batch.first_decision + last)
        if len(ids) >= FEW_ROWS:
            yield Q(pk__in=ids)
            ids = []
    if ids:
        yield Q(pk__in=ids)


def _span(batch: Batch, chunk: Chunk) -> Q:
    return rows_of(batch.pk, chunk.number * batch.chunk_rows, chunk.rows)


def _refuse_rows(span: Q, user_id: int | None) -> None:
    """Turn the decisions of a chunk of a refused batch to rejected, as the person who refused it decided."""
    rows = Decision.objects.filter(span).exclude(verdict=Verdict.REJECTED).exclude(uri=b"")
    rows.update(verdict=Verdict.REJECTED, reason="refused", text="", action="", decided_by=user_id)


def _collect(work: _Pass, attempts: list[Attempt]) -> None:
    for attempt in attempts:
        if attempt.outcome is client.Outcome.HELD:
            # Not called: nothing to store. Its rows stay as they are, and so does any doubt about them.
            work.held[attempt.key >> 32] = attempt.retry_after or 0.0
            continue
        work.answers.append((attempt.key, _WORDS[attempt.outcome], attempt.status))
        batch_id = attempt.key >> 32
        if attempt.retry_after:
            work.pauses[batch_id] = max(attempt.retry_after, work.pauses.get(batch_id, 0.0))
        if attempt.host:
            work.hosts[batch_id] = attempt.code, attempt.host
    if len(work.answers) >= GROUP or time.monotonic() - work.stored_at >= GROUP_SECONDS:
        _store(work)


def _store(work: _Pass, *, done: bool = False) -> None:
    """Store the answers that came; also without any, the claim is extended. done: none is waited for any more."""
    answers, work.answers = work.answers, []
    work.stored_at = time.monotonic()
    confirmed = Counter(pk >> 32 for pk, word, _ in answers if word == Answer.CONFIRMED)
    repeated = Counter(pk >> 32 for pk, word, _ in answers if word in {Answer.RETRY, Answer.LOST})
    work.confirmed += confirmed.total()
    with transaction.atomic():
        work.claim.extend(work.ids, progress=bool(answers))
        if done and (settled := _settled(work)):
            Chunk.objects.filter(pk__in=settled).update(sending=False)
        if answers:
            bulk.store_answers(answers)
        if confirmed:
            bulk.add_confirmed(dict(confirmed))
        for pk, count in repeated.items():
            Batch.objects.filter(pk=pk).update(repeated=F("repeated") + count)
    if time.monotonic() - work.measured_at >= MEASURED_SECONDS:
        _measure(work)


def _conclude(work: _Pass, batches: Sequence[Batch], now: datetime, seconds: float) -> None:
    """Move on what is confirmed; say of the rest when it is tried again, or that a person must act."""
    counts = {
        pk: (confirmed + taken_on, rejected)
        for pk, confirmed, taken_on, rejected in Batch.objects.filter(pk__in=work.ids).values_list(
            "pk", "confirmed", "taken_on", "rejected"
        )
    }
    if work.held:
        forecast.silent(timezone.now() + timedelta(seconds=max(work.held.values())))
    done: dict[Status, dict[int, dict[str, Any]]] = {Status.ACCEPTED: {}, Status.REFUSED: {}}
    for batch in batches:
        answered, rejected = counts[batch.pk]
        if answered < rejected and (batch.status == Status.ACCEPTED or settings.REFUSAL_REJECTS):
            _try_later(work, batch, now)
        elif batch.enrichments:
            # Every rejection is confirmed; what is written about the accepted comes next.
            continue
        elif batch.status == Status.REFUSED and not _refusal_ends(work, batch, now):
            continue
        else:
            share = seconds / len(batches)
            done[Status(batch.status)][batch.pk] = _delivered(batch, now, share)
    for old, columns in done.items():
        lifecycle.move(columns, old, Status.DELIVERED, now=now, claim=work.claim)


def move_on(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Move on the accepted batches that lack nothing any more; where an action rejected contacts, these are sent first."""
    done = {
        batch.pk: _delivered(batch, now, 0.0) for batch in batches if batch.rejected == batch.confirmed + batch.taken_on
    }
    lifecycle.move(done, Status.ACCEPTED, Status.DELIVERED, now=now, claim=claim)


def _delivered(batch: Batch, now: datetime, seconds: float) -> dict[str, Any]:
    released = Outcome.RELEASED if batch.accepted else Outcome.EMPTY
    outcome = Outcome.REFUSED if batch.status == Status.REFUSED else released
    columns = {"outcome": outcome, "attention": "", "attention_data": {}, "attempts": 0, "due_at": now}
    return columns | ({"delivery_seconds": F("delivery_seconds") + round(seconds, 3)} if not batch.is_single else {})


def _refusal_ends(work: _Pass, batch: Batch, now: datetime) -> bool:
    """Whether a refused batch may be finished; where it may not, it is left to time out, and a person is told."""
    if batch.unread == 0 and batch.file_complete and settings.REFUSAL_REJECTS and settings.REFUSAL_FINISHES:
        return True
    data = {"rows": batch.unread, "complete": batch.file_complete, "rejected": batch.rejected}
    lifecycle.attention(batch.pk, Attention.REFUSAL_STOPS, now=now, claim=work.claim, due_at=None, data=data)
    return False


def _try_later(work: _Pass, batch: Batch, now: datetime) -> None:
    if batch.pk in work.shut:
        lifecycle.cannot_open(batch.pk, now=now, claim=work.claim)
        return
    open_rows = Decision.objects.filter(rows_of(batch.pk), verdict=Verdict.REJECTED).exclude(
        answer__in=(Answer.CONFIRMED, Answer.TAKEN_ON)
    )
    by_answer: dict[int, int] = dict(open_rows.values_list("answer").annotate(Count("pk")).order_by())
    repeatable = sum(by_answer.get(word, 0) for word in TO_SEND)
    data: dict[str, Any] = {"rows": sum(by_answer.values())}
    if batch.pk in work.hosts:
        data["code"], data["host"] = work.hosts[batch.pk]
    held = work.held.get(batch.pk)
    if held is not None:
        data["held"] = True
    if not repeatable:
        lifecycle.attention(batch.pk, Attention.UNCONFIRMED, now=now, claim=work.claim, due_at=None, data=data)
        return
    asked = timedelta(seconds=work.pauses.get(batch.pk, 0.0))
    pause = backoff(batch.attempts + 1) if held is None else timedelta(seconds=held)
    due_at = timezone.now() + min(max(pause, asked), LONGEST_PAUSE)
    if batch.attempts + 1 >= QUIET_PASSES:
        lifecycle.attention(batch.pk, Attention.UNCONFIRMED, now=now, claim=work.claim, due_at=due_at, data=data)
    else:
        lifecycle.try_again([batch.pk], claim=work.claim, due_at=due_at)
