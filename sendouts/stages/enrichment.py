"""Enrichment: what must be written about the accepted, and confirmed, before they are released.

It begins once every rejection is confirmed, under the batch's claim. What cannot be carried out is treated as the action's
`on_failure` says: the batch is held for a person (hold), its contacts are rejected (reject), or go without (accept).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from actions.contract import Phase
from sendouts import lifecycle
from sendouts.models import Attention, Batch, Decision, DecisionVerdict, EffectRun, PendingEffect
from sendouts.models.counts import sum_reasons
from sendouts.models.decision import DecisionReason
from sendouts.models.effect import effects_of
from sendouts.services.context import Contexts
from sendouts.stages.effects import runs
from sendouts.stages.effects.carry_out import EffectWork, Passed
from work import claims
from work.retry import backoff

log = structlog.get_logger(__name__)
# People are told after so many passes that did not come through.
QUIET_PASSES = 4
LONGEST_PAUSE = timedelta(minutes=2)


def enrich(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> list[Batch]:
    """Carry out the open enrichments of accepted batches whose rejections are confirmed; returns those that lack nothing now."""
    through = []
    for batch in batches:
        if (
            not batch.enrichments
            or batch.rejected > batch.confirmed + batch.taken_on
            or batch.deadline <= timezone.now()
        ):
            continue
        if _enrich(claim, batch, now):
            batch.refresh_from_db(fields=["rejected", "accepted", "enrichments"])
            through.append(batch)
    return through


def _enrich(claim: claims.Claim, batch: Batch, now: datetime) -> bool:
    """One action after the other, in the order of the plan: a later one may build on an earlier one."""
    contexts = Contexts(batch, batch.deadline)
    for run in EffectRun.objects.filter(batch=batch, phase=Phase.ENRICH, ended_at__isnull=True).order_by("step"):
        work = EffectWork(
            run, batch, contexts, lambda progress: claim.extend([batch.pk], progress=progress), claim.keep
        )
        passed = work.carry_out()
        run.refresh_from_db()
        if not passed.through and (passed.working or passed.again_in is not None):
            _later(claim, batch, run, passed, now)
            return False
        if (run.refused or not passed.through) and not _settled(claim, run, passed, now):
            _hold(claim, batch, run, passed, now)
            return False
        with transaction.atomic():
            claim.extend([batch.pk], progress=True)
            runs.end(run, now)
            Batch.objects.filter(pk=batch.pk).update(enrichments=F("enrichments") - 1)
    return True


def _settled(claim: claims.Claim, run: EffectRun, passed: Passed, now: datetime) -> bool:
    """Do with what was not carried out what the definition says; whether that settled it."""
    if run.on_failure not in {"accept", "reject"}:
        return False
    with transaction.atomic():
        claim.extend([run.batch_id], progress=True)
        if run.on_failure == "reject":
            _reject(run, passed.error or _first_text(run))
        rows = runs.leave_out(run)
    log.warning("effect_left_out", batch=run.batch_id, step=run.step, contacts=rows, became=run.on_failure)
    return True


def _reject(run: EffectRun, text: str) -> None:
    """Reject the contacts that lack what they were to get; their rejections leave with the next pass of delivery."""
    rows = PendingEffect.objects.filter(effects_of(run.batch_id), step=run.step)
    lacking = Decision.objects.filter(
        pk__gte=run.batch_id << 32, pk__lt=(run.batch_id + 1) << 32, pk__in=rows.values("decision_id")
    )
    code, text = DecisionReason.ACTION_FAILED, text[:500]
    why = {"reason": code, "action": run.identifier, "text": text}
    rejected = (
        lacking.filter(verdict=DecisionVerdict.ACCEPTED)
        .exclude(uri=b"")
        .update(verdict=DecisionVerdict.REJECTED, **why)
    )
    batch = Batch.objects.only("reasons").get(pk=run.batch_id)
    reasons = sum_reasons([batch.reasons, [[int(DecisionVerdict.REJECTED), code, text, run.identifier, rejected]]])
    counts = {"rejected": F("rejected") + rejected, "accepted": F("accepted") - rejected, "reasons": reasons}
    Batch.objects.filter(pk=run.batch_id).update(**counts, revision=F("revision") + 1)


def _hold(claim: claims.Claim, batch: Batch, run: EffectRun, passed: Passed, now: datetime) -> None:
    """A person must act: try again, or go on without."""
    data = {"identifier": run.identifier, "rows": run.waiting + run.refused, "text": passed.error or _first_text(run)}
    lifecycle.attention(batch.pk, Attention.EFFECT_FAILED, now=now, claim=claim, due_at=None, data=data)


def _later(claim: claims.Claim, batch: Batch, run: EffectRun, passed: Passed, now: datetime) -> None:
    if passed.working:
        lifecycle.look_again(batch.pk, claim=claim, due_at=now + timedelta(seconds=passed.again_in or 0))
        return
    # Who asks for more time gets it, also where nothing is left of it then.
    asked = timedelta(seconds=passed.again_in or 0)
    due_at = timezone.now() + max(min(backoff(batch.attempts + 1), LONGEST_PAUSE), asked)
    if batch.attempts + 1 >= QUIET_PASSES or due_at >= batch.deadline:
        data = {"identifier": run.identifier, "rows": run.waiting + run.refused, "text": passed.error}
        lifecycle.attention(batch.pk, Attention.EFFECT_FAILED, now=now, claim=claim, due_at=due_at, data=data)
    else:
        lifecycle.try_again([batch.pk], claim=claim, due_at=due_at)


def _first_text(run: EffectRun) -> str:
    refused = PendingEffect.objects.filter(effects_of(run.batch_id), step=run.step, state=PendingEffect.State.REFUSED)
    first = refused.order_by("decision_id").first()
    return first.text if first is not None else ""
