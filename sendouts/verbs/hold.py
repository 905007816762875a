"""Put a batch on hold: until somebody lifts it, nothing happens to the batch by itself at the deadline."""

from copy import copy
from datetime import datetime
from typing import Any

import structlog
from django.utils.translation import gettext as _

from actions.models import AtDeadline
from sendouts import lifecycle
from sendouts.models import Batch, EventWord, Hold, Status
from sendouts.outlook import forecast
from sendouts.verbs.base import Act, NotDone, NotDoneCode, Note, Verb

log = structlog.get_logger(__name__)


class PutOnHold(Verb[Batch]):
    """Set this batch's `at_deadline` to leave, and keep what was declared."""

    name = "hold"
    statuses = frozenset({Status.IN_REVIEW})
    note = Note.REQUIRED
    while_changing = True

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        if Hold.objects.filter(batch=batch).exists():
            raise NotDone(NotDoneCode.NOTHING, _("This batch is on hold already. Nothing was changed."))
        declared = batch.at_deadline
        Hold.objects.create(batch=batch, user=act.user, note=act.note, at=act.now, declared=declared)
        columns: dict[str, Any] = {"at_deadline": AtDeadline.LEAVE, "due_at": None}
        data = {"declared": declared}
        lifecycle.change(batch, EventWord.HELD, data=data, **act.by, **columns)
        log.info("put_on_hold", batch=batch.pk, user=act.user.pk, declared=declared)
        return batch


class LiftHold(Verb[Batch]):
    """Let what was declared for the deadline hold again; where its moment has passed, it acts at once."""

    name = "lift-hold"
    statuses = frozenset({Status.IN_REVIEW})

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        held = on_hold(batch)
        if held is None:
            raise NotDone(NotDoneCode.NOTHING, _("This batch is not on hold. Nothing was changed."))
        columns: dict[str, Any] = {"at_deadline": held.declared, "due_at": acts_again_at(batch, held, act.now)}
        held.delete()
        data = {"declared": held.declared}
        lifecycle.change(batch, EventWord.HOLD_LIFTED, data=data, **act.by, **columns)
        log.info("hold_lifted", batch=batch.pk, user=act.user.pk, declared=held.declared)
        return batch


def on_hold(batch: Batch) -> Hold | None:
    """The hold of a batch; None where nobody holds it. A batch on hold says `leave`: others are not asked about."""
    if batch.at_deadline != AtDeadline.LEAVE or batch.status != Status.IN_REVIEW:
        return None
    return Hold.objects.select_related("user").filter(batch=batch).first()


def acts_again_at(batch: Batch, held: Hold, now: datetime) -> datetime | None:
    """When the gateway would act by itself if the hold were lifted now; None: it would leave the batch."""
    as_declared = copy(batch)
    as_declared.at_deadline = held.declared
    return forecast.acts_at(as_declared, forecast.lately(now), now)
