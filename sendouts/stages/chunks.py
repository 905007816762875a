"""Read the rejections that are still to be sent, chunk by chunk.

A chunk is marked before its first rejection is sent. After a kill, an unanswered rejection of a marked chunk may have
reached the platform; “gone” then counts as a confirmation.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from actions.secrets.keys import CannotOpen, keyring
from sendouts.models import Answer, Batch, Chunk, Decision, DecisionVerdict, Event, EventWord, Status
from sendouts.models.decision import TO_SEND, DecisionReason, rows_of
from sendouts.privacy import sealing
from sendouts.stages.screening import shared_uris
from sendouts.symplify.client import Ask
from work import claims

# Chunks marked as being sent in one UPDATE; together they hold some thousand rejections.
MARKED_AT_ONCE = 8
# Chunks read from the database in one query.
CHUNKS_READ = 200
# Batches with at most this many rows are queried together by id; larger ones by a range of their own.
FEW_ROWS = 100


@dataclass(slots=True)
class Pass:
    """The state of one pass of delivery, with the results that are not stored yet.

    `in_doubt`: chunks during which an earlier pass was killed. `held`: seconds to wait, by batch, while the platform
    takes no calls. `shut`: batches with a URI that no key opens. `said_no`: batches with an answer whose status
    confirms and whose body does not. `shared`: decisions that are sent for all who share their URI. `mixed`: batches
    with such a URI that is not called, since not all of them are rejected. `slowest`: seconds of the longest answer.
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
    said_no: set[int] = field(default_factory=set)
    shared: set[int] = field(default_factory=set)
    mixed: set[int] = field(default_factory=set)
    slowest: float = 0.0
    _refused_by: dict[int, int | None] = field(default_factory=dict)

    def refused_by(self, batch: Batch) -> int | None:
        """Return the person who refused the batch; None if the declared deadline action did."""
        if batch.pk not in self._refused_by:
            event = Event.objects.filter(batch=batch, word=EventWord.MOVED, new=Status.REFUSED).last()
            self._refused_by[batch.pk] = event.user_id if event is not None else None
        return self._refused_by[batch.pk]

    def settled(self) -> list[int]:
        """Return the chunks with every answer known. If calls were not made, chunks in doubt stay in doubt."""
        return [pk for pk in self.marked if not ((self.held or self.shut) and pk in self.in_doubt)]


def read_rejections(work: Pass, batches: Iterable[Batch]) -> Iterator[Ask]:
    """Yield the rejections to send, chunk by chunk; stop for a batch past its deadline."""
    waiting: list[tuple[Batch, Chunk]] = []
    for batch in batches:
        for chunk in _chunks(batch):
            waiting.append((batch, chunk))
            if len(waiting) >= (MARKED_AT_ONCE if not batch.is_single else 200):
                yield from _marked(work, waiting)
                waiting = []
    yield from _marked(work, waiting)


def _chunks(batch: Batch) -> Iterator[Chunk]:
    """Yield the chunks of a batch in order, some hundred per query.

    With one open query over all chunks, SQLite would refuse our writes as soon as another connection has written.
    """
    last = -1
    while some := list(Chunk.objects.filter(batch=batch, number__gt=last).order_by("number")[:CHUNKS_READ]):
        yield from some
        last = some[-1].number


def _marked(work: Pass, chunks: list[tuple[Batch, Chunk]]) -> Iterator[Ask]:
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
                _refuse_rows(batch, chunk, work.refused_by(batch))
    work.marked += ids
    work.in_doubt |= {chunk.pk for _, chunk in chunks if chunk.sending}
    lost = {(batch.pk << 32) + batch.chunk_rows * chunk.number for batch, chunk in chunks if chunk.sending}
    by_id = {batch.pk: batch for batch, _ in chunks}
    unseal = keyring().open
    for where in conditions_of(chunks):
        open_rows = Decision.objects.filter(where, verdict=DecisionVerdict.REJECTED, answer__in=TO_SEND).order_by("pk")
        rows = list(open_rows.values_list("pk", "uri", "answer"))
        # A person may have stopped the release and changed a decision since the chunks were marked. The claim, checked
        # after the read, proves that these rows were still to be sent.
        work.claim.check(work.ids)
        firsts = shared_uris.first_of(where) if rows else {}
        kept_back = shared_uris.not_all_rejected(set(firsts.values())) if firsts else set()
        work.shared |= set(firsts.values()) - kept_back
        work.mixed |= {pk >> 32 for pk in kept_back}
        now = timezone.now()
        for count, (pk, sealed, answer) in enumerate(rows):
            if firsts.get(pk, pk) != pk or pk in kept_back:
                continue
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


def conditions_of(chunks: Sequence[tuple[Batch, Chunk]]) -> Iterator[Q]:
    """Yield conditions that find the rows of these chunks through the primary key, in few queries.

    SQLite would read the whole table for ranges joined by OR. Hence consecutive chunks of a file form one range, and
    singles, with few rows each, are listed by id.
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


def _refuse_rows(batch: Batch, chunk: Chunk, user_id: int | None) -> None:
    """Turn the decisions of a refused batch's chunk to rejected, in the name of the person who refused it."""
    span = batch.pk, chunk.number * batch.chunk_rows, chunk.rows
    refused = {"verdict": DecisionVerdict.REJECTED, "reason": DecisionReason.REFUSED, "decided_by": user_id}
    # Also who shares a URI of this chunk: it is called now, for all of them.
    for where in (rows_of(*span), shared_uris.with_them(*span)):
        rows = Decision.objects.filter(where).exclude(verdict=DecisionVerdict.REJECTED).exclude(uri=b"")
        rows.update(text="", action="", **refused)
