"""Advance claimed batches: take each through the stages that its status calls for."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from sendouts import lifecycle
from sendouts.models import Attention, Batch, Status, Webhook
from sendouts.models.attention import AttentionData
from sendouts.models.webhook import in_sets
from sendouts.stages import delivery, enrichment, finishing, review
from sendouts.stages.screening.contact_file import LONG_CONTACTS, screen_file
from sendouts.stages.screening.singles import screen_items
from work import claims, priority
from work.nudges import nudge

Work = Callable[[claims.Claim, Sequence[Batch], datetime], None]


def _screen(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    for part in _fitting([batch for batch in batches if batch.is_single]):
        screen_items(claim, part, now)
    for batch in batches:
        if not batch.is_single:
            screen_file(claim, batch, now)


def _enrich_from_here(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Run enrichments that call nobody; nudge the workers for services to run the others."""
    if calling := [batch.pk for batch in batches if batch.is_asking]:
        nudge("services", calling)
    enrichment.enrich(claim, [batch for batch in batches if batch.service is None], now)


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
Stages = tuple[tuple[tuple[Status, ...], Work], ...]
STAGES: Stages = (
    ((Status.PLANNED,), _screen),
    ((Status.SCREENED,), review.settle),
    ((Status.IN_REVIEW,), review.at_deadline),
    ((Status.ACCEPTED, Status.REFUSED), delivery.deliver),
    ((Status.ACCEPTED,), _enrich_from_here),
    ((Status.DELIVERED,), finishing.finish),
)


# Of batches whose next stage calls services. The platform is called by the workers of the other lanes.
CALLING: Stages = (
    ((Status.PLANNED,), _screen),
    ((Status.SCREENED,), review.settle),
    ((Status.ACCEPTED,), enrichment.enrich),
)


def advance(claim: claims.Claim, batch_ids: Sequence[int]) -> None:
    """Take claimed batches through their stages."""
    _advance(claim, batch_ids, STAGES)


def call_services(claim: claims.Claim, batch_ids: Sequence[int]) -> list[int]:
    """Take claimed batches through the stages that call services; return those that go on in another lane."""
    _advance(claim, batch_ids, CALLING)
    going = Batch.objects.filter(pk__in=batch_ids, status__in=[Status.ACCEPTED, Status.DELIVERED])
    return list(going.values_list("pk", flat=True))


def _advance(claim: claims.Claim, batch_ids: Sequence[int], stages: Stages) -> None:
    due = Batch.objects.filter(claims.due(), claim_id=claim.id, pk__in=batch_ids).order_by("pk")
    batches = list(due.select_related("project", "sendout", "plan"))
    for statuses, work in stages:
        ready = [batch for batch in batches if batch.status in statuses]
        if not ready:
            continue
        if any(batch.total > LONG_CONTACTS for batch in ready):
            priority.lower()
        work(claim, ready, timezone.now())
        if work is not stages[-1][1]:
            # Most go on to the next stage; people may have changed others.
            batches = _read_again(due, batches)


def _read_again(due: "QuerySet[Batch]", before: Sequence[Batch]) -> list[Batch]:
    """Return those that are still due, with what they belong to as it was read before."""
    known = {batch.pk: batch for batch in before}
    found = [batch for batch in due.all() if batch.pk in known]
    for batch in found:
        was = known[batch.pk]
        batch.project, batch.sendout, batch.plan = was.project, was.sendout, was.plan
    return found


def escalate(claim: claims.Claim, batch_id: int, error: Exception | None) -> None:
    """Escalate a batch that has killed several workers, or that failed alone several times."""
    status = Batch.objects.values_list("status", flat=True).get(pk=batch_id)
    code, data = Attention.WORKER_DIED, AttentionData(deaths=claim.deaths, status=status)
    if error is not None:
        code, data = Attention.SCREENING_FAILED, AttentionData(status=status, error=type(error).__name__)
    lifecycle.attention(batch_id, code, now=timezone.now(), claim=claim, pause=None, data=data)
