"""One-off calls through the guarded session."""

import socket
import threading
from collections.abc import Callable

import pytest
import requests

from outbound.guard import AllowList, Refused
from outbound.session import GuardedSession, Unreachable
from tests.outbound.net import Net
from tests.outbound.site import Request, reply, reset
from tests.outbound.test_guard_uris import ENTRIES, HOSTILE


# One of each code: the reading is tested on the guard.
@pytest.mark.parametrize("uri", {code: uri for uri, code in HOSTILE}.values())
def test_a_hostile_uri_is_refused_before_anything_is_looked_up(
    uri: str, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *call, **options: pytest.fail("looked up"))
    with pytest.raises(Refused):
        net.session(*ENTRIES).get(uri)


def test_a_redirect_is_an_answer_even_where_the_caller_asks_to_follow(net: Net) -> None:
    other = net.site()
    home = net.site(lambda request: reply(302, Location=other.uri("/elsewhere")))
    calls = net.session(f"127.0.0.1:{home.port}", f"127.0.0.1:{other.port}")
    assert calls.get(home.uri()).status_code == 302
    assert calls.get(home.uri(), allow_redirects=True).status_code == 302
    assert other.connections == 0


def test_a_prepared_request_does_not_get_around_the_guard(net: Net) -> None:
    home = net.site()
    with pytest.raises(Refused):
        net.session("gate.example.com").send(requests.Request("GET", home.uri()).prepare())
    assert home.connections == 0


def test_a_proxy_of_the_caller_is_refused(net: Net) -> None:
    proxy, home = net.site(), net.site()
    with pytest.raises(Refused):
        net.session(f"127.0.0.1:{home.port}").get(home.uri(), proxies={"http": proxy.uri()})
    assert (proxy.connections, home.connections) == (0, 0)


def test_connections_are_kept_and_cookies_are_not(net: Net) -> None:
    home = net.site(lambda request: reply(body=b"{}", Set_Cookie="a=b"))
    calls = net.session(f"127.0.0.1:{home.port}")
    assert [calls.post(home.uri(), json={"a": 1}).json() for _ in range(3)] == [{}, {}, {}]
    assert home.connections == 1
    assert not [request for request in home.requests if "Cookie" in request.headers]
    assert home.requests[0].body == b'{"a": 1}'


def check_clean(error: Unreachable) -> None:
    """Neither the error nor what it drags along names the URI."""
    seen: BaseException | None = error
    while seen is not None:
        assert "secret" not in repr(seen) + str(seen)
        seen = seen.__cause__ or seen.__context__


def unreachable(calls: GuardedSession, uri: str, method: str = "GET") -> tuple[str, bool]:
    """The word of the failure, and whether the request may have left."""
    with pytest.raises(Unreachable) as caught:
        calls.request(method, uri)
    check_clean(caught.value)
    return caught.value.word, caught.value.sent


def test_what_did_not_connect_is_unsent(closed_port: int, net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"http://127.0.0.1:{closed_port}/secret?secret"
    assert unreachable(net.session(f"127.0.0.1:{closed_port}"), uri) == ("connection", False)

    def fail(*call: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert unreachable(net.session("gate.example.com"), "http://gate.example.com/secret") == ("connection", False)


@pytest.mark.parametrize("ending", [reset, lambda request: b""], ids=["reset", "closed"])
def test_a_connection_broken_after_the_request_is_sent(ending: Callable[[Request], bytes], net: Net) -> None:
    home = net.site(ending)
    assert unreachable(net.session(f"127.0.0.1:{home.port}"), home.uri("/secret"), "POST") == ("connection", True)
    assert len(home.requests) == 1


def test_a_time_out_and_an_answer_cut_short_are_sent(net: Net) -> None:
    over = threading.Event()
    home = net.site(lambda request: reply() if over.wait(10) else b"")
    slow = net.session(f"127.0.0.1:{home.port}", timeout=(1.0, 0.2))
    assert unreachable(slow, home.uri("/secret")) == ("time-out", True)
    over.set()
    home = net.site(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nfour")
    assert unreachable(net.session(f"127.0.0.1:{home.port}"), home.uri("/secret"))[1]


def test_without_leave_for_http_a_connection_is_refused_too(net: Net) -> None:
    home = net.site()
    with GuardedSession(AllowList.parse([f"127.0.0.1:{home.port}"], allow_http=False)) as calls:
        with pytest.raises(Refused) as caught:
            calls.get(home.uri())
        assert caught.value.code == "scheme"
        with pytest.raises(Refused):
            calls.send(requests.Request("GET", home.uri()).prepare())
    assert home.connections == 0


def test_an_ipv6_address_is_called(net: Net) -> None:
    home = net.site(host="::1")
    assert net.session(f"[::1]:{home.port}").get(home.uri(host="[::1]")).status_code == 200
