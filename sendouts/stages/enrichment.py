"""Enrichment: run the actions on accepted contacts that must end before the release.

It begins once every rejection is confirmed, under the batch's claim. The action's `on_failure` says what a failure
does: hold the batch for a person (hold), reject the contacts (reject), or release them without it (accept).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from sendouts import lifecycle
from sendouts.models import Attention, Batch, Decision, DecisionVerdict, EffectRun, PendingEffect
from sendouts.models.attention import AttentionData
from sendouts.models.counts import sum_reasons
from sendouts.models.decision import DecisionReason, rows_of
from sendouts.services.context import Contexts
from sendouts.stages import callers, delivery, effects
from sendouts.stages.carry_out import EffectWork, Passed
from work import claims

log = structlog.get_logger(__name__)


class NotReached(Exception):
    """The other system did not answer."""


def enrich(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Run the open enrichments of accepted batches without open rejections; advance the batches now complete."""
    complete = []
    silent: set[str] = set()
    for batch in batches:
        if not batch.enrichments or delivery.has_open_rejections(batch) or batch.deadline <= timezone.now():
            continue
        if batch.service in silent:
            # It would only find the same, and the worker would wait for each of them.
            callers.put_off([batch], 0.0, claim)
            continue
        try:
            done = _enrich(claim, batch, now)
        except NotReached:
            silent.add(batch.service or "")
            continue
        if done:
            batch.refresh_from_db(fields=["rejected", "accepted", "enrichments"])
            complete.append(batch)
    delivery.move_on(claim, complete, now)


def _enrich(claim: claims.Claim, batch: Batch, now: datetime) -> bool:
    """Run the actions in the order of the plan, because a later one may use the result of an earlier one.

    Return whether all are complete; raise NotReached if the other system did not answer, once a retry is scheduled.
    """
    contexts = Contexts(batch, batch.deadline)
    for run in effects.open_enrichments(batch.pk):
        work = EffectWork(
            run, batch, contexts, lambda progress: claim.extend([batch.pk], progress=progress), claim.keep
        )
        passed = work.carry_out()
        run.refresh_from_db()
        if not passed.through and passed.again_in is not None:
            _schedule_retry(claim, batch, run, passed, now)
            if not passed.working:
                raise NotReached
            return False
        if (run.refused or not passed.through) and not _apply_on_failure(claim, run, passed):
            # A person retries the action or releases without it.
            data = _data_of(run, passed.error or _first_text(run))
            lifecycle.attention(batch.pk, Attention.EFFECT_FAILED, now=now, claim=claim, pause=None, data=data)
            return False
        with transaction.atomic():
            claim.extend([batch.pk], progress=True)
            effects.end(run, now)
            Batch.objects.filter(pk=batch.pk).update(enrichments=F("enrichments") - 1)
    return True


def _apply_on_failure(claim: claims.Claim, run: EffectRun, passed: Passed) -> bool:
    """Apply the action's `on_failure` to the failed contacts; return False if a person must decide."""
    if run.on_failure not in {"accept", "reject"}:
        return False
    with transaction.atomic():
        claim.extend([run.batch_id], progress=True)
        if run.on_failure == "reject":
            _reject(run, passed.error or _first_text(run))
        rows = effects.leave_out(run)
    log.warning("effect_left_out", batch=run.batch_id, step=run.step, contacts=rows, became=run.on_failure)
    return True


def _reject(run: EffectRun, text: str) -> None:
    """Reject the contacts that the action failed for; the next pass of delivery sends their rejections."""
    lacking = Decision.objects.filter(rows_of(run.batch_id), pk__in=run.pending().values("decision_id"))
    code, text = DecisionReason.ACTION_FAILED, text[:500]
    why = {"reason": code, "action": run.identifier, "text": text}
    accepted = lacking.filter(verdict=DecisionVerdict.ACCEPTED).exclude(uri=b"")
    rejected = accepted.update(verdict=DecisionVerdict.REJECTED, **why)
    batch = Batch.objects.only("reasons").get(pk=run.batch_id)
    reasons = sum_reasons([batch.reasons, [[int(DecisionVerdict.REJECTED), code, text, run.identifier, rejected]]])
    counts = {"rejected": F("rejected") + rejected, "accepted": F("accepted") - rejected, "reasons": reasons}
    Batch.objects.filter(pk=run.batch_id).update(**counts, revision=F("revision") + 1)


def _schedule_retry(claim: claims.Claim, batch: Batch, run: EffectRun, passed: Passed, now: datetime) -> None:
    if passed.working:
        lifecycle.look_again(batch.pk, claim=claim, pause=timedelta(seconds=passed.again_in or 0))
        return
    # Grant the pause that the service asked for, even if it ends after the deadline.
    pause = passed.pause(batch.attempts + 1)
    data, late = _data_of(run, passed.error), timezone.now() + pause >= batch.deadline
    lifecycle.schedule_retry(batch, Attention.EFFECT_FAILED, now=now, claim=claim, pause=pause, data=data, tell=late)


def _data_of(run: EffectRun, text: str) -> AttentionData:
    return {"identifier": run.identifier, "rows": run.waiting + run.refused, "text": text}


def _first_text(run: EffectRun) -> str:
    first = run.pending().filter(state=PendingEffect.State.REFUSED).order_by("decision_id").first()
    return first.text if first is not None else ""
