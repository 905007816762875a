"""Path and query leave byte for byte as they came: links are signed over their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbound.guard import AllowList, resolve
from sendouts.symplify import client
from sendouts.symplify.client import Ask, Platform
from tests.outbound.net import Net

PATHS = [
    "/files/b-1?hash=c0ffee&name=%7Eteam",
    "/files/a%2fb/c?sig=aa%2bbb%3d",
    "/files/a/../b/./c//d?x=1",
    "/files/x?filter[list]=7&sig=1",
    "/files/100%25?s=%e9",
    "/files/x?sig=ab/cd+ef==",
    "/files/b-1?name=%7Eteam&sig=aa%2bbb%3d&list[]=7",
    "//files/../x",
    "/..",
    "/.",
    "/%2e%2e/x",
    "/a/%2E%2e/b?",
    "/?",
    "/??",
    "/x?a=b?c=d",
    "/a;b=c/d,e",
    "/100%",
    '/{id}?q={"a":1}',
    "/a|b^c`d\\e<f>",
    "/x?%zz=%",
    "/%c3%a9/%C3%A9",
    "/x?a&&b&=&=",
    "/$!*'()@:~-_.",
]


def platform(port: int) -> Platform:
    return Platform(AllowList.parse([f"127.0.0.1:{port}"], allow_http=True))


def test_what_leaves_is_what_came_for_downloads_and_for_calls(net: Net) -> None:
    home = net.site()
    there = platform(home.port)
    for path in PATHS:
        with client.open_contacts(there, home.uri(path)) as file:
            assert list(file.blocks()) == []
    asks = [Ask(number, home.uri(path)) for number, path in enumerate(PATHS)]
    assert sum(len(some) for some in client.finish_many(there, asks)) == len(PATHS)
    assert [request.path for request in home.requests[: len(PATHS)]] == PATHS
    assert sorted(request.path for request in home.requests[len(PATHS) :]) == sorted(PATHS)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=60))
def test_every_printable_path_stays_as_it_is(rest: str) -> None:
    target = AllowList.parse(["gate.example.com"], allow_http=False).check_uri(f"https://gate.example.com/{rest}")
    assert (target.path, target.base) == (f"/{rest}", "https://gate.example.com/")


@pytest.mark.parametrize(
    ("path", "sent"), [("/é?à=ü", "/%C3%A9?%C3%A0=%C3%BC"), ("/a b?c d", "/a%20b?c%20d"), ("/x#part", "/x"), ("", "/")]
)
def test_only_what_http_cannot_carry_is_encoded(net: Net, path: str, sent: str) -> None:
    home = net.site()
    with client.open_contacts(platform(home.port), home.uri(path)):
        assert home.requests[0].path == sent


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("https://other.example/a%2fb/../c?d[]=%7E", "https://other.example/a%2fb/../c?d[]=%7E"),
        ("//other.example/x", "https://other.example/x"),
        ("/a/../b%2f?c", "https://gate.example.com/a/../b%2f?c"),
        ("?c=d", "https://gate.example.com/x/y?c=d"),
        ("z", "https://gate.example.com/x/z"),
        ("javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_a_redirect_keeps_the_bytes_of_its_address(reference: str, found: str) -> None:
    assert resolve("https://gate.example.com/x/y?a=b", reference) == found
