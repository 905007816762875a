"""Verbs for a batch that cannot go on: retry, answer for what is not proven, ask somebody, or give up."""

from dataclasses import dataclass
from typing import Any

import structlog
from django.db.models import F
from django.utils.translation import gettext as _

from sendouts import lifecycle
from sendouts.models import Answer, Attention, Batch, Decision, DecisionVerdict, EventWord, Status
from sendouts.models.batch import OPEN
from sendouts.models.decision import rows_of
from sendouts.outlook import forecast
from sendouts.stages import effects
from sendouts.verbs import base
from sendouts.verbs.base import Act, NotDone, NotDoneCode, Verb
from work import claims

log = structlog.get_logger(__name__)
_FREE: dict[str, Any] = {"claim_id": None, "claimed_until": None}
# Columns that start the failed stage again.
_SETTLED: dict[str, Any] = {"attention": "", "attention_data": {}, "attempts": 0, **_FREE}


class TakeOn(Verb[Batch]):
    """Answer for what the platform did not confirm: the batch continues as if it were confirmed."""

    name = "take-on"
    statuses = frozenset({Status.ACCEPTED, Status.REFUSED, Status.DELIVERED})
    permission = base.TAKE_ON
    needs_note = True

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        if batch.attention == Attention.UNCONFIRMED:
            missing = Decision.objects.filter(rows_of(batch.pk), verdict=DecisionVerdict.REJECTED).exclude(
                answer__in=(Answer.CONFIRMED, Answer.TAKEN_ON)
            )
            rows = missing.update(answer=Answer.TAKEN_ON)
            _take_on(batch, act, {"rejections": rows}, taken_on=F("taken_on") + rows)
        elif may_be_released(batch):
            data = {"finish": batch.finish_status}
            columns = {"ended_at": act.now, "due_at": None, **_SETTLED}
            lifecycle.record([batch.pk], EventWord.TAKEN_ON, data={batch.pk: data}, **act.by)
            lifecycle.move({batch.pk: columns}, Status.DELIVERED, Status.FINISHED, **act.by)
            log.warning("taken_on", batch=batch.pk, user=act.user.pk, **data)
        else:
            raise NotDone(NotDoneCode.NOTHING, _("There is nothing to take on: everything is confirmed."))
        return batch


def may_be_released(batch: Batch) -> bool:
    """Return whether the release was called, and a person must say whether it had an effect."""
    called = batch.status == Status.DELIVERED and batch.finish_sent_at is not None
    return batch.attention == Attention.FINISH_UNCONFIRMED or (called and batch.attention == Attention.RESTORED)


class GoWithout(Verb[Batch]):
    """Release the accepted contacts although an action failed for some of them."""

    name = "go-without"
    statuses = frozenset({Status.ACCEPTED})
    permission = base.TAKE_ON
    needs_note = True

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        if batch.attention != Attention.EFFECT_FAILED:
            raise NotDone(NotDoneCode.NOTHING, _("There is nothing to take on: everything is confirmed."))
        _take_on(batch, act, {"effects": effects.take_on(batch.pk, act.now)}, enrichments=0)
        return batch


def _take_on(batch: Batch, act: Act, data: dict[str, Any], **columns: Any) -> None:
    columns |= {"due_at": act.now, **_SETTLED}
    lifecycle.change(batch, EventWord.TAKEN_ON, data=data, **act.by, **columns)
    log.warning("taken_on", batch=batch.pk, user=act.user.pk, **data)


# The reader's codes for a file that it gave up before its end.
_GIVEN_UP = frozenset({"mostly_unread", "too_big"})


def may_be_whole(batch: Batch) -> bool:
    """Return whether the end of the file is in doubt, and what was read may be all of it.

    A file that contradicts this, by its own count or by further pages, may be stated whole too: only the person who
    counted in Symplify knows which is wrong.
    """
    doubtful = batch.attention == Attention.NO_PROVEN_END and bool(batch.total)
    return doubtful and batch.attention_data.get("code") not in _GIVEN_UP


def contradiction(batch: Batch) -> dict[str, int]:
    """Return what the file itself says against being whole: `announced` contacts, or `more_pages` after this one."""
    match batch.attention_data.get("code"):
        case "rows_missing":
            return {"announced": batch.attention_data.get("total", 0)}
        case "more_pages":
            return {"more_pages": batch.attention_data.get("page", 1)}
    return {}


class WholeFile(Verb[Batch]):
    """State that what was read of a contact file is all of it, though its end is not proven.

    A broken last row stays unreadable. The batch goes on waiting for its acceptance.
    """

    name = "whole-file"
    statuses = frozenset({Status.IN_REVIEW})
    permission = base.TAKE_ON
    needs_note = True

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        if not may_be_whole(batch):
            sentence = _("There is nothing to state: the end of the file is not in doubt, or was never reached.")
            raise NotDone(NotDoneCode.NOTHING, sentence)
        contradicted = contradiction(batch)
        # A problem that planning found in the hook still holds the batch.
        attention, about = batch.attention_data.get("hook", ("", {}))
        batch.attention, batch.attention_data, batch.file_complete = attention, about, True
        columns = {"attention": attention, "attention_data": about, "file_complete": True}
        columns["due_at"] = forecast.acts_at(batch, forecast.lately(act.now), act.now)
        data = {"whole": batch.total, **contradicted}
        lifecycle.change(batch, EventWord.TAKEN_ON, data=data, **act.by, **columns)
        log.warning("taken_on", batch=batch.pk, user=act.user.pk, whole=batch.total)
        return batch


class TryAgain(Verb[Batch]):
    """Retry what could not be completed: the download, the rejections, or the release."""

    name = "retry"
    statuses = frozenset({Status.PLANNED, Status.SCREENED, Status.ACCEPTED, Status.REFUSED, Status.DELIVERED})

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        if not batch.attention:
            sentence = _("There is nothing to try again: the batch is being worked on.")
            raise NotDone(NotDoneCode.NOTHING, sentence)
        if not Batch.objects.filter(claims.free(), pk=batch.pk).exists():
            # A call may be open: an impatient retry must not send it twice.
            sentence = _("It is being tried again at this moment. Wait for what comes of it.")
            raise NotDone(NotDoneCode.BUSY, sentence)
        Decision.objects.filter(rows_of(batch.pk), answer=Answer.REFUSED).update(answer=Answer.RETRY)
        effects.try_again(batch.pk)
        # A problem that planning found in the hook still holds the batch: the person saw and retried a later one.
        attention, about = batch.attention_data.get("hook", ("", {}))
        columns = {**_SETTLED, "attention": attention, "attention_data": about, "due_at": act.now}
        lifecycle.change(batch, EventWord.RETRIED, **act.by, **columns)
        return batch


class SendAgain(Verb[Batch]):
    """Retry the transfers of a finished batch's outcome after they failed for good."""

    name = "send-again"
    statuses = frozenset({Status.FINISHED})

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        sent = effects.send_again(batch.pk)
        if not sent:
            raise NotDone(NotDoneCode.NOTHING, _("There is nothing to send again: every system has been told."))
        data = {batch.pk: {"effects": sent}}
        lifecycle.record([batch.pk], EventWord.RETRIED, data=data, **act.by)
        return batch


class GiveUp(Verb[Batch]):
    """Stop work on a batch: nothing more is sent, and its contacts time out on the platform."""

    name = "give-up"
    statuses = frozenset({Status.PLANNED, Status.IN_REVIEW, Status.ACCEPTED, Status.REFUSED, Status.DELIVERED})
    needs_note = True

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        base.require_unreleased(batch)
        columns = {"due_at": None, "ended_at": act.now, "outcome": "", **_FREE}
        lifecycle.move({batch.pk: columns}, Status(batch.status), Status.ABANDONED, **act.by)
        return batch


@dataclass(frozen=True)
class AskForStep(Verb[Batch]):
    """Record that somebody asks for a step that they may not take. `step`: the name of its verb. Nothing changes."""

    step: str

    name = "ask"
    statuses = frozenset(OPEN)
    permission = "sendouts.view_batch"
    while_changing = True

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        lifecycle.record([batch.pk], EventWord.ASKED, data={batch.pk: {"step": self.step}}, **act.by)
        return batch
