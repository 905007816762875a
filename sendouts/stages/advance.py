"""Bringing batches as far as they can go now: each through the stage that its status calls for."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from sendouts import lifecycle
from sendouts.models import Attention, Batch, Plan, Status
from sendouts.stages import delivery, enrichment, finishing, review
from sendouts.stages.screening import asks, screen_file, screen_items
from work import claims
from work.retry import backoff

log = structlog.get_logger(__name__)
GROUP = 200
# A batch that fails so often in a stage, each time alone, waits for a person.
FAILURES = 3
# So many of the workers for singles never wait for a service that checks ask.
KEPT_FREE = 2
Work = Callable[[claims.Claim, Sequence[Batch], datetime], None]


def _screen(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    singles = [batch for batch in batches if batch.is_single]
    if singles and not claim.apart:
        # A service that is slow to answer for one sendout must not hold up the others.
        claim.give_back([batch.pk for batch in singles if asks(batch.plan)])
        singles = [batch for batch in singles if not asks(batch.plan)]
    if singles:
        screen_items(claim, singles, now)
    for batch in batches:
        if not batch.is_single:
            screen_file(claim, batch, now)


def _enrich(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    delivery.move_on(claim, enrichment.enrich(claim, batches, now), now)


# In the order that data flows: what one stage completes, the next one takes on at once.
STAGES: tuple[tuple[tuple[Status, ...], Work], ...] = (
    ((Status.PLANNED,), _screen),
    ((Status.SCREENED,), review.settle),
    ((Status.IN_REVIEW,), review.at_deadline),
    ((Status.ACCEPTED, Status.REFUSED), delivery.deliver),
    ((Status.ACCEPTED,), _enrich),
    ((Status.DELIVERED,), finishing.finish),
)


def advance(batch_ids: Sequence[int]) -> int:
    """Claim those of the batches that are due and free, and take each through its stages; returns how many it claimed.

    A batch at which a worker died is worked on alone, after the others.
    """
    worked = 0
    for start in range(0, len(batch_ids), GROUP):
        claim = claims.take(Batch, batch_ids[start : start + GROUP])
        worked += _with_release(claim)
        for ids in _by_sendout(claim.given_back):
            worked += _with_release(replace(claims.take(Batch, ids), apart=True))
        for pk in claim.suspects:
            with claims.alone(Batch, pk) as one:
                worked += _through(one)
            lifecycle.expire(timezone.now(), one.ids)
    return worked


def _with_release(claim: claims.Claim) -> int:
    try:
        return _through(claim)
    finally:
        if claim.ids:
            claim.release()
            lifecycle.expire(timezone.now(), claim.ids)


def _by_sendout(ids: Sequence[int]) -> Iterator[list[int]]:
    """Singles whose checks ask other services: one sendout after the other, those that nobody asks for at the moment.

    Some workers are kept for hooks and for what needs no service. What is left out stays due, and the sweep comes again.
    """
    together: dict[int, list[int]] = defaultdict(list)
    for pk, sendout_id in Batch.objects.filter(pk__in=ids).values_list("pk", "sendout_id"):
        together[sendout_id].append(pk)
    for sendout_id, found in together.items():
        asked_for = asked_for_now()
        if sendout_id not in asked_for and len(asked_for) < max(1, settings.WORKER_CONCURRENCY - KEPT_FREE):
            yield found


def asked_for_now() -> set[int]:
    """The sendouts of singles for which workers are asking other services now."""
    held = Batch.objects.filter(status=Status.PLANNED, source=Batch.Source.SINGLE, claimed_until__gt=Now())
    pairs = set(held.values_list("sendout_id", "plan_id"))
    asking = {plan.pk for plan in Plan.objects.filter(pk__in={plan_id for _, plan_id in pairs}) if asks(plan)}
    return {sendout_id for sendout_id, plan_id in pairs if plan_id in asking}


def _through(claim: claims.Claim) -> int:
    """Take what is claimed through its stages; returns how many batches that are."""
    if not claim.ids:
        return 0
    try:
        if claim.deaths >= claims.DEATHS:
            _leave_to_a_person(claim)
            return 1
        for statuses, work in STAGES:
            _run(claim, statuses, work)
    except claims.ClaimLost:
        # Somebody else has taken over, or a person ended it; what was not committed is theirs to do.
        log.warning("claim_lost", first=claim.ids[0], batches=len(claim.ids))
    return len(claim.ids)


def _leave_to_a_person(claim: claims.Claim) -> None:
    """Stop with a batch that has killed worker after worker."""
    (pk,) = claim.ids
    data = {"deaths": claim.deaths, "status": Batch.objects.values_list("status", flat=True).get(pk=pk)}
    log.error("worker_died", batch=pk, **data)
    lifecycle.attention(pk, Attention.WORKER_DIED, now=timezone.now(), claim=claim, due_at=None, data=data)


def _run(claim: claims.Claim, statuses: tuple[Status, ...], work: Work) -> None:
    now = timezone.now()
    due = Batch.objects.filter(claims.due(), claim_id=claim.id, status__in=statuses)
    batches = list(due.select_related("project", "sendout", "plan").order_by("pk"))
    if batches:
        _run_or_split(claim, batches, work, now)


def _run_or_split(claim: claims.Claim, batches: Sequence[Batch], work: Work, now: datetime) -> None:
    """Run a stage on a set; one that fails for a reason of its own is halved until the bad batch stands alone."""
    try:
        work(claim, batches, now)
    except (OperationalError, InterfaceError, claims.ClaimLost):
        raise
    except Exception as error:
        # Anything else may lie in one batch: it must not take its neighbours with it.
        if len(batches) > 1:
            middle = len(batches) // 2
            for half in (batches[:middle], batches[middle:]):
                ids = [batch.pk for batch in half]
                fresh = Batch.objects.filter(claim_id=claim.id, pk__in=ids, status=half[0].status, due_at__isnull=False)
                _run_or_split(claim, list(fresh.select_related("project", "sendout", "plan")), work, now)
            return
        if batches:
            _failed(claim, batches[0], error, now)


def _failed(claim: claims.Claim, batch: Batch, error: Exception, now: datetime) -> None:
    log.error("stage_failed", batch=batch.pk, status=batch.status, attempts=batch.attempts + 1, exc_info=error)
    if batch.attempts + 1 < FAILURES:
        lifecycle.try_again([batch.pk], claim=claim, due_at=now + backoff(batch.attempts + 1, first=2))
        return
    data = {"status": batch.status, "error": type(error).__name__}
    lifecycle.attention(batch.pk, Attention.SCREENING_FAILED, now=now, claim=claim, due_at=None, data=data)
