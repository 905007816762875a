"""How the limit on calls at once grows and shrinks, answer by answer."""

from outbound.pace import Pace
from tests.outbound.clock import Clock


def rounds(pace: Pace, count: int, latency: float | None = 0.02, *, failing: float = 0.0, slowed: int = 0) -> list[int]:
    """The limit after each of `count` full rounds, of which a share fails and some are answered 429."""
    limits = []
    for _ in range(count):
        pace.full()
        size = pace.limit
        bad = round(size * failing) + slowed
        for place in range(size):
            number = pace.begin()
            if place < slowed:
                pace.bad(number, slowed=True)
            elif place < bad:
                pace.bad(number, slowed=False)
            else:
                pace.good(number, latency)
        limits.append(pace.limit)
    return limits


def test_the_limit_doubles_while_answers_stay_quick_and_stops_at_the_highest() -> None:
    assert rounds(Pace(8, 100, Clock()), 5) == [16, 32, 64, 100, 100]


def test_it_stays_where_it_is_once_answers_take_twice_the_best() -> None:
    pace = Pace(8, 256, Clock())
    assert rounds(pace, 2, 0.02) == [16, 32]
    assert rounds(pace, 3, 0.04) == [32, 32, 32]
    assert rounds(pace, 2, 0.02) == [33, 34]


def test_it_does_not_grow_while_it_is_not_what_holds_us_back() -> None:
    pace = Pace(8, 256, Clock())
    for _ in range(100):
        pace.good(pace.begin(), 0.02)
    assert pace.limit == 8


def test_answers_without_a_measured_latency_count_as_good() -> None:
    assert rounds(Pace(8, 256, Clock()), 2, None) == [16, 32]


def test_stray_failures_cost_nothing() -> None:
    pace = Pace(64, 256, Clock())
    assert rounds(pace, 3, failing=0.05) == [128, 256, 256]


def test_a_share_of_failures_costs_that_share() -> None:
    assert rounds(Pace(100, 256, Clock()), 1, failing=0.3) == [70]
    assert rounds(Pace(100, 256, Clock()), 1, slowed=1) == [99]


def test_a_storm_shrinks_it_to_one_in_four_rounds_and_never_below() -> None:
    assert rounds(Pace(256, 256, Clock()), 6, failing=1.0) == [64, 16, 4, 1, 1, 1]


def test_calls_begun_before_it_shrank_do_not_count_again() -> None:
    pace = Pace(8, 256, Clock())
    numbers = [pace.begin() for _ in range(16)]
    for number in numbers:
        pace.bad(number, slowed=False)
    assert pace.limit == 2


def test_failures_that_half_the_limit_does_not_lower_are_not_ours() -> None:
    pace = Pace(100, 256, Clock())
    assert rounds(pace, 6, failing=0.3) == [70, 49, 98, 196, 256, 256]


def test_after_a_request_to_slow_down_it_grows_by_one_until_that_is_forgotten() -> None:
    clock = Clock()
    pace = Pace(8, 256, clock)
    assert rounds(pace, 1, slowed=2) == [6]
    assert rounds(pace, 3) == [7, 8, 9]
    clock.now += 11
    assert rounds(pace, 3) == [18, 36, 72]


def test_the_best_round_trip_is_measured_anew_with_half_the_limit() -> None:
    clock = Clock()
    pace = Pace(64, 64, clock)
    assert rounds(pace, 2, 0.02) == [64, 64]
    for _ in range(31):
        clock.now += 1
        pace.begin()
    assert rounds(pace, 1, 0.1) == [32]
    assert rounds(pace, 2, 0.1) == [64, 64], "0.1 s is the best of now"


def test_after_a_rest_everything_is_learnt_anew() -> None:
    clock = Clock()
    pace = Pace(8, 256, clock)
    rounds(pace, 5, 0.02)
    rounds(pace, 5, failing=1.0)
    assert pace.limit == 1
    clock.now += 31
    pace.begin()
    assert pace.limit == 8
    assert rounds(pace, 2, 0.5) == [16, 32]


def test_the_longest_pause_stands_and_is_an_hour_at_most() -> None:
    clock = Clock()
    pace = Pace(8, 256, clock)
    assert pace.pause_left() == 0.0
    pace.pause(10.0)
    pace.pause(3.0)
    assert pace.pause_left() == 10.0
    clock.now += 10.0
    assert pace.pause_left() == 0.0
    pace.pause(1e9)
    assert pace.pause_left() == 3600.0
