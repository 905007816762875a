"""What is usual for a sendout, as the screens compare it: what its last released contact files were like.

Whether a batch is unusual enough to be held is another question, with a longer memory: sendouts.outlook.anomalies.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from statistics import median
from typing import Any

from django.db.models import QuerySet

from sendouts.models import Batch, DecisionVerdict, Outcome

# So many batches are looked back on, and fewer than so many say nothing.
LOOKED_BACK = 8
FEWEST = 3
# Away from the usual by at least so many points and such a part of it, a share outside its range is worth a word.
POINTS = 0.5
PART = 0.2
# So many times as large or as small as usual.
SIZES = 2.0

# A reason as contacts are found by it: its code and the action that gave it.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Usual:
    """The last batches of a sendout together.

    `shares`: how many of each batch's contacts did not get it, in percent, oldest first; `share` is their median. `total`:
    contacts, median. `reasons`: the median share of each reason in percent, 0 where most batches did not know it.
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
        """1 where a share is worth a word because it is high, -1 where it is low, 0 where it is as usual."""
        far = abs(share - self.share) >= max(POINTS, PART * self.share)
        return int(far and share > self.highest) - int(far and share < self.lowest)

    def size_stands_out(self, total: int) -> int:
        """1 where a batch is far larger than usual, -1 where it is far smaller."""
        return int(total >= SIZES * self.total) - int(total * SIZES <= self.total)


def usual_of(batch: Batch) -> Usual | None:
    """What the batches before this one were like; None where there are too few, and for singles. One query."""
    if batch.source != Batch.Source.BATCH:
        return None
    before = _released(batch.sendout_id).filter(received_at__lt=batch.received_at)
    return _together(list(before.values_list("total", "rejected", "reasons")[:LOOKED_BACK]))


def usual_in(sendouts: Collection[int]) -> dict[int, Usual]:
    """What the last batches of each of these sendouts were like, by its id, without their reasons.

    One query, of a few rows for each sendout; those with too few batches are left out.
    """
    # The limit stands one level down, since SQLite takes none in the parts of a union.
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
    return {sendout: usual for sendout, rows in past.items() if (usual := _together(rows)) is not None}


def _released(sendout: int) -> QuerySet[Batch]:
    """The contact files of a sendout that were released, newest first.

    What a person rejected whole, what nobody answered and what left nobody over is not what is usual.
    """
    past = Batch.objects.filter(sendout=sendout, source=Batch.Source.BATCH, outcome=Outcome.RELEASED, total__gt=0)
    return past.order_by("-received_at")


def _together(rows: Sequence[tuple[Any, ...]]) -> Usual | None:
    """Put batches together: (contacts, rejected, reasons), newest first."""
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
    """Rejected contacts by reason; its texts are put together."""
    found: Counter[Key] = Counter()
    for verdict, code, _text, action, count in reasons:
        if verdict == DecisionVerdict.REJECTED:
            found[code, action] += count
    return found
