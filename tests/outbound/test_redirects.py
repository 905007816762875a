"""A download follows redirects to hosts of the list, each checked anew; a call that changes something follows none."""

import socket
from typing import Any

import pytest

from outbound.guard import AllowList
from sendouts.symplify import client
from sendouts.symplify.client import Ask, CallOutcome, NotAllowed, PermanentFailure, Platform, RetryableFailure
from tests.outbound.net import Net
from tests.outbound.site import Request, Site, reply


def platform(*homes: Site, **settings: Any) -> Platform:
    return Platform(AllowList.parse([f"127.0.0.1:{home.port}" for home in homes], allow_http=True), **settings)


def leads(place: str, status: int = 307) -> bytes:
    return reply(status, b"<Error><Code>TemporaryRedirect</Code></Error>", Location=place)


def paths(home: Site) -> list[str]:
    return [request.path for request in home.requests]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_listed_host_is_followed_with_its_bytes(net: Net, status: int) -> None:
    store = net.site(lambda request: reply(200, b"[]"))
    home = net.site(lambda request: leads(store.uri("/files/a%2fb/../c?list[]=%7E"), status))
    with client.open_contacts(platform(home, store), home.uri("/b-1")) as file:
        assert b"".join(file.blocks()) == b"[]"
    assert (paths(home), paths(store)) == (["/b-1"], ["/files/a%2fb/../c?list[]=%7E"])
    assert [request.method for request in store.requests] == ["GET"]


def test_up_to_three_redirects_are_followed_also_relative_ones(net: Net) -> None:
    def answer(request: Request) -> bytes:
        number = int(request.path.rpartition("/")[2])
        return leads(f"/x/{number + 1}") if number < last else reply(200, b"[]")

    home = net.site(answer)
    last = 3
    with client.open_contacts(platform(home), home.uri("/x/0")) as file:
        assert list(file.blocks()) == [b"[]"]
    last = 4
    with pytest.raises(PermanentFailure) as caught:
        client.open_contacts(platform(home), home.uri("/x/0"))
    assert caught.value.status == 307 and paths(home)[4:] == ["/x/0", "/x/1", "/x/2", "/x/3"]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("http://other.example/x", "host_not_listed"),
        ("https://user:pw@other.example/", "userinfo"),
        ("file:///etc/passwd", "bad_uri"),
        ("http://127.0.0.1:1/x", "host_not_listed"),
        ("http://169.254.169.254/latest/meta-data/", "host_not_listed"),
    ],
)
def test_a_redirect_to_another_host_is_refused_and_names_it(net: Net, place: str, code: str) -> None:
    home = net.site(lambda request: leads(place))
    with pytest.raises(NotAllowed) as caught:
        client.open_contacts(platform(home), home.uri("/secret"))
    assert caught.value.code == code and "secret" not in str(caught.value)


def test_the_address_behind_a_redirect_is_checked_when_it_is_dialled(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = net.site()
    home = net.site(lambda request: leads(f"http://files.example:{inside.port}/x"))
    allow = AllowList.parse(["files.example", f"127.0.0.1:{home.port}"], allow_http=True)
    original = socket.getaddrinfo

    def resolved(host: str, *args: Any, **named: Any) -> Any:
        return original("127.0.0.1" if host == "files.example" else host, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with pytest.raises(NotAllowed) as caught:
        client.open_contacts(Platform(allow), home.uri())
    assert (caught.value.code, caught.value.host, inside.requests) == ("private_address", "files.example", [])


def test_what_authorises_us_stays_with_the_host_that_it_is_for(net: Net) -> None:
    store = net.site(lambda request: reply(200, b"[]"))
    home = net.site(lambda request: leads("/y") if request.path == "/x" else leads(store.uri("/z")))
    with client.open_contacts(platform(home, store, download_headers={"X-Key": "k"}), home.uri("/x")):
        pass
    assert [request.headers.get("X-Key") for request in (*home.requests, *store.requests)] == ["k", "k", None]


def test_a_redirect_without_a_place_is_an_answer(net: Net) -> None:
    home = net.site(lambda request: reply(302))
    with pytest.raises(PermanentFailure) as caught:
        client.open_contacts(platform(home), home.uri())
    assert caught.value.status == 302


def test_a_store_behind_a_redirect_that_is_busy_is_asked_again(net: Net) -> None:
    home = net.site(lambda request: leads("/y") if request.path == "/x" else reply(503, Retry_After="7"))
    with pytest.raises(RetryableFailure) as caught:
        client.open_contacts(platform(home), home.uri("/x"))
    assert (caught.value.status, caught.value.retry_after) == (503, 7.0)


def test_a_call_that_changes_something_follows_none(net: Net) -> None:
    home = net.site(lambda request: leads("/other"))
    for send in (client.reject_many, client.finish_many):
        (attempt,) = [one for some in send(platform(home), [Ask(1, home.uri("/c"))]) for one in some]
        assert (attempt.outcome, attempt.status) == (CallOutcome.REFUSED, 307)
    assert paths(home) == ["/c", "/c"]
