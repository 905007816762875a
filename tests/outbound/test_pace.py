"""How the limit on calls at once grows and shrinks."""

from outbound.pace import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def windows(pace: Pace, count: int, latency: float | None) -> list[int]:
    """The limit after each of `count` full windows of good answers."""
    limits = []
    for _ in range(count):
        pace.full()
        for _ in range(pace.limit):
            pace.good(latency)
        limits.append(pace.limit)
    return limits


def test_the_limit_doubles_while_answers_stay_quick_and_stops_at_the_highest() -> None:
    assert windows(Pace(8, 100, Clock()), 5, 0.02) == [16, 32, 64, 100, 100]


def test_it_grows_by_one_once_answers_take_twice_the_best() -> None:
    pace = Pace(8, 256, Clock())
    assert windows(pace, 2, 0.02) == [16, 32]
    assert windows(pace, 3, 0.04) == [33, 34, 35]
    assert windows(pace, 2, 0.02) == [36, 37]


def test_it_does_not_grow_while_it_is_not_what_holds_us_back() -> None:
    pace = Pace(8, 256, Clock())
    for _ in range(100):
        pace.good(0.02)
    assert pace.limit == 8


def test_answers_without_a_measured_latency_count_as_good() -> None:
    assert windows(Pace(8, 256, Clock()), 2, None) == [16, 32]


def test_trouble_halves_it_once_per_round_trip_and_never_below_one() -> None:
    pace = Pace(8, 256, Clock())
    for number in range(1, 9):
        pace.bad(number, begun=8, gently=False)
    assert pace.limit == 4
    pace.bad(9, begun=12, gently=False)
    assert pace.limit == 2
    pace.bad(13, begun=13, gently=False)
    pace.bad(14, begun=14, gently=False)
    assert pace.limit == 1


def test_after_a_request_to_slow_down_it_grows_by_one() -> None:
    pace = Pace(8, 256, Clock())
    pace.bad(1, begun=8, gently=True)
    assert windows(pace, 2, 0.02) == [5, 6]


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
