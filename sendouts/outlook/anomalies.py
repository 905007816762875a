"""What is unusual about a screened batch, judged by the batches before it; pure, without a database.

A value is far when it lies outside what was usual by more than a slack. Usual is from the lowest to the highest of the
earlier values; of ten and more the lowest and the highest are left out, so that one accident makes nothing usual. The slack is
the largest of what the rules below name: at twice the width of the usual, a value of ordinary noise is held less than
once in 200 times, and the floors keep histories that hardly vary from holding everything.

1. Share: of its contacts, how many the checks rejected; judged by the earlier batches of the project. The slack is twice
   the width, half of the median share (or of what is left to 100 %, where that is less), one point, and what chance alone
   does to so few contacts (four standard deviations).
2. Size: judged by the earlier batches of the sendout, on a scale on which equal steps are equal factors. The slack is twice the
   width, and a factor of 2.
3. A check that rejected nobody: where it rejected some in every usual batch of the project, and would have rejected
   ten here at the lowest of these shares. Its share is of the contacts that the checks above it had not rejected.
4. A check that rejected everybody whom it saw: where it did not in any usual batch of the project, and is not the only check.

What a check explains is not told a second time as a share.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log, sqrt
from statistics import median
from typing import Any

from sendouts.models.hold_reason import HoldReason

# Below so many contacts a share says more about chance than about the checks, and a person has looked sooner.
CONTACTS = 500
# With fewer earlier batches nothing is usual yet.
BATCHES = 5
# So far back: enough to know the noise, and recent enough to follow what changes slowly.
REMEMBERED = 20
# From so many on one at each end is left out.
TRIMMED_FROM = 10
WIDTHS = 2
OF_MEDIAN = 0.5
POINT = 0.01
DEVIATIONS = 4
FACTOR = 2
EXPECTED = 10


@dataclass(frozen=True, slots=True)
class ScreenedCounts:
    """A batch as its checks left it: how many each of them rejected, in the order of the plan, those with 0 as well."""

    total: int
    rejected: Mapping[str, int]

    @property
    def share(self) -> float:
        return sum(self.rejected.values()) / self.total

    def seen(self, check: str) -> int:
        """The contacts that the checks above this one had not rejected."""
        left = self.total
        for name, count in self.rejected.items():
            if name == check:
                break
            left -= count
        return left

    def share_of(self, check: str) -> float | None:
        """The share that a check rejected of whom it saw; None where too few came to it, or it did not run."""
        seen = self.seen(check)
        return self.rejected[check] / seen if check in self.rejected and seen >= CONTACTS else None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One thing that is unusual: the value now, what was usual from `low` to `high`, in how many batches, for which check."""

    code: str
    now: float
    low: float
    high: float
    batches: int
    check: str = ""

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def find(batch: ScreenedCounts, project: Sequence[ScreenedCounts], sendout: Sequence[ScreenedCounts]) -> list[Anomaly]:
    """What is unusual about a batch. project, sendout: the earlier batches of each, the newest first; more than enough is fine."""
    if batch.total < CONTACTS:
        return []
    known = [each for each in project if each.total >= CONTACTS][:REMEMBERED]
    checks = list(_checks(batch, known))
    shares = [] if checks else list(_share(batch, [each.share for each in known]))
    return [*shares, *_size(batch.total, [each.total for each in sendout if each.total][:REMEMBERED]), *checks]


def usual(values: Sequence[float]) -> tuple[float, float]:
    """From where to where the values usually are."""
    ordered = sorted(values)
    if len(ordered) >= TRIMMED_FROM:
        ordered = ordered[1:-1]
    return ordered[0], ordered[-1]


def _share(batch: ScreenedCounts, shares: Sequence[float]) -> Iterator[Anomaly]:
    if len(shares) < BATCHES:
        return
    low, high = usual(shares)
    middle = median(shares)
    chance = sqrt(middle * (1 - middle) / batch.total)
    slack = max(WIDTHS * (high - low), OF_MEDIAN * min(middle, 1 - middle), POINT, DEVIATIONS * chance)
    if not low - slack <= batch.share <= high + slack:
        yield Anomaly(HoldReason.UNUSUAL_SHARE, batch.share, low, high, len(shares))


def _size(total: int, totals: Sequence[int]) -> Iterator[Anomaly]:
    if len(totals) < BATCHES:
        return
    low, high = usual(totals)
    slack = max(WIDTHS * log(high / low), log(FACTOR))
    if not log(low) - slack <= log(total) <= log(high) + slack:
        yield Anomaly(HoldReason.UNUSUAL_SIZE, total, low, high, len(totals))


def _checks(batch: ScreenedCounts, project: Sequence[ScreenedCounts]) -> Iterator[Anomaly]:
    for check in batch.rejected:
        now = batch.share_of(check)
        shares = [share for each in project if (share := each.share_of(check)) is not None]
        if now is None or len(shares) < BATCHES:
            continue
        low, high = usual(shares)
        if now == 0 and low * batch.seen(check) >= EXPECTED:
            yield Anomaly(HoldReason.CHECK_NOBODY, now, low, high, len(shares), check)
        elif now == 1 and high < 1 and len(batch.rejected) > 1:
            yield Anomaly(HoldReason.CHECK_EVERYBODY, now, low, high, len(shares), check)
