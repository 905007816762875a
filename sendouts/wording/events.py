"""Sentences for events, and for changes of a batch since a revision that somebody saw."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from sendouts.models import Attention, Batch, Event, EventWord, Outcome, Status
from sendouts.wording.sentences import show_text

# Maximum number of events to read while a decision waits.
TOLD = 3
# Sentences without a number.
_WORDS: Mapping[str, Any] = {
    EventWord.TAKEN_ON: gettext_lazy("Release taken on, although it was not confirmed"),
    EventWord.RESTARTED: gettext_lazy("Checks started again"),
    EventWord.RETRIED: gettext_lazy("Tried again"),
    EventWord.FINISH_SENT: gettext_lazy("Release called"),
    EventWord.FINISH_REPEATED: gettext_lazy("Release called again"),
    EventWord.TAKEN_BACK: gettext_lazy("First acceptance taken back"),
    EventWord.DUPLICATE: gettext_lazy("The same hook came again and was not counted twice"),
    EventWord.FILE_OFFERED: gettext_lazy("Another contact file sent"),
    EventWord.HELD: gettext_lazy("Put on hold: the gateway decides nothing at the deadline"),
    EventWord.HOLD_LIFTED: gettext_lazy("Hold lifted: the declared setting applies again"),
}
# Moves to a status, where nothing more is known about them.
_MOVES: Mapping[str, Any] = {
    Status.PLANNED: gettext_lazy("Hook received, actions fixed"),
    Status.SCREENED: gettext_lazy("Contacts checked"),
    Status.IN_REVIEW: gettext_lazy("Held for a person"),
    Status.REFUSED: gettext_lazy("Rejected whole"),
    Status.DELIVERED: gettext_lazy("Every rejection settled"),
    Status.FINISHED: gettext_lazy("Finished, nobody left to send to"),
    Status.EXPIRED: gettext_lazy("Deadline passed"),
    Status.ABANDONED: gettext_lazy("Given up"),
}
# Sentences about `number` contacts or rows, by the key of the number in the event's data.
_TAKEN_ON = {
    "rejections": ngettext_lazy(
        "%(n)s unconfirmed rejection taken on", "%(n)s unconfirmed rejections taken on", "number"
    ),
    "effects": ngettext_lazy(
        "Goes on without the failed action for %(n)s contact",
        "Goes on without the failed action for %(n)s contacts",
        "number",
    ),
    "whole": ngettext_lazy(
        "%(n)s contact stated to be the whole file", "%(n)s contacts stated to be the whole file", "number"
    ),
}
# What a file that was stated whole says itself.
_AGAINST = {
    "announced": ngettext_lazy(
        "the file itself announces %(n)s contact", "the file itself announces %(n)s contacts", "number"
    ),
    "more_pages": ngettext_lazy(
        "the file itself announces more than %(n)s page", "the file itself announces more than %(n)s pages", "number"
    ),
}
_SENT = ngettext_lazy("%(n)s rejection had left and stays", "%(n)s rejections had left and stay", "number")
_STOPPED = {
    "final": _SENT,
    "refused": ngettext_lazy(
        "%(n)s contact stays rejected, what it was is not known",
        "%(n)s contacts stay rejected, what they were is not known",
        "number",
    ),
}
_UNCHANGED = {
    "sent": _SENT,
    "no_address": ngettext_lazy(
        "%(n)s row has no address to reject it", "%(n)s rows have no address to reject them", "number"
    ),
    "unread": ngettext_lazy("%(n)s unreadable row stays as it is", "%(n)s unreadable rows stay as they are", "number"),
}
_LOST = {
    "missing": ngettext_lazy("%(n)s contact is missing in it", "%(n)s contacts are missing in it", "number"),
    "other": ngettext_lazy("%(n)s contact has another address", "%(n)s contacts have other addresses", "number"),
}
_LOST_DOWNLOADED = ngettext_lazy(
    "Contact downloaded that another file would lose: %(n)s",
    "Contacts downloaded that another file would lose: %(n)s",
    "number",
)
_USED = ngettext_lazy(
    "Another contact file put in place, with %(n)s contact",
    "Another contact file put in place, with %(n)s contacts",
    "number",
)
_MISSING = {
    "missing": ngettext_lazy("%(n)s contact is not there any more", "%(n)s contacts are not there any more", "number")
}
# By verdict: a change that is done, and one that begins.
_CHANGED = {
    "accepted": ngettext_lazy("%(n)s contact put back", "%(n)s contacts put back", "number"),
    "rejected": ngettext_lazy("%(n)s contact rejected", "%(n)s contacts rejected", "number"),
}
_BEGUN = {
    "accepted": ngettext_lazy("Began to put %(n)s contact back", "Began to put %(n)s contacts back", "number"),
    "rejected": ngettext_lazy("Began to reject %(n)s contact", "Began to reject %(n)s contacts", "number"),
}


def since(batch: Batch, revision: int) -> str:
    """Return the changes of the batch after this revision, newest last; empty without such events."""
    events = Event.objects.filter(batch=batch, revision__gt=revision).select_related("user").order_by("-pk")
    found = list(events[: TOLD + 1])
    lines = [_line(event, batch) for event in reversed(found[:TOLD])]
    if len(found) > TOLD:
        lines.insert(0, _("several other changes"))
    return "; ".join(lines)


def _line(event: Event, batch: Batch) -> str:
    what = event_sentence(event, batch)
    words = {"what": what[:1].lower() + what[1:], "time": clock(event.at)}
    if event.user is None:
        return _("%(what)s at %(time)s") % words
    return _("%(who)s: %(what)s at %(time)s") % {**words, "who": event.author}


def clock(moment: datetime) -> str:
    """Return a time of day for a sentence, with its zone where the clock repeats the hour.

    The foot of a page names only the zone of now.
    """
    local = timezone.localtime(moment)
    text = local.strftime(str(_("%H:%M")))
    repeated = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{text} {local.tzname()}" if repeated else text


def event_sentence(event: Event, batch: Batch) -> str:
    """Return the sentence of an event, without person and time."""
    data: dict[str, Any] = event.data or {}
    match event.word:
        case EventWord.MOVED:
            return _moved(event, batch, data)
        case EventWord.CHANGED:
            return _changed(data, data.get("contacts") or len(data.get("rows", [])) or 1)
        case EventWord.CHANGE_BEGUN:
            return _counted(_BEGUN[data.get("verdict", "rejected")], data.get("contacts", 0))
        case EventWord.CHANGE_ENDED:
            return _change_ended(data)
        case EventWord.KEPT:
            return _kept(data)
        case EventWord.TAKEN_ON if key := next(filter(data.__contains__, _TAKEN_ON), ""):
            # Also where it is none: what was taken on is said all the same.
            return ", ".join([_counted(_TAKEN_ON[key], data[key]), *_parts(_AGAINST, data)])
        case EventWord.ASKED:
            return _asked(data.get("step", ""))
        case EventWord.ATTENTION:
            code = data.get("code", "")
            reason = Attention(code).label if code in Attention.values else code
            return _("Needs attention: %(reason)s") % {"reason": reason}
        case EventWord.RETRIED if "effects" in data:
            return _("Outcome sent again")
        case EventWord.FINISH_REPEATED if data.get("lost"):
            return _("Release called again, because its answer was lost")
        case EventWord.FIRST_ACCEPTED:
            chosen = {"accept": _("the undecided get the message"), "reject": _("the undecided are rejected")}
            parts = [_("Accepted as first person"), chosen.get(data.get("undecided", ""), "")]
            return ", ".join(part for part in parts if part)
        case EventWord.FILE_USED:
            return ", ".join([_counted(_USED, data.get("rows", 0)), *_parts(_LOST, data)])
        case EventWord.EXPORTED if "file" in data:
            return _("Contact file downloaded as it came")
        case EventWord.EXPORTED:
            return _exported(data)
    return str(_WORDS.get(event.word, event.get_word_display()))


def _counted(sentence: Any, number: int) -> str:
    return str(sentence % {"number": number, "n": localize(number)})


def _parts(sentences: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Return those of the sentences whose number the data has, and is not zero."""
    return [_counted(sentence, data[name]) for name, sentence in sentences.items() if data.get(name)]


def _moved(event: Event, batch: Batch, data: dict[str, Any]) -> str:
    if data.get("by") == "at_deadline":
        if event.new == Status.ACCEPTED:
            return _("Accepted by the gateway, as declared for the deadline")
        return _("Rejected by the gateway, as declared for the deadline")
    match event.new:
        case Status.PLANNED if event.old == Status.IN_REVIEW:
            return _("Checks started again, with the actions as they are defined now")
        case Status.IN_REVIEW if event.old != Status.SCREENED:
            return ", ".join([_("Release stopped"), *_parts(_STOPPED, data)])
        case Status.ACCEPTED:
            return _accepted(event, data)
        case Status.SCREENED if count := data.get("invisible", 0):
            dropped = ngettext(
                "invisible characters were dropped in %(n)s id, address or name of a field",
                "invisible characters were dropped in %(n)s ids, addresses or names of fields",
                count,
            )
            return ", ".join([str(_MOVES[Status.SCREENED]), dropped % {"n": localize(count)}])
        case Status.FINISHED if batch.outcome == Outcome.RELEASED:
            return _("Released")
    return str(_MOVES.get(event.new, event.new))


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


def _asked(step: str) -> str:
    return {
        "whole-file": _("Asked whether this is the whole file"),
        "use-file": _("Asked to go on with another contact file"),
    }.get(step, _("Asked for a decision"))


def _exported(data: dict[str, Any]) -> str:
    if data.get("lost"):
        return _counted(_LOST_DOWNLOADED, data["lost"])
    whose = {
        "rejected": _("Decisions downloaded: those who do not get it"),
        "undecided": _("Decisions downloaded: the undecided"),
        "accepted": _("Decisions downloaded: those who get it"),
        "unread": _("Decisions downloaded: the unreadable rows"),
    }.get(data.get("tab", ""), _("Decisions downloaded"))
    if text := data.get("text") or data.get("reason"):
        return _("%(what)s, with the reason “%(reason)s”") % {"what": whose, "reason": show_text(text)}
    return whose


def _changed(data: dict[str, Any], rows: int) -> str:
    """Return how many contacts were changed, and how many could not be."""
    return ", ".join([_counted(_CHANGED[data.get("verdict", "rejected")], rows), *_parts(_UNCHANGED, data)])


def _change_ended(data: dict[str, Any]) -> str:
    ended = {
        "cancelled": _("Change stopped"),
        "overtaken": _("Change ended with the batch"),
        "failed": _("Change failed"),
    }.get(data.get("state", ""))
    changed = _changed(data, data.get("contacts", 0))
    return _("%(what)s: %(why)s") % {"what": ended, "why": changed} if ended else changed


def _kept(data: dict[str, Any]) -> str:
    again = data.get("accepted", 0) + data.get("rejected", 0)
    text = ngettext(
        "%(n)s decision of people applied again: %(accepted)s put back, %(rejected)s rejected",
        "%(n)s decisions of people applied again: %(accepted)s put back, %(rejected)s rejected",
        again,
    )
    names = ("accepted", "rejected")
    numbers = {"n": localize(again), **{name: localize(data.get(name, 0)) for name in names}}
    return ", ".join([text % numbers, *_parts(_MISSING, data)])
