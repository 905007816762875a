"""The sentence about the current state of a batch, and the word and colour of its status."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from sendouts import rules
from sendouts.models import Batch, Event, EventWord, Outcome, Status
from sendouts.models.decision import DecisionReason
from sendouts.outlook.forecast import Forecast
from sendouts.outlook.progress import Reading
from sendouts.outlook.usual import rejections
from sendouts.wording.batch_sentences import reason, trouble

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


@dataclass(frozen=True, slots=True)
class Headline:
    """The facts of the sentence about a batch.

    `about`: the estimated number of contacts while the file is read, 0 if it is not known. `trouble`: what stops the
    batch. `reason`: the one of nearly all rejections, or of all (`only`). `who`: the person who rejected it or gave it
    up, or the gateway. `spare`: what was left when it ended. `is_counted`: the number of its contacts is known.
    """

    about: int
    reading: Reading | None
    forecast: Forecast | None
    trouble: str
    reason: str
    only: bool
    who: str
    ended: datetime
    spare: timedelta
    is_counted: bool

    @classmethod
    def of(cls, batch: Batch, forecast: Forecast | None, reading: Reading | None) -> "Headline":
        known = reading is not None and reading.of and not reading.guessed and not batch.attention
        reason, only = _main_reason(batch) if batch.status == Status.IN_REVIEW else ("", False)
        ended = batch.ended_at or batch.deadline
        return cls(
            about=max(round(reading.of or 0, -2), batch.total) if reading is not None and known else 0,
            reading=reading,
            forecast=forecast,
            trouble=trouble(batch) if batch.is_open else "",
            reason=reason,
            only=only,
            who=_person_at_end(batch),
            ended=ended,
            spare=batch.deadline - ended,
            is_counted=bool(batch.total and (batch.file_complete or batch.confirmed)),
        )


def _person_at_end(batch: Batch) -> str:
    """Return who rejected the whole batch or gave it up; empty if neither happened."""
    if batch.status == Status.ABANDONED:
        ends = [Status.ABANDONED]
    elif batch.status == Status.FINISHED and batch.outcome == Outcome.REFUSED:
        ends = [Status.ACCEPTED, Status.REFUSED]
    else:
        return ""
    events = Event.objects.filter(batch=batch, word=EventWord.MOVED, new__in=ends).select_related("user")
    last = events.order_by("pk").last()
    return (last.author if last is not None else "") or _("the gateway")


def _main_reason(batch: Batch) -> tuple[str, bool]:
    """Return the reason of nearly all of many rejections, and whether it is the only one; empty if there is none."""
    key, count = next(iter(rejections(batch.reasons).most_common(1)), (("", ""), 0))
    names = {reason(code, text).rstrip(".") for _v, code, text, action, _n in batch.reasons if (code, action) == key}
    few = batch.rejected < MANY or count < NEARLY_ALL * batch.rejected
    if few or len(names) != 1 or key[0] == DecisionReason.PERSON:
        return "", False
    return names.pop(), count == batch.rejected
