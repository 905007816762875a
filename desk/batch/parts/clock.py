"""The time left to decide or to finish, and the lengths of the stages once a batch is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from desk.batch.parts.figures import percent, share_of
from desk.batch.parts.stages import Moments
from sendouts.models import Batch, Status
from sendouts.outlook.forecast import Forecast, Lately, decide_before
from sendouts.outlook.progress import Reading
from sendouts.wording.batch_sentences import column_time, span

# Below these seconds the clock turns orange, then red; the page's script uses the same limits.
SOON, LAST = 1_200, 300


@dataclass(frozen=True, slots=True)
class Clock:
    """The time left until `until`, in words as of now; the browser counts down.

    `gone` and `late`: percent of the window that have passed, and that come too late to decide. `soon`: seconds.
    `spare`: the text below the time.
    """

    caption: str
    left: str
    tone: str
    received: str
    deadline: str
    gone: float
    late: float = 0.0
    until: str = ""
    begins: str = ""
    ends: str = ""
    soon: int = SOON
    spare: str = ""


def clock(
    batch: Batch, now: datetime, *, known: Lately | None, expected: Forecast | None, reading: Reading | None
) -> Clock:
    """Return the clock of a batch: to the last moment to decide, else to the forecast end, else to the deadline."""
    moment = partial(column_time, now=now)
    ends: dict[str, Any] = {"received": moment(batch.received_at), "deadline": moment(batch.deadline)}
    if not batch.is_open:
        return Clock(_("Ended"), moment(batch.ended_at or batch.deadline), "quiet", **ends, gone=0)
    window = batch.deadline - batch.received_at
    shares = _share_passed(batch, batch.deadline, now)
    stamps: dict[str, Any] = {"begins": batch.received_at.isoformat(), "ends": batch.deadline.isoformat()}
    soon = max(SOON, round(0.2 * window.total_seconds()))
    if batch.status == Status.IN_REVIEW and known is not None:
        until = decide_before(batch, known, now)
        if until > now:
            late = share_of(1, 1) - _share_passed(batch, until, until)
            caption = _("Left to decide, until %(time)s") % {"time": moment(until)}
            tone = _tone(until - now, soon)
            spare = _("last minutes") if tone == "late" else ""
            return Clock(
                caption,
                span(until - now),
                tone,
                **ends,
                gone=shares,
                late=round(late, 1),
                until=until.isoformat(),
                soon=soon,
                spare=spare,
                **stamps,
            )
    ready = expected.ends_at if expected else reading.ends_at if reading else None
    if ready is not None and ready < batch.deadline:
        caption, left = _("Forecast"), _("Ready %(time)s") % {"time": column_time(ready, now, seconds=True)}
        spare = _("%(span)s to spare") % {"span": span(batch.deadline - ready)}
        return Clock(caption, left, "work", **ends, gone=shares, spare=spare, **stamps)
    caption = _("Left, until %(time)s") % {"time": moment(batch.deadline)}
    left = span(batch.deadline - now) if batch.deadline > now else _("none")
    at = batch.deadline.isoformat() if batch.deadline > now else ""
    tone = _tone(batch.deadline - now, soon)
    return Clock(caption, left, tone, **ends, gone=shares, until=at, soon=soon, **stamps)


def saving_clock(batch: Batch, now: datetime, until: datetime) -> Clock:
    """Return the clock of a batch whose contact file failed: to `until`, while that is ahead, else to the deadline."""
    window = batch.deadline - batch.received_at
    moment = partial(column_time, now=now)
    soon = max(SOON, round(0.2 * window.total_seconds()))
    if in_time := until > now:
        caption = _("Left to save it, until %(time)s") % {"time": moment(until)}
    else:
        until = batch.deadline
        caption = _("Left, until %(time)s") % {"time": moment(until)}
    return Clock(
        caption,
        span(max(until - now, timedelta())),
        _tone(until - now, soon),
        moment(batch.received_at),
        moment(batch.deadline),
        gone=_share_passed(batch, batch.deadline, now),
        late=round(100 - _share_passed(batch, until, until), 1),
        until=until.isoformat() if until > now else "",
        begins=batch.received_at.isoformat(),
        ends=batch.deadline.isoformat(),
        soon=soon,
        spare="" if in_time else _("hardly time to check and to decide"),
    )


def _share_passed(batch: Batch, moment: datetime, now: datetime) -> float:
    """Return how much of the window has passed at the earlier of `moment` and `now`; in percent."""
    window = batch.deadline - batch.received_at
    passed = min(moment, now) - batch.received_at
    return round(min(100.0, max(0.0, 100 * passed / window)), 1) if window else 100.0


def _tone(left: timedelta, soon: int) -> str:
    seconds = left.total_seconds()
    return "late" if seconds < LAST else "soon" if seconds < soon else "calm"


@dataclass(frozen=True, slots=True)
class Lengths:
    """The length of each stage of a finished batch, and one sentence about them."""

    lines: list[tuple[str, str]]
    sentence: str


def lengths(batch: Batch, seen: Moments) -> Lengths | None:
    """Return how the time of a finished batch was spent; None for every other batch."""
    if batch.status != Status.FINISHED or batch.ended_at is None or batch.is_single or seen.screened is None:
        return None
    lines = [(_("Screening"), _exact(seen.screened - seen.began))]
    waited = seen.decided - seen.held if seen.held and seen.decided else timedelta()
    if waited:
        lines.append((_("Waiting for people"), _exact(waited)))
    if batch.rejected and seen.decided and seen.delivered:
        lines.append((_("Sending rejections"), _exact(seen.delivered - seen.decided)))
    whole = batch.ended_at - batch.received_at
    lines.append((_("All of it"), _exact(whole)))
    if batch.ended_at < batch.deadline:
        lines.append((_("To spare"), _exact(batch.deadline - batch.ended_at)))
    if not waited or not whole:
        return Lengths(lines, "")
    share = percent(share_of(round(waited.total_seconds()), round(whole.total_seconds()) or 1), 0)
    return Lengths(lines, _("%(share)s of the time was waiting for a decision.") % {"share": share})


def _exact(length: timedelta) -> str:
    """Write a length of time, with seconds from 90 s up to an hour."""
    seconds = round(length.total_seconds(), 1)
    if seconds < 90 or seconds >= 3_600:
        return span(length)
    minutes, rest = divmod(round(seconds), 60)
    return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": f"{rest:02}"}
