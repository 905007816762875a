"""What happens next: if the reader accepts, if no person decides, and if something goes wrong meanwhile."""

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractUser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.models import AtDeadline
from desk.verbs.accept import AcceptPage
from sendouts import rules
from sendouts.models import Batch, Status
from sendouts.models.hold_reason import HoldReason
from sendouts.outlook.forecast import Lately
from sendouts.stages.review import BLOCKS_ACCEPTANCE
from sendouts.verbs import base
from sendouts.wording.batch_sentences import contacts, number, span, time_of

Outlook = tuple[str, str, str]


def outlook(batch: Batch, user: AbstractUser, now: datetime, known: Lately | None) -> list[Outlook]:
    """Return what happens next, as (icon, title, sentence)."""
    if not batch.is_open:
        return []
    if batch.status == Status.IN_REVIEW:
        first = rules.is_first_accepted(batch) and batch.first_accepted_by_id == user.pk
        title = _("If a second person accepts") if first else _("If you accept")
        accepting = [("arrow_forward", title, _if_accepted(batch, user, now, known))] if batch.total else []
        return [*accepting, ("timer_off", _("If nobody decides"), at_deadline(batch, now))]
    lines = []
    if batch.status in (Status.ACCEPTED, Status.REFUSED, Status.DELIVERED) and batch.finish_sent_at is None:
        lines.append(("stop_circle", _("It can still be stopped"), _if_stopped(batch)))
        if not batch.attention:
            text = _("The batch is held and a person is told. It is never released with a gap.")
            lines.append(("error_outline", _("If a rejection is not confirmed"), text))
    text = _("At %(time)s whoever is not settled takes the “timed out” way.")
    lines.append(("timer_off", _("If it is not done in time"), text % {"time": time_of(batch.deadline, now)}))
    return lines


def _if_stopped(batch: Batch) -> str:
    if not batch.confirmed:
        return _("Nothing has gone out yet.")
    text = ngettext(
        "No message has gone out yet. The %(n)s rejection that was sent cannot be taken back.",
        "No message has gone out yet. The %(n)s rejections that were sent cannot be taken back.",
        batch.confirmed,
    )
    return text % {"n": number(batch.confirmed)}


def _if_accepted(batch: Batch, user: AbstractUser, now: datetime, known: Lately | None) -> str:
    """Return what acceptance would do, or why it is not offered."""
    accept = AcceptPage(batch, user, now)
    if not batch.file_complete or batch.attention in BLOCKS_ACCEPTANCE:
        return _("The batch cannot be accepted: whoever is missing from its file would get the message unseen.")
    if user.has_perm(base.REVIEW) and not accept.is_permitted:
        text = ngettext(
            "%(n)s unreadable row would get the message unchecked. Only somebody who may take this on can accept.",
            "%(n)s unreadable rows would get the message unchecked. Only somebody who may take this on can accept.",
            accept.taken_on,
        )
        return text % {"n": number(accept.taken_on)}
    left = accept.to_send
    if not left:
        return _("The messages go out at once.")
    if known is None:
        text = ngettext(
            "%(n)s rejection goes to Symplify, then the messages go out.",
            "%(n)s rejections go to Symplify one by one, then the messages go out.",
            left,
        )
        return text % {"n": number(left)}
    text = ngettext(
        "%(n)s rejection goes to Symplify (about %(span)s), then the messages go out.",
        "%(n)s rejections go to Symplify one by one (about %(span)s), then the messages go out.",
        left,
    )
    return text % {"n": number(left), "span": span(timedelta(seconds=max(1.0, left / known.rate)))}


def at_deadline(batch: Batch, now: datetime) -> str:
    """Return what happens to a held batch without a decision, and why, if that differs from the declared policy."""
    values = {"time": time_of(batch.deadline, now), "all": contacts(batch.total)}
    nobody = _("Nobody gets it: at %(time)s all contacts take the “timed out” way.") % values
    if batch.at_deadline == AtDeadline.LEAVE:
        return nobody + " " + _("Setting: let it time out.")
    if batch.due_at is None or (batch.at_deadline == AtDeadline.ACCEPT and rules.clock_waits(batch)):
        declared = _("accept it") if batch.at_deadline == AtDeadline.ACCEPT else _("reject it")
        text = _("The setting “%(setting)s” does not act here: %(why)s")
        return nobody + " " + text % {"setting": declared, "why": _explain_refusal(batch)}
    acts = {"time": time_of(batch.due_at, now)}
    if batch.at_deadline == AtDeadline.REJECT:
        return _("Nobody gets it: at %(time)s all are rejected.") % acts
    text = ngettext(
        "%(n)s gets it: the gateway accepts by itself at %(time)s.",
        "%(n)s get it: the gateway accepts by itself at %(time)s.",
        batch.accepted,
    ) % {**acts, "n": number(batch.accepted)}
    return text + (" " + _("The undecided are rejected.") if batch.undecided else "")


def in_short(batch: Batch, now: datetime) -> str:
    """Return the same for a narrow screen: “then nobody gets it”."""
    if batch.status != Status.IN_REVIEW:
        return ""
    if batch.at_deadline == AtDeadline.ACCEPT and batch.due_at is not None and not rules.clock_waits(batch):
        return _("then %(n)s get it") % {"n": number(batch.accepted)}
    return _("then nobody gets it")


def _explain_refusal(batch: Batch) -> str:
    if batch.running_change is not None:
        return _("decisions are being changed at the moment. It acts when that is done.")
    if batch.attention:
        return _("something must be settled first.")
    if batch.unjudged():
        return _("nobody has checked everything that was asked for.")
    if batch.at_deadline == AtDeadline.ACCEPT and rules.clock_waits(batch):
        return _("two people must accept this batch, and the gateway is neither of them.")
    if HoldReason.STOPPED in batch.held_for:
        return _("a person stopped the release.")
    return _("there is nobody in this batch.")
