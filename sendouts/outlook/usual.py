"""Usual figures of a sendout for the screens, taken from its last released contact files.

Whether a batch is unusual enough to be held is decided in sendouts.outlook.anomalies, with more batches.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from statistics import median
from typing import Any

from django.db.models import QuerySet

from sendouts.models import Batch, DecisionVerdict, Outcome

# Number of past batches that are used, and the minimum for a statement.
LOOKED_BACK = 8
FEWEST = 3
# Minimum distance from the median for a remark: in points, and as a part of it; the share must also be outside the
# range.
POINTS = 0.5
PART = 0.2
# Factor by which a size must differ from the usual one, up or down, for a remark.
SIZES = 2.0

# Key of a reason in searches: its code and the action that gave it.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Usual:
    """Combined figures of a sendout's last batches.

    `shares`: percent of each batch's contacts that did not get the message, oldest first; `share` is their median.
    `total`: median number of contacts. `reasons`: median share of each reason in percent, 0 if most batches lacked it.
    """

    shares: tuple[float, ...]
    total: int
    reasons: Mapping[Key, float]

    @property
    def batches(self) -> int:
        return len(self.shares)

    @property
    def share(self) -> float:
        return median(self.shares)

    @property
    def lowest(self) -> float:
        return min(self.shares)

    @property
    def highest(self) -> float:
        return max(self.shares)

    def stands_out(self, share: float) -> int:
        """Return 1 if a share is remarkably high, -1 if remarkably low, else 0."""
        far = abs(share - self.share) >= max(POINTS, PART * self.share)
        return int(far and share > self.highest) - int(far and share < self.lowest)

    def size_stands_out(self, total: int) -> int:
        """Return 1 if a batch is far larger than usual, -1 if far smaller, else 0."""
        return int(total >= SIZES * self.total) - int(total * SIZES <= self.total)


def usual_of(batch: Batch) -> Usual | None:
    """Return the usual figures before this batch, from one query; None for singles or with too few batches."""
    if batch.source != Batch.Source.BATCH:
        return None
    before = _released(batch.sendout_id).filter(received_at__lt=batch.received_at)
    return _combine(list(before.values_list("total", "rejected", "reasons")[:LOOKED_BACK]))


def usual_in(sendouts: Collection[int]) -> dict[int, Usual]:
    """Return the usual figures of each of these sendouts, by its id, without reasons.

    One query with a few rows per sendout; sendouts with too few batches are left out.
    """
    # The limit is in a subquery, because SQLite allows none in the parts of a union.
    last = [
        Batch.objects.filter(pk__in=_released(sendout).values("pk")[:LOOKED_BACK])
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
    if len(rows) < FEWEST:
        return None
    shares = tuple(100 * rejected / total for total, rejected, _reasons in reversed(rows))
    parts = [rejections(reasons) for _total, _rejected, reasons in rows]
    known = {key for part in parts for key in part}
    reasons = {
        key: median(100 * part[key] / total for part, (total, *_) in zip(parts, rows, strict=True)) for key in known
    }
    return Usual(shares, round(median(total for total, *_ in rows)), reasons)


def rejections(reasons: Sequence[Sequence[Any]]) -> Counter[Key]:
    """Return the number of rejected contacts per reason, with its texts combined."""
    found: Counter[Key] = Counter()
    for verdict, code, _text, action, count in reasons:
        if verdict == DecisionVerdict.REJECTED:
            found[code, action] += count
    return found
