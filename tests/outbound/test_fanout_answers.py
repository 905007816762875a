"""What becomes of each call of a fan-out."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from outbound.fanout import FanoutCall
from tests.outbound.net import Net
from tests.outbound.site import Request, reply, reset


@pytest.mark.parametrize("status", [200, 204, 302, 409, 429, 503])
def test_every_status_is_an_answer(status: int, net: Net) -> None:
    home = net.site(lambda request: reply(status))
    answer = net.ask(home, home.uri("/a?b"))
    assert (answer.status, answer.error, answer.retry_after, answer.refusal) == (status, "", None, None)
    assert answer.seconds > 0


def test_a_post_is_empty_says_so_and_carries_the_headers_of_the_settings(net: Net) -> None:
    home = net.site()
    out = net.fanout(f"127.0.0.1:{home.port}", headers={"X-Token": "é1", "X-Empty": "", "content-type": "text/plain"})
    net.send(out, home.uri("/cancel/%2F/../a%20b?t=1&u=%C3%A9#part"))
    request = home.requests[0]
    assert (request.method, request.path) == ("POST", "/cancel/%2F/../a%20b?t=1&u=%C3%A9")
    assert (request.headers["Content-Length"], request.body) == ("0", b"")
    assert (request.headers["X-Token"], request.headers["X-Empty"]) == ("é1", "")
    assert request.headers["content-type"] == "text/plain"
    assert not {"Expect", "Authorization", "Cookie", "Content-Type"} & set(request.headers)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "post"])
def test_the_method_is_a_setting(method: str, net: Net) -> None:
    home = net.site()
    assert net.ask(home, method=method).status == 200
    assert home.requests[0].method == method.upper()


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "HEAD"},
        {"method": "POST / HTTP/1.1\r\nX: y\r\n"},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"X: y": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"Host": "evil.example"}},
        {"headers": {"X": "€"}},
    ],
)
def test_settings_that_cannot_be_sent_are_refused_at_once(settings: dict[str, Any], net: Net) -> None:
    with pytest.raises(ValueError):
        net.fanout("gate.example.com", **settings)


@pytest.mark.parametrize("ending", [reset, lambda request: b""], ids=["reset", "closed"])
def test_a_kept_connection_that_dies_under_a_request_is_lost_and_not_repeated(
    ending: Callable[[Request], bytes], net: Net
) -> None:
    home = net.site(lambda request: reply() if request.path == "/first" else ending(request))
    out = net.fanout(f"127.0.0.1:{home.port}")
    assert net.send(out, home.uri("/first"))[0].status == 200
    answer = net.send(out, home.uri("/second"))[0]
    assert (answer.status, answer.error) == (0, "lost")
    assert [(request.connection, request.path) for request in home.requests] == [(1, "/first"), (1, "/second")]


@pytest.mark.parametrize("chunked", [False, True])
def test_of_an_endless_body_little_is_read_and_the_status_counts(chunked: bool, net: Net) -> None:
    written = []

    def endless(request: Request) -> bytes:
        length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 100000000"
        request.wire.sendall(b"HTTP/1.1 409 X\r\n" + length + b"\r\n\r\n")
        for _ in range(2_000):
            block = b"x" * 50_000
            request.wire.sendall(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
            written.append(len(block))
        return b""

    home = net.site(endless)
    answer = net.ask(home)
    assert (answer.status, answer.error) == (409, "")
    home.close()
    # What the kernel's buffers take on both sides, and no more.
    assert sum(written) < 20_000_000


def test_what_is_no_http_is_lost(net: Net) -> None:
    home = net.site(lambda request: b"SSH-2.0-nothing\r\nconnection: close\r\n\r\n")
    answer = net.ask(home, timeout=2.0)
    assert (answer.status, answer.error) == (0, "lost")


def test_a_refused_uri_is_answered_without_a_connection_and_the_others_go_on(net: Net) -> None:
    home, other = net.site(), net.site()
    answers = net.send(
        net.fanout(f"127.0.0.1:{home.port}"), home.uri("/0"), other.uri("/secret"), "nonsense", home.uri("/3")
    )
    assert [answers[place].status for place in range(4)] == [200, 0, 0, 200]
    assert [answers[place].error for place in (1, 2)] == ["refused", "refused"]
    refusals = [answers[place].refusal for place in (1, 2)]
    assert [(refusal.code, refusal.host) for refusal in refusals if refusal] == [
        ("host_not_listed", "127.0.0.1"),
        ("bad_uri", ""),
    ]
    assert other.connections == 0


def test_an_answer_is_never_taken_over_from_the_call_before(net: Net) -> None:
    home = net.site(lambda request: reply(429, Retry_After="0") if request.path == "/good" else reset(request))
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=1)
    answers = net.send(out, *[home.uri("/good" if place % 2 else "/bad") for place in range(6)])
    assert [answers[place].status for place in range(6)] == [0, 429, 0, 429, 0, 429]
    assert [answers[place].error for place in range(6)] == ["lost", "", "lost", "", "lost", ""]


def test_calls_are_pulled_only_as_there_is_room(net: Net) -> None:
    home = net.site()
    out = net.fanout(f"127.0.0.1:{home.port}", max_at_once=4, start_at=4)
    pulled = answered = 0

    def calls() -> Any:
        nonlocal pulled
        for place in range(500):
            pulled += 1
            assert pulled - answered <= 4 + 256 + 4
            yield FanoutCall(place, home.uri())

    for answers in out.send(calls()):
        answered += len(answers)
    assert answered == 500


def test_what_never_reached_a_server_is_unsent(closed_port: int, net: Net) -> None:
    home = net.site()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = silent.getsockname()[1]
        for uri in (
            f"http://127.0.0.1:{closed_port}/",
            "http://no-such-host.invalid/",
            f"https://127.0.0.1:{hangs}/",
            home.uri(scheme="https"),
        ):
            out = net.fanout(
                "127.0.0.1",
                f"127.0.0.1:{closed_port}",
                f"127.0.0.1:{hangs}",
                f"127.0.0.1:{home.port}",
                "no-such-host.invalid",
                connect_timeout=0.3,
                timeout=0.5,
            )
            answer = net.send(out, uri)[0]
            assert (answer.status, answer.error) == (0, "unsent"), uri


def test_a_time_out_after_the_request_is_lost(net: Net) -> None:
    over = threading.Event()
    home = net.site(lambda request: reply() if over.wait(10) else b"")
    answer = net.ask(home, timeout=0.3)
    over.set()
    assert (answer.status, answer.error, len(home.requests)) == (0, "lost", 1)


@pytest.mark.parametrize(
    ("wire", "outcome"),
    [
        # The status is known, though the body is cut.
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nfour", (200, "")),
        # A promise to answer is no answer.
        (b"HTTP/1.1 103 Early Hints\r\nX: connection: close\r\n\r\n", (0, "lost")),
    ],
)
def test_a_status_counts_and_a_promise_does_not(wire: bytes, outcome: tuple[int, str], net: Net) -> None:
    home = net.site(lambda request: wire)
    answer = net.ask(home)
    assert (answer.status, answer.error) == outcome
