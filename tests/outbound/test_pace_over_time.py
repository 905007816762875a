"""What becomes of the limit against servers of every kind, in simulated time: most of what they can do, and no more."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outbound.simulated_server import SimulatedServer, crowded, queueing, steady, stray

LATENCY = 0.02
# Simulated seconds cost real ones; time is nothing that these tests assert on.
BRIEFLY = settings(deadline=None, max_examples=4)
FULL = 256 / LATENCY


def test_a_server_that_bears_anything_is_used_to_the_full() -> None:
    assert SimulatedServer(steady()).run(5) > 0.9 * FULL


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_failures_that_come_whatever_the_load_cost_little_more_than_themselves(share: float) -> None:
    server = SimulatedServer(stray(share))
    server.run(5)
    assert server.run(15) > 0.85 * (1 - share) * FULL


@BRIEFLY
@given(st.integers(2, 250), st.sampled_from([429, 503]), st.integers(0, 1_000))
def test_a_server_with_a_limit_is_used_to_most_of_it_and_not_beaten(capacity: int, status: int, seed: int) -> None:
    server = SimulatedServer(crowded(capacity, status), seed=seed)
    server.run(5)
    failed = server.failed
    assert server.run(8) > 0.8 * capacity / LATENCY
    assert server.failed - failed < 0.15 * server.served


@BRIEFLY
@given(st.integers(1, 200), st.sampled_from([0.005, 0.02, 0.2]))
def test_a_server_that_lets_calls_wait_is_kept_busy(capacity: int, latency: float) -> None:
    server = SimulatedServer(queueing(capacity, latency))
    server.run(150 * latency)
    assert server.run(150 * latency) > 0.8 * min(capacity, 256) / latency
    assert server.pace.limit <= max(8 * capacity, 16)


def test_it_follows_a_server_that_changes() -> None:
    server = SimulatedServer(crowded(20, 429))
    assert server.run(5) > 0.8 * 20 / LATENCY
    server.behave = crowded(200, 429)
    server.run(13)
    assert server.run(3) > 0.8 * 200 / LATENCY
    server.behave = crowded(10, 503)
    server.run(2)
    assert server.run(5) > 0.8 * 10 / LATENCY


def test_it_follows_a_latency_that_grows_for_good() -> None:
    server = SimulatedServer(steady(0.02))
    server.run(5)
    server.behave = steady(0.2)
    server.run(40)
    assert server.run(10) > 0.8 * 256 / 0.2


@BRIEFLY
@given(st.sampled_from([429, 500, 503]), st.floats(1, 10), st.integers(0, 1_000))
def test_a_storm_is_met_with_one_call_at_a_time_and_forgotten_soon(status: int, seconds: float, seed: int) -> None:
    server = SimulatedServer(steady(), seed=seed)
    server.run(5)
    failed = server.failed
    server.behave = stray(1.0, status)
    server.run(seconds)
    assert server.pace.limit == 1
    # Those under way when it broke out, some more while it shrank, and one a round trip since.
    assert server.failed - failed < 800 + seconds / LATENCY
    server.behave = steady()
    server.run(12)
    assert server.run(2) > 0.9 * FULL
