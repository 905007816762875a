"""Compare a batch with what is usual for its sendout."""

from dataclasses import dataclass
from typing import ClassVar

from desk.batch.parts.figures import share_of
from sendouts.models import Batch, Status
from sendouts.outlook.usual import FILES, Usual, rejections
from sendouts.wording.batch_sentences import reason


@dataclass(frozen=True, slots=True)
class Comparison:
    """A batch beside the last ones of its sendout; `usual` is None if there were too few of them.

    `more`, `bigger`: 1 if its share of rejections, or its size, is above what is usual, -1 if below, 0 if it is as
    usual. `reason`: the one that differs most, with its number `now` and its number `usually`.
    """

    fewest: ClassVar[int] = FILES.fewest

    usual: Usual | None
    share: float = 0.0
    more: int = 0
    bigger: int = 0
    reason: str = ""
    now: int = 0
    usually: int = 0

    @property
    def icon(self) -> str:
        if self.more:
            return "trending_up" if self.more > 0 else "trending_down"
        return "groups" if self.bigger else "insights"


def comparison(batch: Batch, usual: Usual | None) -> Comparison | None:
    """Compare a screened batch; None for singles, for an empty batch, and if a person rejected it whole."""
    screened = batch.status != Status.PLANNED and batch.total
    if not screened or batch.is_single or Status.REFUSED in (batch.status, batch.outcome):
        return None
    if usual is None:
        return Comparison(None)
    share = share_of(batch.rejected, batch.total)
    name, now, usually = _difference(batch, usual)
    unusual_size = usual.size_stands_out(batch.total)
    return Comparison(usual, share, usual.range.stands_out(share), unusual_size, name, now, usually)


def _difference(batch: Batch, usual: Usual) -> tuple[str, int, int]:
    """Return the reason that differs most from what is usual, its number, and its usual number; else no name."""
    found = rejections(batch.reasons)
    usually = {key: round(part * batch.total / 100) for key, part in usual.reasons.items()}
    away = {key: abs(found[key] - usually.get(key, 0)) for key in {*found, *usually}}
    if not any(away.values()):
        return "", 0, 0
    key = max(sorted(away), key=lambda each: away[each])
    names = (reason(code, text) for _verdict, code, text, action, _count in batch.reasons if (code, action) == key)
    return next(names, "").rstrip("."), found[key], usually.get(key, 0)
