"""What happened to a batch, event by event, as people tell it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sendouts.models import Attention, Batch, Event, Outcome, Status, Word
from sendouts.sentences import column_time, number

# A batch that is tried again and again must not fill its page.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One event: when, who (empty: the gateway itself), what, and the note."""

    time: str
    who: str
    text: str
    note: str


def history(batch: Batch, now: datetime) -> list[Line]:
    """The events of a batch, newest first."""
    return list(_lines(batch, now))


def _lines(batch: Batch, now: datetime) -> Iterator[Line]:
    for event in Event.objects.filter(batch=batch).select_related("user").order_by("-pk")[:SHOWN]:
        who = event.user.get_username() if event.user is not None else ""
        yield Line(column_time(event.at, now, seconds=True), who, told(event, batch), event.note)


def told(event: Event, batch: Batch) -> str:
    """What an event says, without who and when."""
    data: dict[str, Any] = event.data or {}
    match event.word:
        case Word.MOVED:
            return _moved(event, batch, data)
        case Word.CHANGED:
            rows = len(data.get("rows", [])) or 1
            if data.get("verdict") == "accepted":
                return ngettext("%(n)s contact put back", "%(n)s contacts put back", rows) % {"n": number(rows)}
            return ngettext("%(n)s contact rejected", "%(n)s contacts rejected", rows) % {"n": number(rows)}
        case Word.TAKEN_ON if "rejections" in data:
            rows = data["rejections"]
            text = ngettext(
                "%(n)s unconfirmed rejection taken on", "%(n)s unconfirmed rejections taken on", rows
            )  # fmt: skip
            return text % {"n": number(rows)}
        case Word.TAKEN_ON:
            return _("Release taken on, although it was not confirmed")
        case Word.ATTENTION:
            code = data.get("code", "")
            reason = Attention(code).label if code in Attention.values else code
            return _("Needs attention: %(reason)s") % {"reason": reason}
        case Word.RESTARTED:
            return _("Checks started again")
        case Word.RETRIED:
            return _("Tried again")
        case Word.FINISH_SENT:
            return _("Release called")
        case Word.FINISH_REPEATED if data.get("lost"):
            return _("Release called again, because its answer was lost")
        case Word.FINISH_REPEATED:
            return _("Release called again")
        case Word.DUPLICATE:
            return _("The same hook came again and was not counted twice")
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
    parts = [_("Accepted")]
    count = {"n": number(data.get("contacts", 0))}
    if data.get("undecided") == "accepted":
        parts.append(_("%(n)s undecided put back") % count)
    elif data.get("undecided") == "rejected":
        parts.append(_("%(n)s undecided rejected") % count)
    if data.get("taken_on"):
        parts.append(_("%(n)s unreadable rows taken on") % {"n": number(data["taken_on"])})
    return ", ".join(parts)
