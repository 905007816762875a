"""Bringing batches as far as they can go now: each through the stage that its status calls for."""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from sendouts import claims, delivery, finishing, lifecycle, review
from sendouts.deadlines import backoff
from sendouts.models import Attention, Batch, Status
from sendouts.screening import screen_file, screen_items

log = structlog.get_logger(__name__)
GROUP = 200
# A batch that fails so often in a stage, each time alone, waits for a person.
FAILURES = 3
Work = Callable[[claims.Claim, Sequence[Batch], datetime], None]


def _screen(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    singles = [batch for batch in batches if batch.is_single]
    if singles:
        screen_items(claim, singles, now)
    for batch in batches:
        if not batch.is_single:
            screen_file(claim, batch, now)


# In the order that data flows: what one stage completes, the next one takes on at once.
STAGES: tuple[tuple[tuple[Status, ...], Work], ...] = (
    ((Status.PLANNED,), _screen),
    ((Status.SCREENED,), review.settle),
    ((Status.IN_REVIEW,), review.at_deadline),
    ((Status.ACCEPTED, Status.REFUSED), delivery.deliver),
    ((Status.DELIVERED,), finishing.finish),
)


def advance(batch_ids: Sequence[int]) -> int:
    """Claim those of the batches that are due and free, and take each through its stages; returns how many it claimed."""
    worked = 0
    for start in range(0, len(batch_ids), GROUP):
        claim = claims.take(Batch, batch_ids[start : start + GROUP])
        if not claim.ids:
            continue
        worked += len(claim.ids)
        try:
            for statuses, work in STAGES:
                _run(claim, statuses, work)
        except claims.ClaimLost:
            # Somebody else has taken over, or a person ended it; what was not committed is theirs to do.
            log.warning("claim_lost", first=claim.ids[0], batches=len(claim.ids))
        finally:
            claim.release()
        lifecycle.expire(timezone.now(), claim.ids)
    return worked


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
