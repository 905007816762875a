"""A service is called so many times a second, whoever calls, and however late they wake."""

import threading
from bisect import bisect_left

import pytest

from outbound import rate as module
from outbound.rate import Rate, Rates
from tests.outbound.clock import Clock


def calls_in(rate: Rate, clock: Clock, seconds: float, per_second: float) -> list[float]:
    """Call as often as is allowed; the moments of the calls."""
    ends, made = clock.now + seconds, []
    while clock.now < ends:
        wait = rate.take(per_second)
        if wait:
            clock.now += max(wait, 1e-6)  # less does not move a float clock
        else:
            made.append(clock.now)
    return made


@pytest.mark.parametrize("per_second", [0.5, 10.0, 400.0])
def test_no_second_sees_more_than_the_rate_and_its_burst(per_second: float) -> None:
    clock = Clock()
    made = calls_in(Rate(clock), clock, 20.0, per_second)
    most = max(bisect_left(made, start + 1.0) - place for place, start in enumerate(made))
    assert most <= per_second * (1 + module.BURST_SECONDS) + 1
    assert len(made) >= per_second * 20 - 1


def test_after_a_rest_no_more_may_leave_at_once_than_a_burst() -> None:
    clock = Clock()
    rate = Rate(clock)
    clock.now += 3_600
    at_once = 0
    while not rate.take(50.0):
        at_once += 1
    assert at_once in {4, 5}


def test_who_waits_is_told_how_long_and_takes_nothing() -> None:
    clock = Clock()
    rate = Rate(clock)
    assert rate.take(2.0) == 0.0
    assert [rate.take(2.0) for _ in range(3)] == [pytest.approx(0.5)] * 3
    clock.now += 0.5
    assert rate.take(2.0) == 0.0


def test_callers_with_different_rates_share_one_measure() -> None:
    clock = Clock()
    rate = Rate(clock)
    assert rate.take(1.0) == 0.0
    assert rate.take(100.0) > 0.8


def test_threads_that_ask_at_the_same_time_get_one_turn_each() -> None:
    clock = Clock()
    rate = Rate(clock)
    together = threading.Barrier(16)
    got: list[float] = []

    def ask() -> None:
        together.wait(10)
        got.append(rate.take(1.0))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert sorted(got)[:2] == [0.0, pytest.approx(1.0)]
    assert len(got) == 16


def test_services_are_measured_apart_and_the_idle_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SERVICES", 2)
    clock = Clock()
    known = Rates(clock)
    busy = known.of(("a.example.com", 443, ""))
    assert busy.take(0.1) == 0.0
    assert known.of(("b.example.com", 443, "")).take(0.1) == 0.0
    assert known.of(("a.example.com", 443, "")) is busy
    clock.now += 5
    known.of(("c.example.com", 443, ""))
    assert known.of(("a.example.com", 443, "")) is busy
    clock.now += 20
    known.of(("d.example.com", 443, ""))
    assert known.of(("a.example.com", 443, "")) is not busy
