"""What is usual: the range of earlier values within a horizon, and the usual figures of a sendout for the screens.

Whether a batch is unusual enough to be held is decided in sendouts.outlook.anomalies.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from statistics import median
from typing import Any, Self

from django.db.models import QuerySet

from sendouts.models import Batch, DecisionVerdict, Outcome

# Factor by which a size must differ from the usual one, up or down, for a remark.
SIZES = 2.0
# Key of a reason in searches: its code and the action that gave it.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Horizon:
    """How many earlier values count, and how far from them a value stands out.

    `remembered`: number of values at most; `fewest`: with fewer, nothing is usual. `trimmed_from`: with so many values,
    the range leaves out the lowest and the highest, so that one accident does not widen it. `points`, `above`, `below`:
    the minimum distance from the median for a remark, absolute and as parts of it.
    """

    remembered: int
    fewest: int
    trimmed_from: int = 1_000
    points: float = 0.0
    above: float = 0.0
    below: float = 0.0


# The last files of a sendout, for remarks on the screens.
FILES = Horizon(remembered=8, fewest=3, points=0.5, above=0.2, below=0.2)
# Files before a screened one, for holding it: enough to know the noise, recent enough to follow slow changes.
REVIEWED = Horizon(remembered=20, fewest=5, trimmed_from=10)
# Days before the last 24 hours, for the home page.
DAYS = Horizon(remembered=30, fewest=5, points=2.0, above=1 / 2, below=1 / 3)


@dataclass(frozen=True, slots=True)
class UsualRange:
    """What earlier values were: the range from `low` to `high`, their median, and their number."""

    low: float
    high: float
    middle: float
    count: int
    horizon: Horizon

    @classmethod
    def of(cls, values: Sequence[float], horizon: Horizon) -> Self | None:
        """Return the range of values, newest first; None with too few."""
        known = sorted(values[: horizon.remembered])
        if len(known) < horizon.fewest:
            return None
        ends = known[1:-1] if len(known) >= horizon.trimmed_from else known
        return cls(ends[0], ends[-1], median(known), len(known), horizon)

    def stands_out(self, value: float) -> int:
        """Return 1 if a value is remarkably high, -1 if remarkably low, else 0."""
        points, above, below = self.horizon.points, self.horizon.above, self.horizon.below
        far_up = value - self.middle >= max(points, above * self.middle)
        far_down = self.middle - value >= max(points, below * self.middle)
        return int(far_up and value > self.high) - int(far_down and value < self.low)


@dataclass(frozen=True, slots=True)
class Usual:
    """Combined figures of a sendout's last batches.

    `shares`: percent of each batch's contacts that did not get the message, oldest first; `range` sums them up.
    `total`: median number of contacts. `reasons`: median share of each reason in percent, 0 if most batches lacked it.
    """

    shares: tuple[float, ...]
    range: UsualRange
    total: int
    reasons: Mapping[Key, float]

    def size_stands_out(self, total: int) -> int:
        """Return 1 if a batch is far larger than usual, -1 if far smaller, else 0."""
        return int(total >= SIZES * self.total) - int(total * SIZES <= self.total)


def usual_of(batch: Batch) -> Usual | None:
    """Return the usual figures before this batch, from one query; None for singles or with too few batches."""
    if batch.source != Batch.Source.BATCH:
        return None
    before = _released(batch.sendout_id).filter(received_at__lt=batch.received_at)
    return _combine(list(before.values_list("total", "rejected", "reasons")[: FILES.remembered]))


def usual_in(sendouts: Collection[int]) -> dict[int, Usual]:
    """Return the usual figures of each of these sendouts, by its id, without reasons.

    One query with a few rows per sendout; sendouts with too few batches are left out.
    """
    # The limit is in a subquery, because SQLite allows none in the parts of a union.
    last = [
        Batch.objects.filter(pk__in=_released(sendout).values("pk")[: FILES.remembered])
        .order_by()
        .values_list("sendout_id", "received_at", "total", "rejected")
        for sendout in sorted(set(sendouts))
    ]
    if not last:
        return {}
    past: dict[int, list[tuple[int, int, tuple[()]]]] = defaultdict(list)
    rows = last[0].union(*last[1:], all=True)
    for sendout, _received, total, rejected in sorted(rows, key=itemgetter(1), reverse=True):
        past[sendout].append((total, rejected, ()))
    return {sendout: usual for sendout, rows in past.items() if (usual := _combine(rows)) is not None}


def _released(sendout: int) -> QuerySet[Batch]:
    """Return a sendout's released batches of contact files, newest first.

    Batches that were rejected whole, timed out or had no contact left are not usual.
    """
    past = Batch.objects.filter(sendout=sendout, source=Batch.Source.BATCH, outcome=Outcome.RELEASED, total__gt=0)
    return past.order_by("-received_at")


def _combine(rows: Sequence[tuple[Any, ...]]) -> Usual | None:
    """Combine batches, given as (contacts, rejected, reasons), newest first."""
    shares = tuple(100 * rejected / total for total, rejected, _reasons in reversed(rows))
    usual_share = UsualRange.of(shares, FILES)
    if usual_share is None:
        return None
    parts = [rejections(reasons) for _total, _rejected, reasons in rows]
    known = {key for part in parts for key in part}
    reasons = {
        key: median(100 * part[key] / total for part, (total, *_) in zip(parts, rows, strict=True)) for key in known
    }
    return Usual(shares, usual_share, round(median(total for total, *_ in rows)), reasons)


def rejections(reasons: Sequence[Sequence[Any]]) -> Counter[Key]:
    """Return the number of rejected contacts per reason, with its texts combined."""
    found: Counter[Key] = Counter()
    for verdict, code, _text, action, count in reasons:
        if verdict == DecisionVerdict.REJECTED:
            found[code, action] += count
    return found
