"""Anomalies of a screened batch, compared with earlier batches; pure functions without a query.

A value is an anomaly if it lies outside the usual range by more than a slack. The usual range runs from the lowest to
the highest earlier value. With ten or more values, the lowest and the highest are left out, so that one accident does
not widen the range. The slack is the largest of the terms named below. At twice the width of the range, ordinary noise
is held less than once in 200 times. The floors keep histories with little variation from holding everything.

1. Share of contacts that the checks rejected, compared with the project's earlier batches. The slack is the largest of:
   twice the width; half of the median share (or of the rest to 100 %, if that is less); one point; and four standard
   deviations of chance for so few contacts.
2. Size, compared with the sendout's earlier batches on a logarithmic scale. The slack is twice the width and at least
   a factor of 2.
3. A check that rejected nobody, although it rejected some contacts in every usual batch of the project. At the lowest
   of these shares it would have rejected ten contacts here. Its share refers to contacts that the checks above it had
   not rejected.
4. A check that rejected all contacts it saw, although it did so in no usual batch of the project and is not the only
   check.

An anomaly of a check is not reported a second time as a share.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

from sendouts.models.hold_reason import HoldReason
from sendouts.outlook.usual import REVIEWED, UsualRange

# Minimum number of contacts; below it a share reflects chance more than the checks, and a manual check is quicker.
CONTACTS = 500
WIDTHS = 2
OF_MEDIAN = 0.5
POINT = 0.01
DEVIATIONS = 4
FACTOR = 2
EXPECTED = 10


@dataclass(frozen=True, slots=True)
class ScreenedCounts:
    """Counts of a batch after its checks: rejections per check in plan order, including checks with 0."""

    total: int
    rejected: Mapping[str, int]

    @property
    def share(self) -> float:
        return sum(self.rejected.values()) / self.total

    def seen(self, check: str) -> int:
        """Return the number of contacts that the checks above this one had not rejected."""
        left = self.total
        for name, count in self.rejected.items():
            if name == check:
                break
            left -= count
        return left

    def share_of(self, check: str) -> float | None:
        """Return the rejected share of the contacts that a check saw; None if it saw too few or did not run."""
        seen = self.seen(check)
        return self.rejected[check] / seen if check in self.rejected and seen >= CONTACTS else None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One anomaly: the current value, the usual range from `low` to `high`, the number of batches, and the check."""

    code: str
    now: float
    low: float
    high: float
    batches: int
    check: str = ""


def find(batch: ScreenedCounts, project: Sequence[ScreenedCounts], sendout: Sequence[ScreenedCounts]) -> list[Anomaly]:
    """Return the anomalies of a batch.

    project, sendout: the earlier batches of each, newest first; surplus batches are ignored.
    """
    if batch.total < CONTACTS:
        return []
    known = [each for each in project if each.total >= CONTACTS][: REVIEWED.remembered]
    checks = list(_checks(batch, known))
    shares = [] if checks else list(_share(batch, [each.share for each in known]))
    return [*shares, *_size(batch.total, [each.total for each in sendout if each.total]), *checks]


def _share(batch: ScreenedCounts, shares: Sequence[float]) -> Iterator[Anomaly]:
    usual = UsualRange.of(shares, REVIEWED)
    if usual is None:
        return
    low, high, middle = usual.low, usual.high, usual.middle
    chance = sqrt(middle * (1 - middle) / batch.total)
    slack = max(WIDTHS * (high - low), OF_MEDIAN * min(middle, 1 - middle), POINT, DEVIATIONS * chance)
    if not low - slack <= batch.share <= high + slack:
        yield Anomaly(HoldReason.UNUSUAL_SHARE, batch.share, low, high, usual.count)


def _size(total: int, totals: Sequence[int]) -> Iterator[Anomaly]:
    usual = UsualRange.of(totals, REVIEWED)
    if usual is None:
        return
    low, high = usual.low, usual.high
    slack = max(WIDTHS * log(high / low), log(FACTOR))
    if not log(low) - slack <= log(total) <= log(high) + slack:
        yield Anomaly(HoldReason.UNUSUAL_SIZE, total, low, high, usual.count)


def _checks(batch: ScreenedCounts, project: Sequence[ScreenedCounts]) -> Iterator[Anomaly]:
    for check in batch.rejected:
        now = batch.share_of(check)
        shares = [share for each in project if (share := each.share_of(check)) is not None]
        usual = UsualRange.of(shares, REVIEWED)
        if now is None or usual is None:
            continue
        low, high = usual.low, usual.high
        if now == 0 and low * batch.seen(check) >= EXPECTED:
            yield Anomaly(HoldReason.CHECK_NOBODY, now, low, high, usual.count, check)
        elif now == 1 and high < 1 and len(batch.rejected) > 1:
            yield Anomaly(HoldReason.CHECK_EVERYBODY, now, low, high, usual.count, check)
