"""Advance claimed batches: take each through the stages that its status calls for."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from sendouts import lifecycle
from sendouts.models import Attention, Batch, Plan, Status, Webhook
from sendouts.models.attention import AttentionData
from sendouts.models.webhook import in_sets
from sendouts.stages import delivery, enrichment, finishing, review
from sendouts.stages.screening.contact_file import screen_file
from sendouts.stages.screening.judge import calls_services
from sendouts.stages.screening.singles import screen_items
from work import claims

# Workers for singles that never run checks of other services: hooks and other batches need free workers.
KEPT_FREE = 2
Work = Callable[[claims.Claim, Sequence[Batch], datetime], None]


def _screen(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    singles = [batch for batch in batches if batch.is_single]
    if singles and not claim.apart:
        # A slow service of one sendout must not delay the other sendouts.
        claim.give_back([batch.pk for batch in singles if calls_services(batch.plan)])
        singles = [batch for batch in singles if not calls_services(batch.plan)]
    for part in _fitting(singles):
        screen_items(claim, part, now)
    for batch in batches:
        if not batch.is_single:
            screen_file(claim, batch, now)


def _fitting(singles: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Yield singles in sets whose hooks fit into memory together."""
    hooks = Webhook.objects.filter(batch__in=singles, outcome=Webhook.Outcome.PLANNED)
    sets, long = in_sets(hooks, "batch_id") if singles else ([], [])
    known = {pk for ids in sets for pk in ids} | set(long)
    by_id = {batch.pk: batch for batch in singles}
    for ids in ([pk for pk in by_id if pk not in known], *sets, *([pk] for pk in long)):
        if ids:
            yield [by_id[pk] for pk in ids]


# In the order of the data flow, so that one pass takes a batch through several stages.
STAGES: tuple[tuple[tuple[Status, ...], Work], ...] = (
    ((Status.PLANNED,), _screen),
    ((Status.SCREENED,), review.settle),
    ((Status.IN_REVIEW,), review.at_deadline),
    ((Status.ACCEPTED, Status.REFUSED), delivery.deliver),
    ((Status.ACCEPTED,), enrichment.enrich),
    ((Status.DELIVERED,), finishing.finish),
)


def advance(claim: claims.Claim, batch_ids: Sequence[int]) -> None:
    """Take claimed batches through their stages."""
    for statuses, work in STAGES:
        now = timezone.now()
        due = Batch.objects.filter(claims.due(), claim_id=claim.id, pk__in=batch_ids, status__in=statuses)
        batches = list(due.select_related("project", "sendout", "plan").order_by("pk"))
        if batches:
            work(claim, batches, now)


def escalate(claim: claims.Claim, batch_id: int, error: Exception | None) -> None:
    """Escalate a batch that has killed several workers, or that failed alone several times."""
    status = Batch.objects.values_list("status", flat=True).get(pk=batch_id)
    code, data = Attention.WORKER_DIED, AttentionData(deaths=claim.deaths, status=status)
    if error is not None:
        code, data = Attention.SCREENING_FAILED, AttentionData(status=status, error=type(error).__name__)
    lifecycle.attention(batch_id, code, now=timezone.now(), claim=claim, pause=None, data=data)


def split_by_sendout(ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield singles with checks that call services, by sendout; skip sendouts that a worker handles now.

    `KEPT_FREE` workers stay free for hooks and for checks without services. Skipped singles stay due for the next
    sweep.
    """
    together: dict[int, list[int]] = defaultdict(list)
    for pk, sendout_id in Batch.objects.filter(pk__in=ids).values_list("pk", "sendout_id"):
        together[sendout_id].append(pk)
    for sendout_id, found in together.items():
        asked_for = sendouts_calling_services()
        if sendout_id not in asked_for and len(asked_for) < max(1, settings.WORKER_CONCURRENCY - KEPT_FREE):
            yield found


def sendouts_calling_services() -> set[int]:
    """Return the sendouts of singles for which workers are calling other services now."""
    held = Batch.objects.filter(status=Status.PLANNED, source=Batch.Source.SINGLE, claimed_until__gt=Now())
    pairs = set(held.values_list("sendout_id", "plan_id"))
    asking = {plan.pk for plan in Plan.objects.filter(pk__in={plan_id for _, plan_id in pairs}) if calls_services(plan)}
    return {sendout_id for sendout_id, plan_id in pairs if plan_id in asking}
