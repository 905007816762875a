"""What people do about a batch that cannot go on: try again, answer for what is not confirmed, or give it up."""

from datetime import datetime
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from sendouts import lifecycle
from sendouts.models import Answer, Attention, Batch, Decision, Status, Verdict, Word
from sendouts.models.decision import rows_of
from sendouts.stages import effects
from sendouts.verbs import base
from sendouts.verbs.base import NotDone
from work import claims

log = structlog.get_logger(__name__)


def take_on(batch_id: int, *, user: User, revision: int | None, note: str, now: datetime) -> Batch:
    """Answer for what the platform did not confirm: the batch goes on as if it had. Raises NotDone."""
    note = base.require_note(note)
    statuses = (Status.ACCEPTED, Status.REFUSED, Status.DELIVERED)
    with transaction.atomic():
        batch = base.lock(batch_id, user, revision, now=now, statuses=statuses, permission=base.TAKE_ON)
        if batch.attention == Attention.UNCONFIRMED:
            missing = Decision.objects.filter(rows_of(batch.pk), verdict=Verdict.REJECTED).exclude(
                answer__in=(Answer.CONFIRMED, Answer.TAKEN_ON)
            )
            rows = missing.update(answer=Answer.TAKEN_ON)
            columns: dict[str, Any] = {"taken_on": F("taken_on") + rows, "due_at": now}
            data: dict[str, Any] = {"rejections": rows}
        elif batch.attention == Attention.EFFECT_FAILED:
            rows = effects.take_on(batch.pk, now)
            columns, data = {"enrichments": 0, "due_at": now}, {"effects": rows}
        elif batch.attention == Attention.FINISH_UNCONFIRMED:
            rows, columns, data = 0, {"ended_at": now, "due_at": None}, {"finish": batch.finish_status}
        else:
            raise NotDone("nothing", _("There is nothing to take on: everything is confirmed."))
        columns |= {"attention": "", "attention_data": {}, "attempts": 0, "claim_id": None, "claimed_until": None}
        if rows or batch.status != Status.DELIVERED:
            lifecycle.change(batch, Word.TAKEN_ON, now=now, user=user, note=note, data=data, **columns)
        else:
            lifecycle.record([batch.pk], Word.TAKEN_ON, now=now, user=user, note=note, data={batch.pk: data})
            lifecycle.move({batch.pk: columns}, Status.DELIVERED, Status.FINISHED, now=now, user=user, note=note)
    log.warning("taken_on", batch=batch_id, user=user.pk, **data)
    return batch


def retry(batch_id: int, *, user: User, revision: int | None, note: str = "", now: datetime) -> Batch:
    """Try again what could not be completed: the download, the rejections, the release. Raises NotDone."""
    statuses = (Status.PLANNED, Status.SCREENED, Status.ACCEPTED, Status.REFUSED, Status.DELIVERED)
    with transaction.atomic():
        batch = base.lock(batch_id, user, revision, now=now, statuses=statuses)
        if not batch.attention:
            raise NotDone("nothing", _("There is nothing to try again: the batch is being worked on."))
        if not Batch.objects.filter(claims.free(), pk=batch.pk).exists():
            # Its call may be open: nothing is sent twice because somebody is impatient.
            raise NotDone("busy", _("It is being tried again at this moment. Wait for what comes of it."))
        Decision.objects.filter(rows_of(batch.pk), answer=Answer.REFUSED).update(answer=Answer.RETRY)
        effects.try_again(batch.pk)
        # What planning found wrong with the hook was not what the person saw, and still holds the batch.
        attention, about = batch.attention_data.get("hook", ("", {}))
        columns: dict[str, Any] = {"attention": attention, "attention_data": about, "attempts": 0, "due_at": now}
        columns |= {"claim_id": None, "claimed_until": None}
        lifecycle.change(batch, Word.RETRIED, now=now, user=user, note=note, **columns)
    return batch


def send_again(batch_id: int, *, user: User, revision: int | None, note: str = "", now: datetime) -> Batch:
    """Tell other systems of the outcome of a finished batch after all, where that failed for good. Raises NotDone."""
    with transaction.atomic():
        batch = base.lock(batch_id, user, revision, now=now, statuses=(Status.FINISHED,))
        sent = effects.send_again(batch.pk, now)
        if not sent:
            raise NotDone("nothing", _("There is nothing to send again: every system has been told."))
        data = {batch.pk: {"effects": sent}}
        lifecycle.record([batch.pk], Word.RETRIED, now=now, user=user, note=note, data=data)
    return batch


def give_up(batch_id: int, *, user: User, revision: int | None, note: str, now: datetime) -> Batch:
    """Stop working on a batch: nothing more is sent, and its contacts time out on the platform. Raises NotDone."""
    note = base.require_note(note)
    statuses = (Status.PLANNED, Status.IN_REVIEW, Status.ACCEPTED, Status.REFUSED, Status.DELIVERED)
    with transaction.atomic():
        batch = base.lock(batch_id, user, revision, now=now, statuses=statuses)
        if batch.finish_sent_at is not None:
            raise NotDone("released", _("The release was already called: it cannot be taken back."))
        columns = {"due_at": None, "ended_at": now, "outcome": "", "claim_id": None, "claimed_until": None}
        lifecycle.move({batch.pk: columns}, Status(batch.status), Status.ABANDONED, now=now, user=user, note=note)
    return batch
