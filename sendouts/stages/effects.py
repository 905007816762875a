"""Effects on contacts: prepared by screening, carried out in runs before or after the release, deleted when done."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from django.db.models import Count, Exists, F, OuterRef, QuerySet

from actions.codes import draw
from actions.codes.models import Draw
from actions.contract import Phase
from actions.plan.merge import has_only_checks
from sendouts.models import Batch, Decision, EffectRun, PendingEffect
from sendouts.models.effect import effects_of
from work import claims

log = structlog.get_logger(__name__)
# Draws of promo codes that are closed in one transaction.
DRAWS_AT_ONCE = 500


def begin(batches: Sequence[Batch], prepared: Mapping[int, Mapping[int, int]], now: datetime) -> dict[int, int]:
    """Create the runs of screened batches; return the number of enrichments before the release, by batch id.

    prepared: for each batch id, the number of contacts prepared for, by the action's position in the plan.
    """
    runs = []
    for batch in batches:
        for step, action in enumerate(batch.actions()):
            if action["phase"] == Phase.CHECK:
                continue
            total = prepared.get(batch.pk, {}).get(step, 0)
            names = {name: action[name] for name in ("identifier", "kind", "phase", "on_failure")}
            ended = None if total else now
            runs.append(EffectRun(batch_id=batch.pk, step=step, total=total, ended_at=ended, **names))
    EffectRun.objects.bulk_create(runs)
    found = dict.fromkeys((batch.pk for batch in batches), 0)
    for run in runs:
        found[run.batch_id] += run.phase == Phase.ENRICH and run.ended_at is None
    return found


def count_prepared(batch: Batch) -> dict[int, int]:
    """Return how many contacts of a batch each action of its plan was prepared for."""
    if has_only_checks(batch.plan.content):
        return {}
    rows = PendingEffect.objects.filter(effects_of(batch.pk))
    return dict(rows.values_list("step").annotate(Count("decision_id")).order_by())


def not_prepared(decision: Decision) -> list[str]:
    """Return the identifiers of enrichments not prepared for this contact, because a check rejected it."""
    prepared = PendingEffect.objects.filter(decision_id=decision.pk).values("step")
    runs = EffectRun.objects.filter(batch_id=decision.batch_id, phase=Phase.ENRICH).exclude(step__in=prepared)
    return list(runs.order_by("step").values_list("identifier", flat=True))


def open_enrichments(batch_id: int) -> QuerySet[EffectRun]:
    """Return the runs that must still complete before the batch may be released, in the order of the plan."""
    return EffectRun.objects.filter(batch_id=batch_id, phase=Phase.ENRICH, ended_at__isnull=True).order_by("step")


def end(run: EffectRun, now: datetime) -> None:
    """End a run without pending effects, in the caller's transaction."""
    free = {"claim_id": None, "claimed_until": None, "due_at": None}
    EffectRun.objects.filter(pk=run.pk).update(ended_at=now, error="", attempts=0, deaths=0, **free)


def leave_out(run: EffectRun) -> int:
    """Drop the pending and refused effects of a run, in the caller's transaction; return the number of contacts."""
    rows = run.pending()
    refused = rows.filter(state=PendingEffect.State.REFUSED).count()
    total = rows.delete()[0]
    EffectRun.objects.filter(pk=run.pk).update(left_out=F("left_out") + total, refused=F("refused") - refused)
    return total


def take_on(batch_id: int, now: datetime) -> int:
    """Drop the unfinished enrichments, as a person decided; return the number of contacts that get none."""
    rows = 0
    for run in open_enrichments(batch_id).select_for_update():
        rows += leave_out(run)
        end(run, now)
    return rows


def stuck_transfers(batch_id: int) -> list[str]:
    """Return the identifiers of an ended batch's transfers that wait for a person; none once contacts are deleted."""
    runs = EffectRun.objects.filter(batch_id=batch_id, phase=Phase.TRANSFER, ended_at__isnull=True, due_at__isnull=True)
    runs = runs.filter(batch__retired_at__isnull=True)
    return list(runs.order_by("step").values_list("identifier", flat=True))


def try_again(batch_id: int) -> None:
    """Retry the refused effects, in the caller's transaction."""
    rows = PendingEffect.objects.filter(effects_of(batch_id), state=PendingEffect.State.REFUSED)
    rows.update(state=PendingEffect.State.WAITING, text="")
    runs = EffectRun.objects.filter(batch_id=batch_id, ended_at__isnull=True)
    runs.update(refused=0, error="", attempts=0)


def send_again(batch_id: int) -> list[str]:
    """Retry the transfers that wait for a person, in the caller's transaction; return their identifiers."""
    stuck = stuck_transfers(batch_id)
    try_again(batch_id)
    runs = EffectRun.objects.filter(batch_id=batch_id, phase=Phase.TRANSFER, ended_at__isnull=True)
    runs.update(due_at=claims.due_in())
    return stuck


def _draws_of_ended_batches() -> QuerySet[Draw]:
    open_batches = Batch.objects.filter(pk=OuterRef("batch_number"), ended_at__isnull=True)
    return Draw.objects.filter(~Exists(open_batches), closed_at__isnull=True).order_by("pk")


def has_unused_codes() -> bool:
    """Return whether there are promo codes to give back or draws to close."""
    return _draws_of_ended_batches().exists()


def give_back_codes() -> int:
    """Give the unused codes of ended batches back to their pools; return the number of codes."""
    ids = list(_draws_of_ended_batches().values_list("pk", flat=True)[:DRAWS_AT_ONCE])
    freed = draw.give_back(ids)
    if freed:
        log.info("codes_given_back", draws=len(ids), codes=freed)
    return freed
