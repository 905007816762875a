"""What the page of a batch shows, put together once; the template only lays it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.contrib.auth.models import AbstractUser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from actions.models import AtDeadline
from sendouts import forecast, people, sentences
from sendouts.admin import headlines
from sendouts.admin.checked import Check, ReasonLine, checks, reason_lines
from sendouts.admin.contacts import Contacts, contacts_page
from sendouts.admin.effects import Acting, acting
from sendouts.admin.headlines import Label
from sendouts.admin.history import Line, history
from sendouts.admin.verbs import Accept, Verb, held_by, offered
from sendouts.forecast import Forecast
from sendouts.models import Batch, Status
from sendouts.models.batch import STOPPED
from sendouts.review import BLOCKS_ACCEPTANCE
from sendouts.sentences import column_time, number, span, time_of


@dataclass(frozen=True, slots=True)
class Figure:
    """One big number with its name; `share` is its part of the bar in percent."""

    tone: str
    name: str
    value: str
    hint: str
    share: float


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that is left, and how much of it is gone in percent."""

    caption: str
    left: str
    tone: str
    received: str
    deadline: str
    gone: int


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page of one batch, for one reader."""

    label: Label
    title: str
    headline: str
    hint: str
    holds: list[str]
    figures: list[Figure]
    reasons: list[ReasonLine]
    checks: list[Check]
    acting: list[Acting]
    contacts: Contacts
    history: list[Line]
    clock: Clock
    outlook: list[tuple[str, str, str]]
    verbs: list[Verb]
    not_allowed: bool

    @property
    def more(self) -> list[Verb]:
        """The verbs that are seldom wanted."""
        return [verb for verb in self.verbs if verb.quiet]


def page(batch: Batch, user: AbstractUser, asked: Mapping[str, str], now: datetime) -> Page:
    """Put the page of a batch together for a reader. asked: tab, contact and after of the contacts."""
    decides = user.has_perm(people.REVIEW)
    held = batch.status == Status.IN_REVIEW and now < batch.deadline
    return Page(
        label=headlines.label(batch, decides=decides),
        title=sentences.title(batch),
        headline=headlines.headline(batch, now, headlines.ending(batch), _forecast(batch, now)),
        hint=_hint(batch, now),
        holds=[*held_by(batch, now), *sentences.holds(batch)] if batch.status == Status.IN_REVIEW else [],
        figures=_figures(batch),
        reasons=reason_lines(batch, sentences.reason),
        checks=checks(batch),
        acting=acting(batch, sees=user.has_perm(people.VIEW_CONTACTS)),
        contacts=contacts_page(batch, asked, sees=user.has_perm(people.VIEW_CONTACTS), changes=decides and held),
        history=history(batch, now),
        clock=_clock(batch, now),
        outlook=_outlook(batch, user, now),
        verbs=offered(batch, user, now),
        not_allowed=held and not decides,
    )


def _forecast(batch: Batch, now: datetime) -> Forecast | None:
    """When its rejections will be confirmed; nothing is asked of the database for a batch that sends none."""
    return forecast.forecast_of(batch, forecast.lately(now), now) if batch.status in forecast.SENDING else None


def _hint(batch: Batch, now: datetime) -> str:
    """What happens by itself to a batch that a stage could not complete."""
    if not batch.attention or not batch.is_open:
        return ""
    if batch.due_at is not None and batch.status != Status.IN_REVIEW:
        text = _("The gateway tries again by itself, next at %(time)s. Nothing goes out in the meantime.")
        return text % {"time": time_of(batch.due_at, now)}
    return _("Nothing goes out until somebody settles this.")


def _figures(batch: Batch) -> list[Figure]:
    """The split of the batch; the parts add up to what is held."""
    total = batch.total

    def figure(tone: str, name: str, value: int, hint: str = "") -> Figure:
        share = 100 * value / total if total else 0.0
        return Figure(tone, name, number(value), hint or (_percent(share) if total else ""), round(share, 2))

    known = figure("total", _("Contacts"), total, " ")
    if batch.status == Status.PLANNED:
        return [known]
    confirmed = _("%(n)s already sent") % {"n": number(batch.final)} if batch.final else ""
    if batch.rejected and batch.decided_at is not None:
        confirmed = _("%(n)s confirmed") % {"n": number(batch.confirmed)}
        if batch.taken_on:
            confirmed += ", " + _("%(n)s taken on") % {"n": number(batch.taken_on)}
    figures = [known]
    if batch.status in {Status.EXPIRED, Status.ABANDONED}:
        figures.append(figure("rejected", pgettext("contacts", "Rejected"), batch.confirmed))
        figures.append(figure("late", _("Timed out"), batch.timed_out))
        return figures
    figures.append(figure("accepted", _("Get it"), batch.accepted))
    figures.append(figure("rejected", _("Do not get it"), batch.rejected, confirmed))
    if batch.undecided:
        figures.append(figure("undecided", _("Undecided"), batch.undecided))
    if batch.unread:
        figures.append(figure("late", _("Unreadable"), batch.unread))
    return figures


def _percent(share: float) -> str:
    """One decimal, and none where it says nothing."""
    if 0 < share < 0.1:
        return _("less than 0.1%%") % {}
    rounded = round(share, 1)
    return _("%(share)s%%") % {"share": number(int(rounded) if rounded.is_integer() else rounded)}


def _clock(batch: Batch, now: datetime) -> Clock:
    window = batch.deadline - batch.received_at
    left = batch.deadline - now
    gone = 100 if left.total_seconds() <= 0 or not window else min(99, round(100 * (now - batch.received_at) / window))
    moment = partial(column_time, now=now)
    deadline = moment(batch.deadline)
    if not batch.is_open:
        ended = batch.ended_at or batch.deadline
        return Clock(_("Ended"), moment(ended), "quiet", moment(batch.received_at), deadline, 0)
    caption = _("Left to decide, until %(time)s") if batch.status == Status.IN_REVIEW else _("Left, until %(time)s")
    tone = "late" if left.total_seconds() < 300 else "soon" if left.total_seconds() < 1_200 or gone >= 80 else "calm"
    text = span(left) if left.total_seconds() > 0 else _("none")
    return Clock(caption % {"time": deadline}, text, tone, moment(batch.received_at), deadline, gone)


def _if_accepted(batch: Batch, user: AbstractUser, now: datetime) -> str:
    """What acceptance would do, or why it is not offered."""
    accept = Accept(batch, user, now)
    if not batch.file_complete or batch.attention in BLOCKS_ACCEPTANCE:
        return _("The batch cannot be accepted: whoever is missing from its file would get the message unseen.")
    if user.has_perm(people.REVIEW) and not accept.is_permitted:
        text = ngettext(
            "%(n)s unreadable row would get the message unchecked. Only somebody who may take this on can accept.",
            "%(n)s unreadable rows would get the message unchecked. Only somebody who may take this on can accept.",
            accept.taken_on,
        )
        return text % {"n": number(accept.taken_on)}
    if not batch.rejected:
        return _("The messages go out at once.")
    text = ngettext(
        "%(n)s rejection goes to Symplify, then the messages go out.",
        "%(n)s rejections go to Symplify one by one, then the messages go out.",
        batch.rejected,
    )
    return text % {"n": number(batch.rejected)}


def _outlook(batch: Batch, user: AbstractUser, now: datetime) -> list[tuple[str, str, str]]:
    """What comes next, as (icon, title, sentence)."""
    if not batch.is_open:
        return []
    if batch.status != Status.IN_REVIEW:
        text = _("At %(time)s whoever is not settled takes the “timed out” way.")
        return [("timer_off", _("If it is not done in time"), text % {"time": time_of(batch.deadline, now)})]
    lines = [("arrow_forward", _("If you accept"), _if_accepted(batch, user, now))] if batch.total else []
    lines.append(("timer_off", _("If nobody decides"), at_deadline(batch, now)))
    return lines


def at_deadline(batch: Batch, now: datetime) -> str:
    """What happens to a held batch when nobody decides, and why, where that is not what is declared."""
    time = {"time": time_of(batch.deadline, now)}
    nobody = _("Nobody gets it: at %(time)s all contacts take the “timed out” way.") % time
    if batch.at_deadline == AtDeadline.LEAVE:
        return nobody + " " + _("Setting: let it time out.")
    if batch.due_at is None:
        declared = _("accept it") if batch.at_deadline == AtDeadline.ACCEPT else _("reject it")
        return (
            nobody
            + " "
            + _("The setting “%(setting)s” does not act here: %(why)s")
            % {
                "setting": declared,
                "why": _why_not(batch),
            }
        )
    acts = {"time": time_of(batch.due_at, now)}
    if batch.at_deadline == AtDeadline.REJECT:
        return _("Nobody gets it: at %(time)s all are rejected.") % acts
    text = ngettext(
        "%(n)s gets it: the gateway accepts by itself at %(time)s.",
        "%(n)s get it: the gateway accepts by itself at %(time)s.",
        batch.accepted,
    ) % {**acts, "n": number(batch.accepted)}
    return text + (" " + _("The undecided are rejected.") if batch.undecided else "")


def _why_not(batch: Batch) -> str:
    if batch.attention:
        return _("something must be settled first.")
    if batch.unjudged():
        return _("nobody has checked everything that was asked for.")
    if STOPPED in batch.held_for:
        return _("a person stopped the release.")
    return _("there is nobody in this batch.")
