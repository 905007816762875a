"""The charts of the home page, in words and heights: outcomes of the week, reasons, and the gap between two steps."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, log10

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from actions.models import Review
from desk.home.figures import rejections
from desk.home.figures.days import days
from desk.home.figures.rejections import Reason
from desk.home.figures.step_gap import LONGEST, StepGap
from desk.home.figures.week import Ways
from sendouts.wording.batch_sentences import number, percent, span


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart: heights of its parts in percent of the scale, and its numbers."""

    ways: Ways
    name: str
    share: str
    accepted: float
    rejected: float
    late: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The days, the lines of the scale (percent from below, number), and the sums."""

    bars: list[Bar]
    scale: list[tuple[int, str]]
    accepted: int
    rejected: int
    timed_out: int
    uncounted: int


def chart(week: list[Ways], now: datetime) -> Chart:
    """Lay out seven days on a round scale."""
    top = _round_up(max(ways.all for ways in week))
    today = days(now, 1)[0].date
    bars = [
        Bar(
            ways=ways,
            name=_("Today") if ways.date == today else date_format(ways.date, "D j"),
            share=percent(ways.share) if ways.share is not None else "–",
            accepted=round(100 * ways.accepted / top, 2),
            rejected=round(100 * ways.rejected / top, 2),
            late=round(100 * ways.timed_out / top, 2),
        )
        for ways in week
    ]
    sums = {
        name: sum(getattr(ways, name) for ways in week) for name in ("accepted", "rejected", "timed_out", "uncounted")
    }
    return Chart(bars, [(25 * step, _short(top * step / 4)) for step in range(5)], **sums)


def _round_up(value: int) -> int:
    """Return the next number that four grid lines divide into round parts: 4, 8, 20, 40, 80, …"""
    if value <= 4:
        return 4
    power = 10 ** int(log10(value / 4))
    return next(4 * factor * power for factor in (1, 2, 2.5, 5, 10) if 4 * factor * power >= value) // 1


def _short(value: float) -> str:
    """Write a number for the scale; thousands and millions are shortened."""
    for size, text in ((1_000_000, _("%(n)sM")), (1_000, _("%(n)sk"))):
        if value >= size:
            short = round(value / size, 1)
            return text % {"n": number(int(short) if short.is_integer() else short)}
    return number(int(value))


@dataclass(frozen=True, slots=True)
class HomeWhy:
    """One reason with its bar, in percent of the longest."""

    text: str
    width: float
    count: str
    share: str
    before: str


def why(found: list[Reason]) -> list[HomeWhy]:
    """Write the reasons for rejections."""
    most = max((reason.count for reason in found), default=1)
    return [
        HomeWhy(
            text=rejections.sentence(reason),
            width=round(100 * reason.count / most, 1),
            count=number(reason.count),
            share=percent(reason.share),
            before=percent(reason.share_before) if reason.share_before is not None else "–",
        )
        for reason in found
    ]


@dataclass(frozen=True, slots=True)
class Apart:
    """A project's answer times, and the gap between steps that they require."""

    name: str
    review: str
    batches: str
    half: str
    most: str
    minutes: str
    warning: str


def apart(pace: StepGap) -> Apart:
    """Write how far apart a project's steps must be planned."""
    warnings = []
    if pace.needed > LONGEST:
        text = _(
            "Some answers take longer than the %(n)s minutes that a campaign waits: their contacts are left behind."
        )
        warnings.append(text % {"n": LONGEST})
    if pace.late:
        text = ngettext("%(n)s batch timed out.", "%(n)s batches timed out.", pace.late)
        warnings.append(text % {"n": number(pace.late)})
    review = {
        Review.NEVER: pgettext("review", "never"),
        Review.UNUSUAL: pgettext("review", "when unusual"),
        Review.ALWAYS: pgettext("review", "always"),
    }[Review(pace.review)]
    minutes = ngettext("%(n)s minute", "%(n)s minutes", pace.apart) % {"n": pace.apart}
    return Apart(
        pace.name or "–", review, number(pace.batches), exact(pace.half), exact(pace.most), minutes, " ".join(warnings)
    )


def exact(length: timedelta) -> str:
    """Write a length of time, to the second if it is short."""
    seconds = ceil(length.total_seconds())
    if seconds < 60 or seconds >= 600:
        return span(timedelta(seconds=seconds))
    minutes, rest = divmod(seconds, 60)
    if not rest:
        return span(timedelta(minutes=minutes)) if minutes > 1 else _("%(minutes)s min") % {"minutes": 1}
    return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": f"{rest:02}"}
