"""Sentences for events, and for changes of a batch since a revision that somebody saw."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sendouts.models import Attention, Batch, Event, EventWord, Outcome, Status
from sendouts.wording.sentences import show_text

# Maximum number of events to read while a decision waits.
TOLD = 3


def since(batch: Batch, revision: int) -> str:
    """Return the changes of the batch after this revision, newest last; empty without such events."""
    events = Event.objects.filter(batch=batch, revision__gt=revision).select_related("user").order_by("-pk")
    found = list(events[: TOLD + 1])
    lines = [_line(event, batch) for event in reversed(found[:TOLD])]
    if len(found) > TOLD:
        lines.insert(0, _("several other changes"))
    return "; ".join(lines)


def _line(event: Event, batch: Batch) -> str:
    what = told(event, batch)
    words = {"what": what[:1].lower() + what[1:], "time": clock(event.at)}
    if event.user is None:
        return _("%(what)s at %(time)s") % words
    return _("%(who)s: %(what)s at %(time)s") % {**words, "who": event.user.get_username()}


def clock(moment: datetime) -> str:
    """Return a time of day for a sentence; the foot of each page names the zone."""
    return timezone.localtime(moment).strftime(str(_("%H:%M")))


def told(event: Event, batch: Batch) -> str:
    """Return the sentence of an event, without person and time."""
    data: dict[str, Any] = event.data or {}
    match event.word:
        case EventWord.MOVED:
            return _moved(event, batch, data)
        case EventWord.CHANGED:
            return _changed(data, data.get("contacts") or len(data.get("rows", [])) or 1)
        case EventWord.CHANGE_BEGUN:
            return _begun(data)
        case EventWord.CHANGE_ENDED:
            return _change_ended(data)
        case EventWord.KEPT:
            return _kept(data)
        case EventWord.TAKEN_ON if "rejections" in data:
            rows = data["rejections"]
            text = ngettext("%(n)s unconfirmed rejection taken on", "%(n)s unconfirmed rejections taken on", rows)
            return text % {"n": localize(rows)}
        case EventWord.TAKEN_ON if "effects" in data:
            rows = data["effects"]
            text = ngettext(
                "Goes on without the failed action for %(n)s contact",
                "Goes on without the failed action for %(n)s contacts",
                rows,
            )
            return text % {"n": localize(rows)}
        case EventWord.TAKEN_ON:
            return _("Release taken on, although it was not confirmed")
        case EventWord.ATTENTION:
            code = data.get("code", "")
            reason = Attention(code).label if code in Attention.values else code
            return _("Needs attention: %(reason)s") % {"reason": reason}
        case EventWord.RESTARTED:
            return _("Checks started again")
        case EventWord.RETRIED if "effects" in data:
            return _("Outcome sent again")
        case EventWord.RETRIED:
            return _("Tried again")
        case EventWord.FINISH_SENT:
            return _("Release called")
        case EventWord.FINISH_REPEATED if data.get("lost"):
            return _("Release called again, because its answer was lost")
        case EventWord.FINISH_REPEATED:
            return _("Release called again")
        case EventWord.FIRST_ACCEPTED:
            chosen = {"accept": _("the undecided get the message"), "reject": _("the undecided are rejected")}
            parts = [_("Accepted as first person"), chosen.get(data.get("undecided", ""), "")]
            return ", ".join(part for part in parts if part)
        case EventWord.TAKEN_BACK:
            return _("First acceptance taken back")
        case EventWord.DUPLICATE:
            return _("The same hook came again and was not counted twice")
        case EventWord.EXPORTED:
            return _exported(data)
        case EventWord.HELD:
            return _("Put on hold: nothing happens by itself at the deadline")
        case EventWord.HOLD_LIFTED:
            return _("Hold lifted: the declared setting applies again")
    return str(event.get_word_display())


def _moved(event: Event, batch: Batch, data: dict[str, Any]) -> str:
    if data.get("by") == "at_deadline":
        if event.new == Status.ACCEPTED:
            return _("Accepted by the gateway, as declared for the deadline")
        return _("Rejected by the gateway, as declared for the deadline")
    match event.new:
        case Status.PLANNED if event.old == Status.IN_REVIEW:
            return _("Checks started again, with the actions as they are defined now")
        case Status.PLANNED:
            return _("Hook received, actions fixed")
        case Status.SCREENED:
            return _("Contacts checked")
        case Status.IN_REVIEW if event.old != Status.SCREENED:
            return _stopped(data)
        case Status.IN_REVIEW:
            return _("Held for a person")
        case Status.ACCEPTED:
            return _accepted(event, data)
        case Status.REFUSED:
            return _("Rejected whole")
        case Status.DELIVERED:
            return _("Every rejection settled")
        case Status.FINISHED if batch.outcome == Outcome.RELEASED:
            return _("Released")
        case Status.FINISHED:
            return _("Finished, nobody left to send to")
        case Status.EXPIRED:
            return _("Deadline passed")
        case Status.ABANDONED:
            return _("Given up")
    return event.new


def _accepted(event: Event, data: dict[str, Any]) -> str:
    if event.user_id is None:
        return _("Went on by itself: nothing needs a person")
    parts = [_("Accepted as second person") if data.get("first_by") else _("Accepted")]
    count = {"n": localize(data.get("contacts", 0))}
    if data.get("undecided") == "accepted":
        parts.append(_("%(n)s undecided put back") % count)
    elif data.get("undecided") == "rejected":
        parts.append(_("%(n)s undecided rejected") % count)
    if data.get("taken_on"):
        parts.append(_("%(n)s unreadable rows taken on") % {"n": localize(data["taken_on"])})
    return ", ".join(parts)


def _exported(data: dict[str, Any]) -> str:
    whose = {
        "rejected": _("Decisions downloaded: those who do not get it"),
        "undecided": _("Decisions downloaded: the undecided"),
        "accepted": _("Decisions downloaded: those who get it"),
        "unread": _("Decisions downloaded: the unreadable rows"),
    }.get(data.get("tab", ""), _("Decisions downloaded"))
    if text := data.get("text") or data.get("reason"):
        return _("%(what)s, with the reason “%(reason)s”") % {"what": whose, "reason": show_text(text)}
    return whose


def _stopped(data: dict[str, Any]) -> str:
    parts = [_("Release stopped")]
    if final := data.get("final"):
        text = ngettext("%(n)s rejection had left and stays", "%(n)s rejections had left and stay", final)
        parts.append(text % {"n": localize(final)})
    if turned := data.get("refused"):
        text = ngettext(
            "%(n)s contact stays rejected, what it was is not known",
            "%(n)s contacts stay rejected, what they were is not known",
            turned,
        )
        parts.append(text % {"n": localize(turned)})
    return ", ".join(parts)


def _changed(data: dict[str, Any], rows: int) -> str:
    """Return how many contacts were changed, and how many could not be."""
    if data.get("verdict") == "accepted":
        text = ngettext("%(n)s contact put back", "%(n)s contacts put back", rows)
    else:
        text = ngettext("%(n)s contact rejected", "%(n)s contacts rejected", rows)
    parts = [text % {"n": localize(rows)}]
    if sent := data.get("sent"):
        text = ngettext("%(n)s rejection had left and stays", "%(n)s rejections had left and stay", sent)
        parts.append(text % {"n": localize(sent)})
    if without := data.get("no_address"):
        text = ngettext("%(n)s row has no address to reject it", "%(n)s rows have no address to reject them", without)
        parts.append(text % {"n": localize(without)})
    if unread := data.get("unread"):
        text = ngettext("%(n)s unreadable row stays as it is", "%(n)s unreadable rows stay as they are", unread)
        parts.append(text % {"n": localize(unread)})
    return ", ".join(parts)


def _begun(data: dict[str, Any]) -> str:
    rows = data.get("contacts", 0)
    if data.get("verdict") == "accepted":
        text = ngettext("Began to put %(n)s contact back", "Began to put %(n)s contacts back", rows)
    else:
        text = ngettext("Began to reject %(n)s contact", "Began to reject %(n)s contacts", rows)
    return text % {"n": localize(rows)}


def _change_ended(data: dict[str, Any]) -> str:
    ended = {
        "cancelled": _("Change stopped"),
        "overtaken": _("Change ended with the batch"),
        "failed": _("Change failed"),
    }.get(data.get("state", ""))
    told = _changed(data, data.get("contacts", 0))
    return _("%(what)s: %(why)s") % {"what": ended, "why": told} if ended else told


def _kept(data: dict[str, Any]) -> str:
    again = data.get("accepted", 0) + data.get("rejected", 0)
    text = ngettext(
        "%(n)s decision of people applied again: %(accepted)s put back, %(rejected)s rejected",
        "%(n)s decisions of people applied again: %(accepted)s put back, %(rejected)s rejected",
        again,
    )
    names = ("accepted", "rejected")
    parts = [text % {"n": localize(again), **{name: localize(data.get(name, 0)) for name in names}}]
    if missing := data.get("missing"):
        text = ngettext("%(n)s contact is not there any more", "%(n)s contacts are not there any more", missing)
        parts.append(text % {"n": localize(missing)})
    return ", ".join(parts)
