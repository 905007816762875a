"""Transfers: after a batch has ended, send its outcome to other systems and clear effects no longer needed.

Each run is a work row of its own: due, claimed, and retried for a day. It never delays a release.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from actions.contract import Phase
from actions.plan.failures import PlanFailure
from sendouts.models import Batch, EffectRun, Event, EventWord, Status
from sendouts.services.context import Contexts
from sendouts.stages import effects
from sendouts.stages.carry_out import EffectWork, Passed
from sendouts.wording.sentences import EffectFailure
from work import claims

log = structlog.get_logger(__name__)
# Retry an unreachable receiver for this long after the end, or after a person asked to send again.
TRIED_FOR = timedelta(hours=24)
# Runs at a time, so that silent receivers leave workers to the services of batches.
AT_ONCE = 4


def split(ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield runs one by one, while others are few; leave the rest due for a later round."""
    for pk in ids:
        if EffectRun.objects.filter(due_at__lte=Now(), claimed_until__gt=Now()).count() < AT_ONCE:
            yield [pk]


def escalate(claim: claims.Claim, run_id: int, error: Exception | None) -> None:
    """Escalate a run that has killed several workers, or that failed through an error of our own."""
    found = EffectRun.objects.get(pk=run_id)
    raised = PlanFailure.RAISED(name=found.kind, error=type(error).__name__)
    _give_up(claim, found, EffectFailure.WORKER_DIED() if error is None else raised)


def carry_out(claim: claims.Claim, run_ids: Sequence[int]) -> None:
    """Carry out a claimed run, or clear it; the lane hands over one at a time."""
    (pk,) = run_ids
    run = EffectRun.objects.select_related("batch__project", "batch__sendout", "batch__plan").get(pk=pk)
    now = timezone.now()
    batch = run.batch
    if run.phase != Phase.TRANSFER or batch.status != Status.FINISHED:
        # Clear enrichment of an ended batch, or a transfer of a batch without an outcome.
        with transaction.atomic():
            claim.extend([pk], progress=True)
            effects.leave_out(run)
            effects.end(run, now)
        return
    ends = _tried_since(batch, now) + TRIED_FOR
    contexts = Contexts(batch, ends)
    work = EffectWork(run, batch, contexts, lambda progress: claim.extend([pk], progress=progress), claim.keep)
    passed = work.carry_out()
    if passed.through:
        _end(claim, run, now)
    elif passed.again_in is None or now >= ends:
        _give_up(claim, run, passed.error)
    else:
        _schedule_retry(claim, run, passed)


def _tried_since(batch: Batch, now: datetime) -> datetime:
    """Return the start of the retry period: the end of the batch, or a person's later request to send again."""
    again = Event.objects.filter(batch=batch, word=EventWord.RETRIED).aggregate(at=Max("at"))["at"]
    ended = batch.ended_at or now
    return max(ended, again) if again else ended


def _end(claim: claims.Claim, run: EffectRun, now: datetime) -> None:
    if run.pending().exists():
        # Some contacts were refused, and keep the reason.
        _give_up(claim, run, run.error)
        return
    with transaction.atomic():
        claim.extend([run.pk], progress=True)
        effects.end(run, now)


def _give_up(claim: claims.Claim, run: EffectRun, error: str) -> None:
    """Escalate the run; keep the waiting and the refused contacts, so that a person can retry them."""
    with transaction.atomic():
        claim.extend([run.pk], progress=True)
        EffectRun.objects.filter(pk=run.pk).update(due_at=None, error=error[:500], attempts=0)
    log.error("transfer_failed", batch=run.batch_id, step=run.step)


def _schedule_retry(claim: claims.Claim, run: EffectRun, passed: Passed) -> None:
    attempts = 0 if passed.working else run.attempts + 1
    with transaction.atomic():
        claim.extend([run.pk], progress=True)
        due_at = claims.due_in(passed.pause(run.attempts + 1))
        EffectRun.objects.filter(pk=run.pk).update(due_at=due_at, attempts=attempts, error=passed.error[:500])
