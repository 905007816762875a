"""Fence what a restored backup holds open: nothing of it is sent until a person decides.

A backup does not know what was sent after it. Uploads of suppression lists go on: they send nothing, and half a list
would let messages through.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from actions.codes import draw
from actions.contract import Phase
from actions.models import AtDeadline
from sendouts import lifecycle
from sendouts.models import Attention, Batch, EffectRun, EventWord, Hold, Spool, Status, Webhook
from sendouts.models.attention import AttentionData
from sendouts.models.batch import OPEN
from sendouts.models.hold_reason import HoldReason
from sendouts.verbs import change_many, stop
from sendouts.wording.sentences import EffectFailure, HookDetail

log = structlog.get_logger(__name__)
# Batches fenced in one transaction.
AT_ONCE = 200
_STILL: dict[str, Any] = {"due_at": None, "claim_id": None, "claimed_until": None}


@dataclass(frozen=True, slots=True)
class Fenced:
    """The ids of what was fenced, and the number of promo codes that count as used."""

    batches: list[int]
    hooks: list[int]
    transfers: list[int]
    changes: list[int]
    codes: int


def fence_all(now: datetime) -> Fenced:
    """Fence everything that is open; what was fenced before stays as a person has left it since."""
    changes = change_many.cancel_all(now)
    # First: a batch that ends later must not give back codes that were written after the backup.
    codes = draw.count_as_used(now)
    opened = Batch.objects.filter(status__in=OPEN).order_by("pk").values_list("pk", "held_for")
    ids = [pk for pk, held_for in opened if HoldReason.RESTORED not in held_for]
    for begin in range(0, len(ids), AT_ONCE):
        some = ids[begin : begin + AT_ONCE]
        with transaction.atomic():
            for batch in Batch.objects.select_for_update().filter(pk__in=some).order_by("pk"):
                _fence(batch, now)
            Hold.objects.filter(batch_id__in=some).update(declared=AtDeadline.LEAVE)
            loading = Spool.objects.filter(pk__in=some, state=Spool.State.LOADING)
            loading.update(failure={}, attempts=0, **_STILL)
    Batch.objects.filter(tell_at__isnull=False).update(tell_at=None)
    transfers = EffectRun.objects.filter(
        due_at__isnull=False, phase=Phase.TRANSFER, batch__status=Status.FINISHED
    ).order_by("pk")
    runs = list(transfers.values_list("pk", flat=True))
    transfers.update(error=EffectFailure.RESTORED(), **_STILL)
    waiting = Webhook.objects.filter(outcome=Webhook.Outcome.WAITING).order_by("pk")
    hooks = list(waiting.values_list("pk", flat=True))
    waiting.update(outcome=Webhook.Outcome.FAILED, detail=HookDetail.RESTORED(), **_STILL)
    log.warning("fenced", batches=len(ids), hooks=len(hooks), transfers=len(runs), changes=len(changes), codes=codes)
    return Fenced(ids, hooks, runs, changes, codes)


def _fence(batch: Batch, now: datetime) -> None:
    """Leave a locked batch to people, with what the backup knows of its calls; no clock acts on it any more."""
    columns: dict[str, Any] = {
        **_STILL,
        "held_for": [*batch.held_for, HoldReason.RESTORED],
        "at_deadline": AtDeadline.LEAVE,
        "attempts": 0,
        "deaths": 0,
    }
    found: AttentionData = {}
    if batch.status == Status.SCREENED:
        # It goes to review, and calls nobody on the way.
        columns["due_at"] = now
    elif batch.status != Status.IN_REVIEW:
        sent = 0 if batch.status == Status.PLANNED else stop.count_sent_rejections(batch)
        found = {"sent": sent, "released": batch.finish_sent_at is not None}
        before, about = lifecycle.found_in_hook(batch)
        kept: AttentionData = {**found, "hook": [before, about]} if before else found
        columns |= {"attention": Attention.RESTORED, "attention_data": kept}
    data = {"code": Attention.RESTORED.value, "declared": batch.at_deadline, **found}
    lifecycle.change(batch, EventWord.ATTENTION, now=now, data=data, **columns)
