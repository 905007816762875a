"""Sentences of messages in the active language, with sendout names and numbers as their only data."""

import re
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from actions.models import AtDeadline, Sendout
from notices.models import Occasion
from sendouts.models import Batch, DecisionVerdict, Event, EventWord, Outcome, Status
from sendouts.wording.batch_sentences import contacts, number, quoted, reason, time_of, title, trouble
from sendouts.wording.events import clock

LONGEST_NAME = 80
TOP_REASONS = 3
# Sentences from elsewhere may contain these; a message must not.
_PERSONAL = re.compile(r"://|@")


def plain(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a name on one line of limited length, so that it cannot start a new line of a mail header."""
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def zone() -> str:
    """Name the time zone for people: “Paris time”. `clock` adds its abbreviation in the hour that a change repeats."""
    city = settings.TIME_ZONE.rpartition("/")[2].replace("_", " ")
    return _("%(city)s time") % {"city": city}


def until(moment: datetime, now: datetime) -> str:
    """Write a moment with its zone, and with the date if it is not today's."""
    return _("%(time)s (%(zone)s)") % {"time": time_of(moment, now), "zone": zone()}


def in_full(moment: datetime) -> str:
    """Write a moment with date and zone, since a message may be read at any time."""
    day = date_format(timezone.localtime(moment), "j N Y")
    time = _("%(time)s on %(date)s") % {"date": day, "time": clock(moment)}
    return _("%(time)s (%(zone)s)") % {"time": time, "zone": zone()}


def name_of(batch: Batch) -> str:
    return plain(title(batch))


def result(batch: Batch) -> str:
    """Return one sentence that says what acceptance would do."""
    values = {"name": name_of(batch), "get": number(batch.accepted), "all": contacts(batch.total)}
    if not batch.total:
        return _("“%(name)s” came without a single contact.") % values
    return _("“%(name)s” goes to %(get)s of %(all)s if you accept.") % values


def stops(batch: Batch) -> str:
    """Return one sentence that says what stops the batch."""
    return _("“%(name)s” cannot go on: %(reason)s.") % {"name": name_of(batch), "reason": trouble(batch)}


def if_nobody(batch: Batch, now: datetime) -> str:
    """Return the sentence that says what happens without a decision."""
    if batch.status != Status.IN_REVIEW:
        text = _(
            "Nothing goes out until somebody settles this. At %(time)s whoever is not settled takes the “timed out” "
            "way."
        )
        return text % {"time": until(batch.deadline, now)}
    acts = {"time": until(batch.due_at or batch.deadline, now)}
    if batch.at_deadline == AtDeadline.LEAVE or batch.due_at is None:
        return _("If nobody decides, nobody gets it: at %(time)s all contacts take the “timed out” way.") % {
            "time": until(batch.deadline, now)
        }
    if batch.at_deadline == AtDeadline.REJECT:
        return _("If nobody decides, nobody gets it: the gateway rejects all at %(time)s.") % acts
    text = ngettext(
        "If nobody decides, %(n)s contact gets it: the gateway accepts by itself at %(time)s.",
        "If nobody decides, %(n)s contacts get it: the gateway accepts by itself at %(time)s.",
        batch.accepted,
    )
    return text % {**acts, "n": number(batch.accepted)}


def reasons(batch: Batch) -> list[tuple[str, str]]:
    """Return the most frequent reasons for rejection, with their numbers."""
    found = []
    for verdict, code, text, action, count in batch.reasons:
        if verdict != DecisionVerdict.ACCEPTED:
            why = reason(code, text).rstrip(".")
            found.append((plain(action or code if _PERSONAL.search(why) else why, 120), number(count)))
    return found[:TOP_REASONS]


def decided_by(batch: Batch) -> str:
    """Name the person who accepted or rejected the batch, or say that the gateway did; empty if nobody did."""
    events = Event.objects.filter(batch=batch, word=EventWord.MOVED, new__in=(Status.ACCEPTED, Status.REFUSED))
    verdict = events.select_related("user").order_by("pk").last()
    if verdict is None:
        return ""
    if verdict.user is None:
        if (verdict.data or {}).get("by") == "at_deadline":
            return _("Decided by the gateway, as declared for the deadline.")
        return _("It went on by itself: nothing needed a person.")
    words = {"who": plain(verdict.author), "time": in_full(verdict.at)}
    if verdict.new == Status.REFUSED:
        return _("Rejected by %(who)s at %(time)s.") % words
    return _("Accepted by %(who)s at %(time)s.") % words


def end(batch: Batch, now: datetime) -> tuple[str, str]:
    """Return how the batch ended: for the subject, and as a sentence."""
    words = {
        "name": name_of(batch),
        "get": contacts(batch.accepted),
        "n": number(batch.accepted),
        "time": until(batch.ended_at or batch.deadline, now),
        "late": number(batch.timed_out),
    }
    match batch.status, batch.outcome:
        case Status.FINISHED, Outcome.RELEASED:
            sentence = ngettext(
                "“%(name)s” went to %(n)s contact at %(time)s.",
                "“%(name)s” went to %(n)s contacts at %(time)s.",
                batch.accepted,
            )
            return _("%(name)s: released to %(get)s") % words, sentence % words
        case Status.FINISHED, Outcome.REFUSED:
            return _("%(name)s: rejected, nobody got it") % words, _("“%(name)s” was rejected. Nobody got it.") % words
        case Status.FINISHED, _outcome:
            sentence = _("Nobody got “%(name)s”: its checks rejected every contact.")
            return _("%(name)s: nobody left to send to") % words, sentence % words
        case Status.EXPIRED, _outcome:
            text = ngettext(
                "“%(name)s” was not answered to the end before its deadline: %(late)s contact takes the “timed out” "
                "way.",
                "“%(name)s” was not answered to the end before its deadline: %(late)s contacts take the “timed out” "
                "way.",
                batch.timed_out,
            )
            if not batch.total:
                text = _(
                    "“%(name)s” was not answered to the end before its deadline: its contacts take the “timed out” way."
                )
            if batch.finish_sent_at is not None:
                text = _(
                    "The release of “%(name)s” was called, but not confirmed before its deadline: look in Symplify "
                    "whether its messages went out."
                )
            return _("%(name)s: deadline passed") % words, text % words
    return _("%(name)s: given up") % words, _("“%(name)s” was given up at %(time)s.") % words


def figures(batch: Batch) -> list[tuple[str, str]]:
    """Return the numbers of a batch with their names."""
    counted = [
        (_("Contacts"), batch.total),
        (_("Get it"), batch.accepted),
        (_("Do not get it"), batch.rejected),
        (_("Undecided"), batch.undecided),
        (_("Unreadable"), batch.unread),
    ]
    if batch.status in {Status.EXPIRED, Status.ABANDONED}:
        counted = [
            (_("Contacts"), batch.total),
            (pgettext("contacts", "Rejected"), batch.confirmed),
            (_("Timed out"), batch.timed_out),
        ]
    shown = [(name, number(value)) for name, value in counted[:1] if batch.total]
    shown += [(name, number(value)) for name, value in counted[1:] if value]
    return [*shown, (_("Deadline"), in_full(batch.deadline))]


def singles(occasion: Occasion, count: int, sendout: Sendout, until: str) -> str:
    """Return one sentence on the singles of a sendout. until: the time that is left for the oldest."""
    match occasion:
        case Occasion.ENDED:
            text = ngettext(
                "%(n)s single of %(name)s was not answered before its deadline and takes the “timed out” way.",
                "%(n)s singles of %(name)s were not answered before their deadlines and take the “timed out” way.",
                count,
            )
        case Occasion.ATTENTION:
            text = ngettext(
                "%(n)s single of %(name)s cannot go on, until %(time)s.",
                "%(n)s singles of %(name)s cannot go on, the oldest until %(time)s.",
                count,
            )
        case _:
            text = ngettext(
                "%(n)s single of %(name)s waits, until %(time)s.",
                "%(n)s singles of %(name)s wait, the oldest until %(time)s.",
                count,
            )
    return text % {"n": number(count), "name": quoted([plain(str(sendout))]), "time": until}
