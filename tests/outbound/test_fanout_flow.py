"""How a fan-out paces, keeps connections, stops, and behaves when its caller fails."""

import threading
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from outbound import transfer
from outbound.fanout import FanoutAnswer, FanoutCall
from outbound.guard import Target
from outbound.retry_after import read_retry_after
from tests.outbound.net import Net
from tests.outbound.site import Request, Site, reply


def calls(home: Site, count: int) -> Iterator[FanoutCall]:
    return (FanoutCall(place, home.uri(f"/{place}")) for place in range(count))


def test_connections_are_kept_from_call_to_call_and_from_send_to_send(net: Net) -> None:
    home = net.site()
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=4, start_at=4)
    for _ in range(3):
        net.send(out, *[home.uri()] * 20)
    assert len(home.requests) == 60
    assert home.connections <= 4


def test_the_limit_grows_while_answers_are_quick_and_is_remembered(net: Net) -> None:
    home = net.site()
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=32, start_at=2)
    assert out.limit == 2
    assert sum(len(answers) for answers in out.send(calls(home, 500))) == 500
    grown = out.limit
    assert 2 < grown <= 32
    assert home.most_at_once <= 32
    list(out.send(calls(home, 1)))
    assert out.limit == grown


def test_as_many_as_the_limit_really_are_under_way_at_once(net: Net) -> None:
    together = threading.Barrier(8)

    def meet(request: Request) -> bytes:
        together.wait(10)
        return reply()

    home = net.site(meet)
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=8, start_at=8)
    answers = [answer for some in out.send(calls(home, 8)) for answer in some]
    assert [answer.status for answer in answers] == [200] * 8
    assert home.most_at_once == 8


@pytest.mark.parametrize("status", [429, 503])
def test_trouble_shrinks_the_limit_to_one_and_no_further(status: int, net: Net) -> None:
    home = net.site(lambda request: reply(status))
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=64, start_at=64)
    assert sum(len(answers) for answers in out.send(calls(home, 300))) == 300
    assert out.limit == 1


def test_refused_connections_shrink_the_limit_and_refused_uris_do_not(closed_port: int, net: Net) -> None:
    out = net.fanout(f"127.0.0.1:{closed_port}", start_at=8)
    net.send(out, *["http://other.example/"] * 50)
    assert out.limit == 8
    net.send(out, *[f"http://127.0.0.1:{closed_port}/"] * 50)
    assert out.limit == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [("7", 7.0), ("999999", 3600.0), ("soon", None), ("-5", None), (formatdate(4000000000, usegmt=True), 3600.0)],
)
def test_retry_after_is_read_as_seconds_or_date_and_capped(header: str, expected: float | None, net: Net) -> None:
    home = net.site(lambda request: reply(503, Retry_After=header))
    assert net.ask(home).retry_after == expected
    assert read_retry_after(header) == expected


def test_a_429_with_retry_after_pauses_everything_until_then(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    home = net.site(lambda request: reply(429, Retry_After="1") if request.path == "/0" else reply())
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=1)
    lists = list(out.send(calls(home, 3)))
    assert [answer.status for some in lists for answer in some] == [429, 200, 200]
    assert lists[0][0].retry_after == 1.0
    # While it waited the caller was given its turn, to extend a claim.
    assert [] in lists[1:]


def test_a_long_pause_outlasts_the_send_and_keeps_nobody_waiting(net: Net) -> None:
    home = net.site(lambda request: reply(429, Retry_After="3000"))
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=1)
    assert net.send(out, home.uri())[0].retry_after == 3000.0
    held = net.send(out, *[home.uri()] * 500)
    assert {(answer.status, answer.error) for answer in held.values()} == {(0, "held")}
    assert all(2990 < (answer.retry_after or 0) <= 3000 for answer in held.values())
    assert len(home.requests) == 1


def test_after_stop_nothing_begins_and_what_is_under_way_is_answered(net: Net) -> None:
    release = threading.Event()
    stopped = threading.Event()

    def hold(request: Request) -> bytes:
        release.wait(10)
        return reply()

    home = net.site(hold)
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=4, start_at=4)
    answered: list[FanoutAnswer] = []
    for some in out.send(calls(home, 100), stop=stopped.is_set):
        answered += some
        if home.under_way == 4:
            stopped.set()
            release.set()
    assert sorted(answer.key for answer in answered) == [0, 1, 2, 3]
    assert {answer.status for answer in answered} == {200}
    assert len(home.requests) == 4
    assert list(out.send(calls(home, 5), stop=lambda: True)) == [] and len(home.requests) == 4


def test_the_caller_gets_its_turn_while_answers_are_slow(net: Net) -> None:
    release = threading.Event()

    def hold(request: Request) -> bytes:
        release.wait(10)
        return reply()

    home = net.site(hold)
    lists = []
    for some in net.fanout(f"127.0.0.1:{home.port}").send(calls(home, 1)):
        lists.append(some)
        if len(lists) == 2:
            release.set()
    assert lists[:2] == [[], []]
    assert [answer.status for some in lists for answer in some] == [200]


def test_calls_that_nobody_answers_are_given_up_while_those_of_others_go_on(net: Net) -> None:
    release = threading.Event()

    def hold(request: Request) -> bytes:
        release.wait(30)
        return reply()

    silent, home = net.site(hold), net.site()
    out = net.fanout(f"127.0.0.1:{home.port}", f"127.0.0.1:{silent.port}", start_at=2)
    uris = [silent.uri(), silent.uri(), *[home.uri()] * 20]
    answers = net.send(out, *uris, patience=lambda: 0.5)
    release.set()
    assert [answers[place].error for place in (0, 1)] == ["lost", "lost"]
    assert {answers[place].status for place in range(2, 22)} == {200}
    assert net.send(out, home.uri(), patience=lambda: 0.5)[0].status == 200, "and its connections serve on"


def test_an_error_of_the_calls_comes_after_the_answers_of_those_under_way(net: Net) -> None:
    home = net.site()

    def failing() -> Iterator[FanoutCall]:
        yield from calls(home, 3)
        raise LookupError("no more")

    answered = []
    with pytest.raises(LookupError):
        for some in net.fanout(f"127.0.0.1:{home.port}").send(failing()):
            answered += some
    assert sorted(answer.key for answer in answered) == [0, 1, 2]


def test_a_caller_who_leaves_early_can_send_again(net: Net) -> None:
    release = threading.Event()
    home = net.site(lambda request: reply() if request.path == "/last" or release.wait(10) else b"")
    out = net.fanout(f"127.0.0.1:{home.port}")
    sending = out.send(calls(home, 100))
    next(sending)
    assert out.busy
    with pytest.raises(RuntimeError):
        next(out.send(calls(home, 1)))
    sending.close()  # type: ignore[attr-defined]
    assert not out.busy
    assert net.send(out, home.uri("/last"))[0].status == 200
    release.set()


def test_an_error_inside_a_callback_reaches_the_caller(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(ip: str, target: Target) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(transfer, "address_allowed", fail)
    home = net.site()
    with pytest.raises(ZeroDivisionError):
        net.send(net.fanout(f"127.0.0.1:{home.port}"), home.uri())
    assert home.connections == 0
