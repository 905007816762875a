"""Putting a batch on hold: until somebody lifts it, nothing happens to that batch by itself at the deadline."""

from copy import copy
from datetime import datetime

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from actions.models import AtDeadline
from sendouts import lifecycle
from sendouts.models import Batch, Hold, Status, Word
from sendouts.outlook import forecast
from sendouts.verbs import base
from sendouts.verbs.base import NotDone

log = structlog.get_logger(__name__)


def hold(batch_id: int, *, user: User, revision: int | None, note: str, now: datetime) -> Batch:
    """Set this batch's `at_deadline` to leave, and keep what was declared. Raises NotDone."""
    note = base.require_note(note)
    with transaction.atomic():
        held = (Status.IN_REVIEW,)
        batch = base.lock(batch_id, user, revision, now=now, statuses=held, while_changing=True)
        if Hold.objects.filter(batch=batch).exists():
            raise NotDone("nothing", _("This batch is on hold already. Nothing was changed."))
        declared = batch.at_deadline
        Hold.objects.create(batch=batch, user=user, note=note, at=now, declared=declared)
        columns = {"at_deadline": AtDeadline.LEAVE, "due_at": None}
        lifecycle.change(batch, Word.HELD, now=now, user=user, note=note, data={"declared": declared}, **columns)
    log.info("put_on_hold", batch=batch_id, user=user.pk, declared=declared)
    return batch


def lift(batch_id: int, *, user: User, revision: int | None, note: str = "", now: datetime) -> Batch:
    """Let what was declared for the deadline hold again; where its moment has passed, it acts at once. Raises NotDone."""
    with transaction.atomic():
        batch = base.lock(batch_id, user, revision, now=now, statuses=(Status.IN_REVIEW,))
        held = on_hold(batch)
        if held is None:
            raise NotDone("nothing", _("This batch is not on hold. Nothing was changed."))
        columns = {"at_deadline": held.declared, "due_at": acts_again_at(batch, held, now)}
        held.delete()
        data = {"declared": columns["at_deadline"]}
        lifecycle.change(batch, Word.HOLD_LIFTED, now=now, user=user, note=note, data=data, **columns)
    log.info("hold_lifted", batch=batch_id, user=user.pk, declared=data["declared"])
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
