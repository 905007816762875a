"""Plain singles, taken from their plan to the release in the transaction that plans them.

Most singles ask for nothing but checks in this process. One transaction stores such a single with its decision, all its
moves and the intent of its release; then finishUri is called. The lane of singles takes all others on from the stage
that they have reached. It sends rejections, and screens what is unusual.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import structlog
from django.db import connection
from django.utils import timezone

from actions.names import NOTHING
from actions.plan.merge import has_only_checks, words_of
from sendouts.models import Batch, Chunk, EventWord, Status
from sendouts.services.hosts import platform
from sendouts.stages import delivery, finishing, review
from sendouts.stages.plain.unseen import Unseen
from sendouts.stages.screening import singles
from sendouts.stages.storage import insert_decisions
from sendouts.symplify import client
from sendouts.symplify.payload import Hook
from work import claims, outages

log = structlog.get_logger(__name__)
# Singles in one transaction. SQLite has one writer, and the doors wait for it.
MOST = {"sqlite": 20}


@dataclass(frozen=True, slots=True)
class Releasing:
    """Singles whose intent to release is stored. began: monotonic time before that."""

    claim: claims.Claim
    batches: Sequence[Batch]
    uris: Mapping[int, str]
    began: float


def select(hooks: Mapping[int, Hook], batches: Sequence[Batch]) -> list[Batch]:
    """Return the plain singles among new batches; none if they are too many. hooks: by batch id."""
    found = [batch for batch in batches if _is_plain(batch, hooks[batch.pk])]
    return found if len(found) <= MOST.get(connection.vendor, len(found)) else []


def _is_plain(batch: Batch, hook: Hook) -> bool:
    """Return whether a new batch is one contact whose actions call nobody and leave nothing to do later."""
    if not batch.is_single or batch.status != Status.PLANNED or batch.attention or len(hook.items) != 1:
        return False
    # With other words for nothing, the hook is read again.
    return has_only_checks(batch.plan.content) and not batch.service and words_of(batch.plan.content) == NOTHING


def carry(hooks: Mapping[int, Hook], batches: Sequence[Batch], now: datetime) -> Releasing | None:
    """Take plain singles as far as they go, in the transaction that has inserted them.

    Return those to release after its COMMIT.
    """
    began = time.monotonic()
    unseen = Unseen(batches, now)
    for batch in batches:
        unseen.record(batch, EventWord.MOVED, new=Status.PLANNED)
    releasing = _carry(hooks, batches, unseen, now, began)
    unseen.store()
    return releasing


def _carry(
    hooks: Mapping[int, Hook], batches: Sequence[Batch], unseen: Unseen, now: datetime, began: float
) -> Releasing | None:
    ready = _settle(_screen(hooks, batches, unseen, now), unseen, now)
    uris = {batch.pk: hooks[batch.pk].finish_uri for batch in ready if batch.deadline > timezone.now()}
    free = {pk: uri for pk, uri in uris.items() if not client.wait_before(platform(), uri)}
    if not free:
        return None
    releasing = [batch for batch in ready if batch.pk in free]
    claim = claims.Claim(uuid4(), Batch, tuple(free))
    finishing.intend_first(claim, releasing, unseen, now)
    return Releasing(claim, releasing, free, began)


def _screen(hooks: Mapping[int, Hook], batches: Sequence[Batch], unseen: Unseen, now: datetime) -> list[Batch]:
    judged = singles.judge(batches, {batch.pk: hooks[batch.pk].items for batch in batches}, now, lambda: None)
    columns, chunks, decisions = {}, [], []
    for batch in batches:
        result = judged[batch.pk]
        sums = result.sums()
        found = singles.find_columns(batch, result.decisions, sums)
        if found["attention"] or result.waiting or result.effects:
            continue
        columns[batch.pk] = found | {"due_at": now}
        chunks.append(singles.chunk_of(batch, len(result.decisions), sums))
        decisions += result.decisions
    Chunk.objects.bulk_create(chunks)
    insert_decisions(decisions)
    invisible = {pk: {"invisible": hooks[pk].invisible} for pk in columns if hooks[pk].invisible}
    return unseen.move(columns, Status.PLANNED, Status.SCREENED, invisible)


def _settle(screened: Sequence[Batch], unseen: Unseen, now: datetime) -> list[Batch]:
    """Hold or accept screened singles; return those that nothing keeps from their release."""
    going, held = review.sort(screened, now)
    unseen.move(held, Status.SCREENED, Status.IN_REVIEW)
    accepted = unseen.move(going, Status.SCREENED, Status.ACCEPTED)
    done = {
        batch.pk: delivery.find_columns(batch, now, 0.0)
        for batch in accepted
        if not delivery.has_open_rejections(batch)
    }
    return unseen.move(done, Status.ACCEPTED, Status.DELIVERED)


def release(found: Releasing) -> list[int]:
    """Call finishUri of singles whose intent is stored; return those that were not released.

    What fails is left to the lane of singles.
    """
    claim = found.claim
    try:
        finishing.call(claim, found.batches, found.uris, found.began)
    except claims.ClaimLost:
        log.warning("claim_lost", lane="singles", first=claim.ids[0], rows=len(claim.ids))
    except Exception as error:
        if outages.is_outage(error):
            raise
        log.error("work_failed", lane="singles", first=claim.ids[0], rows=len(claim.ids), exc_info=error)
    finally:
        claim.release()
    return claim.left()
