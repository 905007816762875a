"""Put a batch on hold: the gateway does nothing at the deadline until a person lifts the hold."""

from copy import copy
from datetime import datetime
from typing import Any

import structlog
from django.utils.translation import gettext as _

from actions.models import AtDeadline
from sendouts import lifecycle
from sendouts.models import Batch, EventWord, Hold, Status
from sendouts.outlook import forecast
from sendouts.verbs.base import Act, NotDone, NotDoneCode, Verb

log = structlog.get_logger(__name__)


class PutOnHold(Verb[Batch]):
    """Set the batch's `at_deadline` to `leave`, and keep the declared one."""

    name = "hold"
    statuses = frozenset({Status.IN_REVIEW})
    needs_note = True
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
    """Restore the declared deadline action; if its time has passed, it runs at once."""

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
    """Return the hold of a batch; None if there is none. Query only batches in review with `leave`."""
    if batch.at_deadline != AtDeadline.LEAVE or batch.status != Status.IN_REVIEW:
        return None
    return Hold.objects.select_related("user").filter(batch=batch).first()


def acts_again_at(batch: Batch, held: Hold, now: datetime) -> datetime | None:
    """Return when the gateway would act if the hold were lifted now; None if it would leave the batch."""
    as_declared = copy(batch)
    as_declared.at_deadline = held.declared
    return forecast.acts_at(as_declared, forecast.lately(now), now)
