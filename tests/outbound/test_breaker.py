"""When a host is called no more, and how it is asked again."""

import threading

from outbound.breaker import Breaker, Breakers
from tests.outbound.clock import Clock


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(10):
        breaker.failed(0.0)
    clock.now += 2.0
    assert breaker.failed(0.0)
    return breaker


def test_a_burst_of_failures_does_not_open_it_and_neither_do_few_over_a_long_time() -> None:
    clock = Clock()
    burst = Breaker(clock)
    assert not any(burst.failed(0.0) for _ in range(1_000))
    few = Breaker(clock)
    for _ in range(9):
        clock.now += 60
        assert not few.failed(0.0)
    assert burst.admit() == few.admit() == 0.0


def test_one_success_in_between_keeps_it_closed() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(100):
        for _ in range(9):
            clock.now += 1
            breaker.failed(0.0)
        breaker.succeeded()
    assert not breaker.is_open


def test_calls_that_hung_show_silence_since_they_began() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    assert [breaker.failed(20.0) for _ in range(10)] == [False] * 9 + [True]


def test_calls_that_hung_while_others_were_answered_do_not() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.succeeded()
    clock.now += 0.1
    assert not any(breaker.failed(20.0) for _ in range(50))


def test_one_probe_at_a_time_passes_and_the_distances_double() -> None:
    clock = Clock()
    breaker = opened(clock)
    distances = []
    for _ in range(8):
        distance = breaker.wait()
        distances.append(distance)
        clock.now += distance - 0.01
        assert breaker.admit() > 0
        clock.now += 0.01
        assert breaker.admit() == 0.0
        assert breaker.admit() == breaker.wait() == 1.0, "a second caller waits behind the probe"
        clock.now += 0.5
        breaker.failed(0.5)
    assert distances == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_first_success_closes_it_whoever_had_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    breaker.succeeded()
    assert not breaker.is_open and breaker.admit() == 0.0
    for _ in range(9):
        breaker.failed(0.0)
    assert not breaker.is_open, "it counts anew"


def test_calls_under_way_when_it_opened_do_not_speak_for_the_probe() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1
    assert breaker.admit() == 0.0
    clock.now += 1
    breaker.failed(10.0)
    assert breaker.wait() == 1.0, "the probe is still under way"
    breaker.failed(1.0)
    assert breaker.wait() == 2.0


def test_the_other_side_may_say_when_it_is_asked_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1
    breaker.admit()
    breaker.failed(0.0, retry_after=120.0)
    assert breaker.wait() == 120.0
    clock.now += 120
    breaker.admit()
    breaker.failed(0.0, retry_after=1e9)
    assert breaker.wait() == 3600.0


def test_a_probe_of_which_nobody_tells_is_replaced_after_a_while() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1
    assert breaker.admit() == 0.0
    clock.now += 59
    assert breaker.admit() > 0
    clock.now += 2
    assert breaker.admit() == 0.0


def test_of_many_threads_one_gets_the_probe() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1
    start = threading.Barrier(16)
    passed: list[float] = []

    def ask() -> None:
        start.wait(10)
        passed.append(breaker.admit())

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(passed) == [0.0] + [1.0] * 15


def test_each_host_and_port_has_its_own_and_hosts_without_end_do_not_fill_the_memory() -> None:
    clock = Clock()
    known = Breakers(clock)
    silent = known.of("gate.example.com", 443)
    assert known.of("gate.example.com", 443) is silent
    assert known.of("gate.example.com", 8443) is not silent
    assert known.open_for() == 0.0
    for _ in range(10):
        silent.failed(20.0)
    assert known.open_for() == 1.0
    for number in range(5_000):
        known.of(f"x{number}.example.org", 443)
    assert len(known._known) <= 1_000
    assert known.of("gate.example.com", 443) is silent
