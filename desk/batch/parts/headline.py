"""The sentence about the current state of a batch, and the word and colour of its status."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sendouts import rules
from sendouts.models import Batch, Event, EventWord, Outcome, Status
from sendouts.models.decision import DecisionReason
from sendouts.outlook.forecast import Forecast
from sendouts.outlook.progress import Reading
from sendouts.outlook.usual import rejections
from sendouts.wording.batch_sentences import contacts, number, reason, span, time_of, title, trouble

# From this many rejections on, the headline names a reason with at least this share of them.
MANY = 100
NEARLY_ALL = 0.9


@dataclass(frozen=True, slots=True)
class Label:
    """A status for people; `tone` is one of Unfold's: primary, info, success, warning, danger, default."""

    tone: str
    text: str
    icon: str


def label(batch: Batch, *, decides: bool = False) -> Label:
    """Return the status of a batch. decides: the reader may decide, so that a held batch waits for them."""
    if batch.attention and batch.is_open:
        return Label("danger", _("Needs attention"), "error")
    match batch.status:
        case Status.PLANNED if batch.total:
            return Label("info", _("Screening"), "fact_check")
        case Status.IN_REVIEW if rules.is_first_accepted(batch):
            return Label("primary", _("Waits for a second person"), "group")
        case Status.IN_REVIEW:
            return Label("primary", _("Waiting for you") if decides else _("Waiting for review"), "hourglass_top")
        case Status.ACCEPTED | Status.REFUSED:
            return Label("info", _("Sending rejections"), "outbox")
        case Status.FINISHED if batch.outcome == Outcome.RELEASED:
            return Label("success", _("Released"), "check_circle")
        case Status.FINISHED if batch.outcome == Outcome.REFUSED:
            return Label("default", _("Rejected"), "block")
        case Status.FINISHED:
            return Label("default", _("Nobody left"), "check_circle")
        case Status.EXPIRED:
            return Label("danger", _("Deadline passed"), "timer_off")
    icons = {Status.PLANNED: "inbox", Status.SCREENED: "fact_check", Status.DELIVERED: "outbox"}
    tone = "default" if batch.status == Status.ABANDONED else "info"
    return Label(tone, str(batch.get_status_display()), icons.get(Status(batch.status), "do_not_disturb_on"))


def headline(
    batch: Batch,
    now: datetime,
    last: Event | None = None,
    forecast: Forecast | None = None,
    reading: Reading | None = None,
) -> str:
    """Describe the batch in one to three sentences.

    last: the event that brought it to its status; reading: the progress through its file.
    """
    if reading is not None and reading.of and not reading.guessed and not batch.attention:
        return _reading(batch, reading, reading.of, now)
    text = _headline(batch, now, last)
    return f"{text} {outlook(forecast, now)}" if forecast else text


def outlook(forecast: Forecast, now: datetime) -> str:
    """Return one sentence that says when the pending rejections will be confirmed."""
    values = {"time": time_of(forecast.ends_at, now), "spare": span(forecast.spare)}
    if not forecast.in_time:
        if forecast.silent:
            return _(
                "Symplify takes no calls at the moment, and the rejections will not be confirmed before the deadline."
            )
        return _("At this speed the rejections will not be confirmed before the deadline.")
    if forecast.silent:
        return _("Symplify takes no calls at the moment; done at %(time)s at the earliest.") % values
    return _("Done at about %(time)s, %(spare)s before the deadline.") % values


def _reading(batch: Batch, reading: Reading, of: int, now: datetime) -> str:
    about = max(round(of, -2), batch.total)
    values = {"name": title(batch), "n": number(batch.total), "all": number(about)}
    if reading.ends_at is None or reading.spare is None:
        return _("“%(name)s” is being checked: %(n)s of about %(all)s.") % values
    values |= {"time": time_of(reading.ends_at, now), "spare": span(reading.spare)}
    if reading.ends_at >= batch.deadline:
        return _("“%(name)s” is being checked: %(n)s of about %(all)s, at this speed not before the deadline.") % values
    return _("“%(name)s” is being checked: %(n)s of about %(all)s, ready %(time)s, %(spare)s to spare.") % values


def _headline(batch: Batch, now: datetime, last: Event | None) -> str:
    name = {"name": title(batch)}
    if batch.attention and batch.is_open:
        return _("“%(name)s” cannot go on: %(reason)s.") % {**name, "reason": trouble(batch)}
    match batch.status:
        case Status.PLANNED if not batch.total:
            return _("“%(name)s” has arrived; its contacts are being downloaded.") % name
        case Status.PLANNED:
            read = {**name, "contacts": contacts(batch.total)}
            return _("“%(name)s” is being checked: %(contacts)s read so far.") % read
        case Status.SCREENED:
            return _("“%(name)s” has been checked.") % name
        case Status.IN_REVIEW:
            return _in_review(batch)
        case Status.ACCEPTED:
            return _accepted(batch)
        case Status.REFUSED:
            counts = {"done": number(batch.confirmed), "all": contacts(batch.rejected)}
            return _("“%(name)s” is rejected. %(done)s of %(all)s are confirmed as rejected.") % {**name, **counts}
        case Status.DELIVERED:
            return _("Every rejection of “%(name)s” is settled; its release is being called.") % name
        case Status.FINISHED:
            return _finished(batch, now, last)
        case Status.EXPIRED:
            return _expired(batch, now)
    values = {**name, "who": who(last), "time": time_of(batch.ended_at or batch.deadline, now)}
    return _("“%(name)s” was given up by %(who)s at %(time)s.") % values + " " + _describe_ways(batch)


def who(event: Event | None) -> str:
    """Return the person's name, else the gateway itself."""
    return event.user.get_username() if event is not None and event.user is not None else _("the gateway")


def ending(batch: Batch) -> Event | None:
    """Return the event that brought a batch to its status."""
    events = Event.objects.filter(batch=batch, word=EventWord.MOVED, new=batch.status)
    return events.select_related("user").order_by("pk").last()


def verdict_of_people(batch: Batch) -> Event | None:
    """Return the event that accepted or rejected the whole batch."""
    new = (Status.ACCEPTED, Status.REFUSED)
    return (
        Event.objects.filter(batch=batch, word=EventWord.MOVED, new__in=new)
        .select_related("user")
        .order_by("pk")
        .last()
    )


def _in_review(batch: Batch) -> str:
    name = title(batch)
    if not batch.total:
        return _("“%(name)s” came without a single contact.") % {"name": name}
    sentences = [
        _("“%(name)s” goes to %(get)s of %(all)s if you accept.")
        % {"name": name, "get": number(batch.accepted), "all": contacts(batch.total)}
    ]
    if batch.rejected:
        sentences.append(_describe_rejected(batch))
    if batch.undecided:
        text = ngettext("%(n)s is undecided.", "%(n)s are undecided.", batch.undecided)
        sentences.append(text % {"n": number(batch.undecided)})
    return " ".join(sentences)


def _describe_rejected(batch: Batch) -> str:
    """Return how many are rejected, and the reason if it covers nearly all of many."""
    values = {"n": number(batch.rejected)}
    key, count = next(iter(rejections(batch.reasons).most_common(1)), (("", ""), 0))
    names = {reason(code, text).rstrip(".") for _v, code, text, action, _n in batch.reasons if (code, action) == key}
    if (
        batch.rejected < MANY
        or count < NEARLY_ALL * batch.rejected
        or len(names) != 1
        or key[0] == DecisionReason.PERSON
    ):
        return ngettext("%(n)s does not get it.", "%(n)s do not get it.", batch.rejected) % values
    values["reason"] = names.pop()
    if count == batch.rejected:
        return _("%(n)s do not get it, all for one reason: “%(reason)s”.") % values
    return _("%(n)s do not get it, nearly all for one reason: “%(reason)s”.") % values


def _accepted(batch: Batch) -> str:
    name = title(batch)
    if not batch.rejected:
        return _("“%(name)s” is accepted, and its release is being called.") % {"name": name}
    messages = ngettext("%(n)s message goes out", "%(n)s messages go out", batch.accepted)
    text = ngettext(
        "“%(name)s” is accepted. %(messages)s as soon as the rejection is confirmed.",
        "“%(name)s” is accepted. %(messages)s as soon as the %(n)s rejections are confirmed.",
        batch.rejected,
    )
    values = {"name": name, "messages": messages % {"n": number(batch.accepted)}, "n": number(batch.rejected)}
    return text % values


def _finished(batch: Batch, now: datetime, last: Event | None) -> str:
    ended = batch.ended_at or batch.deadline
    values = {"name": title(batch), "n": number(batch.accepted), "time": time_of(ended, now)}
    if batch.outcome == Outcome.REFUSED:
        text = _("“%(name)s” was rejected by %(who)s at %(time)s. Nobody got it.")
        return text % {**values, "who": who(verdict_of_people(batch))}
    if batch.outcome == Outcome.EMPTY:
        return _("Nobody got “%(name)s”: its checks rejected every contact.") % values
    if ended < batch.deadline:
        text = ngettext(
            "“%(name)s” went to %(n)s contact at %(time)s, %(spare)s before the deadline.",
            "“%(name)s” went to %(n)s contacts at %(time)s, %(spare)s before the deadline.",
            batch.accepted,
        ) % {**values, "spare": span(batch.deadline - ended)}
    else:
        text = (
            ngettext(
                "“%(name)s” went to %(n)s contact at %(time)s, at its deadline.",
                "“%(name)s” went to %(n)s contacts at %(time)s, at its deadline.",
                batch.accepted,
            )
            % values
        )
    if not batch.rejected:
        return text
    missed = ngettext("%(n)s did not get it.", "%(n)s did not get it.", batch.rejected)
    return text + " " + missed % {"n": number(batch.rejected)}


def _expired(batch: Batch, now: datetime) -> str:
    values = {"name": title(batch), "time": time_of(batch.deadline, now), "all": number(batch.total)}
    if _is_uncounted(batch):
        return _("“%(name)s” was not answered before %(time)s. All its contacts took the “timed out” way.") % values
    if batch.finish_sent_at is not None:
        return (
            _(
                "The release of “%(name)s” was called, but not confirmed before %(time)s: look in Symplify whether its "
                "messages went out."
            )
            % values
        )
    if batch.decided_at is None:
        return _("Nobody decided on “%(name)s” before %(time)s.") % values + " " + _describe_ways(batch)
    return _("“%(name)s” was not answered to the end before %(time)s.") % values + " " + _describe_ways(batch)


def _is_uncounted(batch: Batch) -> bool:
    """Return whether the number of contacts is unknown, because the file was not read to its end."""
    return not batch.total or (not batch.file_complete and not batch.confirmed)


def _describe_ways(batch: Batch) -> str:
    """Return how many contacts of a batch without a release left on each way."""
    if _is_uncounted(batch):
        return _("All its contacts take the “timed out” way.")
    if not batch.confirmed:
        text = ngettext(
            "Its one contact takes the “timed out” way.",
            "All %(n)s contacts take the “timed out” way.",
            batch.timed_out,
        )
        return text % {"n": number(batch.timed_out)}
    rejected = ngettext("%(n)s was rejected", "%(n)s were rejected", batch.confirmed) % {"n": number(batch.confirmed)}
    late = ngettext("%(n)s takes the “timed out” way", "%(n)s take the “timed out” way", batch.timed_out)
    return _("%(rejected)s, %(late)s.") % {"rejected": rejected, "late": late % {"n": number(batch.timed_out)}}
