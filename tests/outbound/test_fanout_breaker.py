"""A platform that takes no calls is asked by one probe at a time, whoever calls."""

from collections.abc import Callable

import pytest

from outbound import breaker as module
from outbound.breaker import breakers
from outbound.download import download
from outbound.fanout import FanoutCall
from outbound.session import Unreachable
from tests.outbound.net import Net
from tests.outbound.site import Request, Site, reply, reset


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures need not last, so that no test waits for them; a probe is not due within a test."""
    monkeypatch.setattr(module, "SECONDS", 0.0)
    monkeypatch.setattr(module, "FIRST_PROBE", 3_000.0)


def due_now(home: Site) -> None:
    breakers.of("127.0.0.1", home.port)._probe_at = 0.0


@pytest.mark.parametrize("trouble", [lambda request: reply(500), lambda request: reply(429), reset])
def test_after_nothing_but_failures_calls_are_held_and_not_made(trouble: Callable[[Request], bytes], net: Net) -> None:
    home = net.site(trouble)
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=4, start_at=4)
    answers = net.send(out, *[home.uri()] * 1_000)
    held = [answer for answer in answers.values() if answer.error == "held"]
    assert len(home.requests) == 1_000 - len(held) < 20
    assert all(2_990 < (answer.retry_after or 0) <= 3_000 for answer in held)


def test_a_silent_port_is_held_too(closed_port: int, net: Net) -> None:
    answers = net.send(net.fanout(f"127.0.0.1:{closed_port}", start_at=4), *[f"http://127.0.0.1:{closed_port}/"] * 50)
    assert {answer.error for answer in answers.values()} == {"unsent", "held"}


@pytest.mark.parametrize("status", [302, 404, 409])
def test_a_definite_answer_is_no_silence(status: int, net: Net) -> None:
    home = net.site(lambda request: reply(status))
    answers = net.send(net.fanout(f"127.0.0.1:{home.port}"), *[home.uri()] * 100)
    assert {answer.status for answer in answers.values()} == {status}


def test_another_fanout_of_the_process_knows_and_another_host_is_called(net: Net) -> None:
    silent, sound = net.site(lambda request: reply(503)), net.site()
    entries = (f"127.0.0.1:{silent.port}", f"127.0.0.1:{sound.port}")
    net.send(net.fanout(*entries), *[silent.uri()] * 100)
    asked = len(silent.requests)
    answers = net.send(net.fanout(*entries), silent.uri(), sound.uri(), silent.uri(), sound.uri())
    assert [(answers[place].status, answers[place].error) for place in range(4)] == [
        (0, "held"),
        (200, ""),
        (0, "held"),
        (200, ""),
    ]
    assert len(silent.requests) == asked


def test_one_probe_passes_when_it_is_due_and_its_success_lets_all_pass(net: Net) -> None:
    home = net.site(lambda request: reply(500))
    out = net.fanout(f"127.0.0.1:{home.port}")
    net.send(out, *[home.uri()] * 100)
    asked = len(home.requests)
    due_now(home)
    again = net.send(out, *[home.uri()] * 100)
    assert len(home.requests) == asked + 1
    assert sorted(answer.status for answer in again.values()) == [0] * 99 + [500]
    home.answer = lambda request: reply()
    due_now(home)
    list(out.send([FanoutCall(0, home.uri())]))
    assert {answer.status for answer in net.send(out, *[home.uri()] * 100).values()} == {200}


def test_one_off_calls_and_downloads_take_part(net: Net) -> None:
    home = net.site(lambda request: reply(503, Retry_After="9"))
    entry = f"127.0.0.1:{home.port}"
    one_off = net.session(entry, breakers=breakers)
    for _ in range(10):
        with download(one_off, home.uri()) as file:
            assert file.status == 503
    with pytest.raises(Unreachable) as caught:
        one_off.get(home.uri())
    assert (caught.value.word, caught.value.sent) == ("held", False)
    assert 2_990 < (caught.value.retry_after or 0) <= 3_000
    assert net.send(net.fanout(entry), home.uri())[0].error == "held"
    assert len(home.requests) == 10
    due_now(home)
    home.answer = lambda request: reply(404)
    assert one_off.get(home.uri()).status_code == 404
    assert net.send(net.fanout(entry), home.uri())[0].status == 404
