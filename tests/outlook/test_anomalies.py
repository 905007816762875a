"""What is unusual: never in small numbers, never for noise, and always where it is far."""

import random
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendouts.models.hold_reason import HoldReason
from sendouts.outlook import anomalies
from sendouts.outlook.anomalies import Anomaly, ScreenedCounts, find
from sendouts.outlook.usual import REVIEWED, UsualRange

CHECK = "consent-check"
shares = st.floats(0, 1)
totals = st.integers(1, 2_000_000)


def screened(total: int, share: float, check: str = CHECK) -> ScreenedCounts:
    return ScreenedCounts(total, {check: round(total * share)})


batches = st.builds(screened, totals, shares)
large = st.builds(screened, st.integers(anomalies.CONTACTS, 2_000_000), shares)


def usual(values: list[float]) -> tuple[float, float]:
    found = UsualRange.of(values, REVIEWED)
    assert found is not None
    return found.low, found.high


def codes(batch: ScreenedCounts, before: list[ScreenedCounts]) -> list[str]:
    return [each.code for each in find(batch, before, before)]


def steady(count: int = 8, share: float = 0.05, total: int = 10_000) -> list[ScreenedCounts]:
    return [screened(total, share + 0.001 * (place % 3 - 1)) for place in range(count)]


@given(st.builds(screened, st.integers(1, anomalies.CONTACTS - 1), shares), st.lists(batches, max_size=30))
def test_below_500_contacts_nothing_is_unusual(batch: ScreenedCounts, before: list[ScreenedCounts]) -> None:
    assert find(batch, before, before) == []


@given(large, st.lists(batches, max_size=REVIEWED.fewest - 1))
def test_with_fewer_than_5_earlier_batches_nothing_is_unusual(
    batch: ScreenedCounts, before: list[ScreenedCounts]
) -> None:
    assert find(batch, before, before) == []


@given(shares, st.lists(st.builds(screened, st.integers(1, 499), shares), min_size=5, max_size=30))
def test_shares_of_small_batches_are_no_measure(share: float, before: list[ScreenedCounts]) -> None:
    assert {each.code for each in find(screened(100_000, share), before, [])} == set()


@given(large, st.lists(large, min_size=5, max_size=30))
def test_what_was_already_there_is_never_unusual_in_share_or_size(
    batch: ScreenedCounts, before: list[ScreenedCounts]
) -> None:
    low, high = usual([each.share for each in before])
    if low <= batch.share <= high:
        assert HoldReason.UNUSUAL_SHARE not in codes(batch, before)
    low, high = usual([each.total for each in before])
    if low <= batch.total <= high:
        assert HoldReason.UNUSUAL_SIZE not in codes(batch, before)


@given(shares, shares, st.lists(large, min_size=5, max_size=30))
def test_who_is_further_out_is_unusual_as_well(one: float, other: float, before: list[ScreenedCounts]) -> None:
    """Monotone: once far above (below), every higher (lower) share of a batch of that size is far too."""
    near, far = sorted((screened(50_000, one), screened(50_000, other)), key=lambda each: each.share)
    low, high = usual([each.share for each in before])
    if near.share > high and codes(near, before):
        assert codes(far, before)
    if far.share < low and codes(far, before):
        assert codes(near, before)


@given(st.lists(large, min_size=5, max_size=30), st.integers(500, 1_000_000), st.integers(500, 1_000_000))
def test_sizes_further_out_are_unusual_as_well(before: list[ScreenedCounts], one: int, other: int) -> None:
    low, high = usual([each.total for each in before])
    near, far = sorted((one, other), key=lambda total: max(total / high, low / total))
    if (far >= high) == (near >= high) and HoldReason.UNUSUAL_SIZE in codes(screened(near, 0), before):
        assert HoldReason.UNUSUAL_SIZE in codes(screened(far, 0), before)


@given(large, st.lists(large, min_size=5, max_size=30), st.integers(2, 50))
def test_a_share_found_in_a_batch_is_found_in_one_many_times_as_large(
    batch: ScreenedCounts, before: list[ScreenedCounts], times: int
) -> None:
    larger = ScreenedCounts(batch.total * times, {name: count * times for name, count in batch.rejected.items()})
    if find(batch, before, []):
        assert find(larger, before, [])


@given(large, st.lists(large, min_size=5, max_size=30), st.randoms())
def test_the_order_of_the_history_does_not_matter(
    batch: ScreenedCounts, before: list[ScreenedCounts], dice: random.Random
) -> None:
    before = before[: REVIEWED.remembered]
    mixed = list(before)
    dice.shuffle(mixed)
    assert find(batch, before, before) == find(batch, mixed, mixed)


@given(st.floats(0, 0.002), st.lists(st.floats(0, 0.002), min_size=5, max_size=20), st.integers(500, 2_000_000))
def test_a_tenth_of_a_percent_more_never_alarms(now: float, before: list[float], total: int) -> None:
    assert HoldReason.UNUSUAL_SHARE not in codes(screened(total, now), [screened(10_000, share) for share in before])


SHARE, SIZE = [HoldReason.UNUSUAL_SHARE], [HoldReason.UNUSUAL_SIZE]
VARYING = [screened(total, 0.05) for total in (2_000, 8_000, 3_000, 20_000, 5_000)]
ACCIDENT = screened(10_000, 1)


@pytest.mark.parametrize(
    ("batch", "before", "found"),
    [
        # Shares far from the last eight, which were 4.9% to 5.1%.
        *((screened(10_000, share), steady(), []) for share in (0.03, 0.06, 0.07)),
        *((screened(10_000, share), steady(), SHARE) for share in (0.001, 0.214, 0.9)),
        # Sizes far from the last eight, which were 10,000; sizes that vary a lot give room.
        *((screened(total, 0.05), steady(), []) for total in (10_000, 19_000)),
        *((screened(total, 0.05), steady(), SIZE) for total in (25_000, 4_000, 600)),
        (screened(100_000, 0.05), VARYING, []),
        (screened(5_000_000, 0.05), VARYING, SIZE),
        # A check that rejected nobody: usually it rejects some; it did so before; chance can give nobody; it is new.
        (screened(10_000, 0), steady(), [HoldReason.CHECK_NOBODY]),
        (screened(10_000, 0), [*steady(), screened(10_000, 0)], []),
        (screened(600, 0), [screened(100_000, 0.01)] * 8, SIZE),
        (ScreenedCounts(10_000, {CHECK: 500, "adults": 0}), steady(), []),
        # Of a single check everybody is told by the share.
        (ACCIDENT, steady(), SHARE),
        # One accident among ten makes nothing usual, and only the last twenty count.
        (screened(10_000, 0.9), [*steady(11), ACCIDENT], SHARE),
        (screened(10_000, 0.9), [*steady(11), ACCIDENT, ACCIDENT], []),
        (screened(10_000, 0.9), [*steady(20), *[screened(10_000, 0.9)] * 30], SHARE),
    ],
)
def test_what_is_far_from_what_was_usual_is_found(
    batch: ScreenedCounts, before: list[ScreenedCounts], found: list[str]
) -> None:
    assert codes(batch, before) == found


def test_the_finding_says_what_was_usual() -> None:
    (found,) = find(screened(10_000, 0.214), steady(), [])
    assert found == Anomaly(HoldReason.UNUSUAL_SHARE, 0.214, 0.049, 0.051, 8)


def test_everybody_is_found_for_the_check_that_did_it() -> None:
    before = [ScreenedCounts(10_000, {CHECK: 500, "adults": 95}) for _ in range(6)]
    found = find(ScreenedCounts(10_000, {CHECK: 500, "adults": 9_500}), before, [])
    assert [(each.code, each.check, each.batches) for each in found] == [(HoldReason.CHECK_EVERYBODY, "adults", 6)]


def test_a_check_is_judged_by_those_whom_it_saw() -> None:
    """The one above took nearly all: that it is the only thing told, and nobody is expected of the one below."""
    before = [ScreenedCounts(10_000, {CHECK: 500, "adults": 95}) for _ in range(6)]
    assert codes(ScreenedCounts(10_000, {CHECK: 9_900, "adults": 0}), before) == [HoldReason.UNUSUAL_SHARE]


@pytest.mark.parametrize("spread", [0.02, 0.1, 0.25])
@pytest.mark.parametrize("share", [0.002, 0.05, 0.4])
def test_of_ordinary_noise_less_than_one_in_200_is_held(share: float, spread: float) -> None:
    """A year of batches, again and again, each held against those before it: shares and sizes vary around their usual."""
    dice = random.Random(f"{share} {spread}")
    held = judged = 0
    for _ in range(40):
        before: list[ScreenedCounts] = []
        for _ in range(52):
            total = round(20_000 * exp(dice.gauss(0, spread)))
            batch = screened(total, min(1.0, max(0.0, share * (1 + dice.gauss(0, spread)))))
            judged += len(before) >= REVIEWED.fewest
            held += bool(find(batch, before, before))
            before.insert(0, batch)
    assert judged == 40 * 47
    assert held < judged / 200
