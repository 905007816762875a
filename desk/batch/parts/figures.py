"""The main figures of a batch, compared with what is usual."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from sendouts.models import Batch, Status
from sendouts.outlook.usual import Usual
from sendouts.wording.batch_sentences import number


@dataclass(frozen=True, slots=True)
class Figure:
    """One main figure with its name; `share` is its part of the bar in percent.

    `unusual`: its hint stands out. `bars`: heights in percent of the same figure in the last batches, this one last.
    """

    tone: str
    name: str
    value: str
    hint: str
    share: float
    unusual: bool = False
    bars: tuple[float, ...] = ()
    bars_text: str = ""


def figures(batch: Batch, usual: Usual | None) -> list[Figure]:
    """Return the split of the batch; the parts add up to the number of held contacts."""
    total = batch.total
    if batch.status == Status.PLANNED:
        return []
    if Status.REFUSED in (batch.status, batch.outcome):
        # A person rejected the whole batch, so its shares say nothing about the checks.
        usual = None
    found = [Figure("total", _("Held"), number(total), _usual_total(usual), 0.0)]
    if batch.status in {Status.EXPIRED, Status.ABANDONED}:
        found.append(_part("rejected", pgettext("contacts", "Rejected"), batch.confirmed, total))
        found.append(_part("late", _("Timed out"), batch.timed_out, total))
        return found
    found.append(
        _part("accepted", _("Get it"), batch.accepted, total, None if usual is None else 100 - usual.range.middle)
    )
    found.append(_rejected_figure(batch, usual))
    if batch.undecided:
        found.append(_part("undecided", _("Undecided"), batch.undecided, total))
    if batch.unread:
        found.append(_part("late", _("Unreadable"), batch.unread, total))
    return found


def _part(tone: str, name: str, value: int, total: int, usually: float | None = None) -> Figure:
    share = share_of(value, total)
    hint = percent(share) if total else ""
    if usually is not None and total:
        hint = _("%(share)s, usually %(usual)s") % {"share": hint, "usual": percent(usually)}
    return Figure(tone, name, number(value), hint, round(share, 2))


def _rejected_figure(batch: Batch, usual: Usual | None) -> Figure:
    """Return the figure of contacts that do not get it, beside the usual share.

    Its hint names the rejections already sent if the release was stopped.
    """
    plain = _part("rejected", _("Do not get it"), batch.rejected, batch.total, usual.range.middle if usual else None)
    sent = _("%(n)s already sent") % {"n": number(batch.final)} if batch.final and batch.decided_at is None else ""
    hint = ", ".join(part for part in (plain.hint, sent) if part)
    if usual is None or not batch.total:
        return Figure(plain.tone, plain.name, plain.value, hint, plain.share)
    shares = (*usual.shares, share_of(batch.rejected, batch.total))
    highest = max(*shares, 0.1)
    return Figure(
        plain.tone,
        plain.name,
        plain.value,
        hint,
        plain.share,
        unusual=usual.range.stands_out(shares[-1]) > 0,
        bars=tuple(max(4.0, round(96 * share / highest, 1)) for share in shares),
        bars_text=_("The last batches, then this one: %(shares)s") % {"shares": ", ".join(map(percent, shares))},
    )


def _usual_total(usual: Usual | None) -> str:
    return _("usually %(n)s") % {"n": number(usual.total)} if usual else ""


def share_of(count: int, total: int) -> float:
    """Return a part in percent."""
    return 100 * count / total if total else 0.0


def percent(share: float, places: int = 1) -> str:
    """Write a share in percent, without meaningless digits, and never as 0 if the count is positive."""
    least = 10.0**-places
    if 0 < share < least:
        return _("<%(share)s%%") % {"share": number(int(least) if least >= 1 else least)}
    rounded = float(round(share, places))
    if rounded == 100 and share < 100:
        rounded = 100 - least
    return _("%(share)s%%") % {"share": number(int(rounded) if rounded.is_integer() else rounded)}
