"""One-off calls through the guarded session."""

import socket
import threading
from collections.abc import Callable

import pytest
import requests

from outbound.guard import AllowList, Refused
from outbound.session import GuardedSession, Unreachable
from tests.outbound.site import Request, Site, reply, reset
from tests.outbound.test_guard_uris import ENTRIES, HOSTILE

Sites = Callable[..., Site]
Sessions = Callable[..., GuardedSession]


@pytest.mark.parametrize("uri", [uri for uri, code in HOSTILE if code])
def test_a_hostile_uri_is_refused_before_anything_is_looked_up(
    uri: str, session: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *call, **options: pytest.fail("looked up"))
    with pytest.raises(Refused):
        session(*ENTRIES).get(uri)


def test_a_redirect_is_an_answer_even_where_the_caller_asks_to_follow(site: Sites, session: Sessions) -> None:
    other = site()
    home = site(lambda request: reply(302, Location=other.uri("/elsewhere")))
    calls = session(f"127.0.0.1:{home.port}", f"127.0.0.1:{other.port}")
    assert calls.get(home.uri()).status_code == 302
    assert calls.get(home.uri(), allow_redirects=True).status_code == 302
    assert other.connections == 0


def test_a_prepared_request_does_not_get_around_the_guard(site: Sites, session: Sessions) -> None:
    home = site()
    with pytest.raises(Refused):
        session("gate.example.com").send(requests.Request("GET", home.uri()).prepare())
    assert home.connections == 0


def test_no_proxy_is_used_neither_the_environments_nor_the_callers(
    site: Sites, session: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, home = site(), site()
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.uri())
    calls = session(f"127.0.0.1:{home.port}")
    assert calls.get(home.uri()).status_code == 200
    with pytest.raises(Refused):
        calls.get(home.uri(), proxies={"http": proxy.uri()})
    assert (proxy.connections, len(home.requests)) == (0, 1)


def test_connections_are_kept_and_cookies_are_not(site: Sites, session: Sessions) -> None:
    home = site(lambda request: reply(body=b"{}", Set_Cookie="a=b"))
    calls = session(f"127.0.0.1:{home.port}")
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


def test_a_refused_connection_is_unreachable_and_unsent(closed_port: int, session: Sessions) -> None:
    with pytest.raises(Unreachable) as caught:
        session(f"127.0.0.1:{closed_port}").get(f"http://127.0.0.1:{closed_port}/secret?secret")
    assert (caught.value.word, caught.value.host, caught.value.sent) == ("connection", "127.0.0.1", False)
    check_clean(caught.value)


def test_a_name_without_address_is_unreachable_and_unsent(session: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*call: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unreachable) as caught:
        session("gate.example.com").get("http://gate.example.com/secret")
    assert (caught.value.word, caught.value.sent) == ("connection", False)
    check_clean(caught.value)


@pytest.mark.parametrize("ending", [reset, lambda request: b""], ids=["reset", "closed"])
def test_a_connection_broken_after_the_request_is_unreachable_and_sent(
    ending: Callable[[Request], bytes], site: Sites, session: Sessions
) -> None:
    home = site(ending)
    with pytest.raises(Unreachable) as caught:
        session(f"127.0.0.1:{home.port}").post(home.uri("/secret"))
    assert (caught.value.word, caught.value.sent) == ("connection", True)
    assert len(home.requests) == 1
    check_clean(caught.value)


def test_a_time_out_is_unreachable_and_sent(site: Sites, session: Sessions) -> None:
    over = threading.Event()
    home = site(lambda request: reply() if over.wait(10) else b"")
    with pytest.raises(Unreachable) as caught:
        session(f"127.0.0.1:{home.port}", timeout=(1.0, 0.2)).get(home.uri("/secret"))
    over.set()
    assert (caught.value.word, caught.value.sent) == ("time-out", True)
    check_clean(caught.value)


def test_an_answer_cut_short_is_unreachable(site: Sites, session: Sessions) -> None:
    home = site(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nfour")
    with pytest.raises(Unreachable) as caught:
        session(f"127.0.0.1:{home.port}").get(home.uri("/secret"))
    assert caught.value.sent
    check_clean(caught.value)


def test_without_leave_for_http_a_connection_is_refused_too(site: Sites) -> None:
    home = site()
    with GuardedSession(AllowList.parse([f"127.0.0.1:{home.port}"], allow_http=False)) as calls:
        with pytest.raises(Refused) as caught:
            calls.get(home.uri())
        assert caught.value.code == "scheme"
        with pytest.raises(Refused):
            calls.send(requests.Request("GET", home.uri()).prepare())
    assert home.connections == 0


def test_an_ipv6_address_is_called(site: Sites, session: Sessions) -> None:
    home = site(host="::1")
    assert session(f"[::1]:{home.port}").get(home.uri(host="[::1]")).status_code == 200
