"""Compare a batch with what is usual for its sendout, in one or two sentences."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from desk.batch.parts.figures import percent, share_of
from sendouts.models import Batch, Status
from sendouts.outlook.usual import FILES, Usual, rejections
from sendouts.wording.batch_sentences import number, reason


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison; its first sentence stands out. `tone` is warning if the batch is unusual."""

    tone: str
    icon: str
    first: str
    rest: str = ""


def comparison(batch: Batch, usual: Usual | None) -> Comparison | None:
    """Compare a screened batch; None for singles, for an empty batch, and if a person rejected it whole."""
    screened = batch.status != Status.PLANNED and batch.total
    if not screened or batch.is_single or Status.REFUSED in (batch.status, batch.outcome):
        return None
    if usual is None:
        text = _("No comparison yet: this sendout has had fewer than %(n)s batches before.")
        return Comparison("calm", "insights", text % {"n": FILES.fewest})
    share = share_of(batch.rejected, batch.total)
    size = _size(batch, usual)
    match usual.range.stands_out(share):
        case 1:
            first = _("More rejections than usual: %(share)s, against %(low)s to %(high)s in the last %(n)s batches.")
            icon = "trending_up"
        case -1:
            first = _("Fewer rejections than usual: %(share)s, against %(low)s to %(high)s in the last %(n)s batches.")
            icon = "trending_down"
        case _:
            if size:
                return Comparison("warning", "groups", size)
            first = _("As usual: %(share)s do not get it, %(low)s to %(high)s in the last %(n)s batches.")
            return Comparison("calm", "insights", first % _values(share, usual))
    rest = " ".join(part for part in (_difference(batch, usual), size) if part)
    return Comparison("warning", icon, first % _values(share, usual), rest)


def _values(share: float, usual: Usual) -> dict[str, str]:
    return {
        "share": percent(share),
        "low": percent(usual.range.low),
        "high": percent(usual.range.high),
        "n": number(usual.range.count),
    }


def _size(batch: Batch, usual: Usual) -> str:
    values = {"n": number(batch.total), "usual": number(usual.total)}
    if usual.size_stands_out(batch.total) > 0:
        return _("Far more contacts than usual: %(n)s, usually %(usual)s.") % values
    if usual.size_stands_out(batch.total) < 0:
        return _("Far fewer contacts than usual: %(n)s, usually %(usual)s.") % values
    return ""


def _difference(batch: Batch, usual: Usual) -> str:
    """Return the reason that differs most from what is usual."""
    found = rejections(batch.reasons)
    usually = {key: round(part * batch.total / 100) for key, part in usual.reasons.items()}
    away = {key: abs(found[key] - usually.get(key, 0)) for key in {*found, *usually}}
    if not away:
        return ""
    key = max(sorted(away), key=lambda each: away[each])
    name = next(_names(batch, key), "")
    if not name or not away[key]:
        return ""
    text = ngettext(
        "The difference is “%(reason)s”: %(n)s now, about %(usual)s usually.",
        "The difference is “%(reason)s”: %(n)s now, about %(usual)s usually.",
        found[key],
    )
    return text % {"reason": name.rstrip("."), "n": number(found[key]), "usual": number(usually.get(key, 0))}


def _names(batch: Batch, key: tuple[str, str]) -> Iterator[str]:
    for _verdict, code, text, action, _count in batch.reasons:
        if (code, action) == key:
            yield reason(code, text)
