"""Which URIs may be called."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from outbound.guard import AllowList, Refused

ENTRIES = ["gate.example.com", "api.example.com:8443", ".example.org", "10.1.2.3", "127.0.0.1:8080", "[::1]:9000"]
ENTRIES += ["consent:8000", "bücher.example", "8.8.8.8", "2606:4700::1111"]
ALLOW = AllowList.parse(ENTRIES, allow_http=True)

# By code; those with white space or a backslash, and long ones, are below.
SPELT = {
    "host_not_listed": """
        http://127.0.0.1/ http://127.0.0.1:8081/ http://localhost:8080/ http://0.0.0.0:8080/ http://[::]:8080/
        http://[::1]:8080/ http://[::ffff:127.0.0.1]:8080/ http://[::ffff:7f00:1]:8080/ http://[64:ff9b::7f00:1]/
        http://169.254.169.254/latest/meta-data/ http://127。0。0。1/ https://evil.example#@gate.example.com/
        https://evil.example?@gate.example.com/ https://gate.example.com.evil.example/ https://evilgate.example.com/
        https://evilexample.org/ https://example.org/ https://api.example.com/ https://api.example.com:8444/
    """,
    "bad_uri": """
        http://2130706433:8080/ http://0x7f000001:8080/ http://0x7f.0.0.1:8080/ http://0177.0.0.1:8080/
        http://017700000001:8080/ http://127.1:8080/ http://127.0.1:8080/ http://127.0.0.01:8080/
        http://127.0.0.1.1:8080/ http://256.0.0.1:8080/ http://0:8080/ http://[fe80::1%25eth0]/ http://[fe80::1%eth0]/
        http://[::1/ http://[::1]evil.example/ http://[127.0.0.1]:8080/ http://::1:9000/ https://gate.example.com:abc/
        https://gate.example.com:0/ https://gate.example.com:65536/ https://gate.example.com:-1/
        https://gate.example.com:80:80/ https://gate.example.com../ https://gate..example.com/
        https://gate.example.com%2eevil.example/ https://%67ate.example.com/ https://gate.example.com%00.evil.example/
        file:///etc/passwd javascript:alert(1) //gate.example.com/ /finish https:/gate.example.com/
        https:///gate.example.com/ https:gate.example.com https://
    """,
    "userinfo": """
        https://gate.example.com@evil.example/ https://evil.example@gate.example.com/
        https://user:pw@gate.example.com/ https://@gate.example.com/ https://gate.example.com:443@evil.example/
    """,
    "scheme": """
        ftp://gate.example.com/ file://gate.example.com/etc/passwd gopher://gate.example.com/ dict://127.0.0.1:8080/
    """,
}
HOSTILE = [(uri, code) for code, uris in SPELT.items() for uri in uris.split()]
HOSTILE += [
    ("https://evil.example\\@gate.example.com/", "userinfo"),
    ("https://evil.example\\.gate.example.com/", "bad_uri"),
    ("https://gate.example.com\t/", "bad_uri"),
    ("https://gate.example.com\r\nX: y/", "bad_uri"),
    ("https://gate.example.com/\r\nX: y", "bad_uri"),
    ("https://gate.example.com/\x00", "bad_uri"),
    (" https://gate.example.com/", "bad_uri"),
    ("https://gate.example.com /", "bad_uri"),
    ("", "bad_uri"),
    ("https://gate.example.com/\ud800", "bad_uri"),
    ("https://gate.example.com/" + "a" * 8_000, "bad_uri"),
    ("https://" + "a." * 130 + "example.org/", "bad_uri"),
]


@pytest.mark.parametrize(("uri", "code"), HOSTILE)
def test_a_hostile_uri_is_refused_with_its_code(uri: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        ALLOW.check_uri(uri)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("uri", "host", "port", "private", "dialled"),
    [
        ("https://gate.example.com/a?b=c", "gate.example.com", 443, False, "https://gate.example.com/a?b=c"),
        ("HTTPS://GATE.Example.COM./a", "gate.example.com", 443, False, "https://gate.example.com/a"),
        ("https://gate.example.com:9/a#part", "gate.example.com", 9, False, "https://gate.example.com:9/a"),
        ("https://gate.example.com?x", "gate.example.com", 443, False, "https://gate.example.com/?x"),
        ("https://gate.example.com:/", "gate.example.com", 443, False, "https://gate.example.com/"),
        ("https://api.example.com:8443/", "api.example.com", 8443, True, "https://api.example.com:8443/"),
        ("https://a.b.example.org/", "a.b.example.org", 443, False, "https://a.b.example.org/"),
        ("http://10.1.2.3/x", "10.1.2.3", 80, True, "http://10.1.2.3/x"),
        ("http://10.1.2.3:99/x", "10.1.2.3", 99, True, "http://10.1.2.3:99/x"),
        ("http://127.0.0.1:8080/x", "127.0.0.1", 8080, True, "http://127.0.0.1:8080/x"),
        ("http://[0:0::1]:9000/x", "::1", 9000, True, "http://[::1]:9000/x"),
        # Circled digits become plain ones, in every library, since they get the address as read.
        ("http://①②⑦.⓪.⓪.①:8080/", "127.0.0.1", 8080, True, "http://127.0.0.1:8080/"),
        ("http://consent:8000/x", "consent", 8000, True, "http://consent:8000/x"),
        (
            "https://Bücher.example/é ü",
            "xn--bcher-kva.example",
            443,
            False,
            "https://xn--bcher-kva.example/%C3%A9%20%C3%BC",
        ),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, False, "https://xn--bcher-kva.example/"),
        (
            "https://gate.example.com/%2F%zz/../a//b",
            "gate.example.com",
            443,
            False,
            "https://gate.example.com/%2F%zz/../a//b",
        ),
    ],
)
def test_a_listed_uri_is_read_and_spelt_in_one_way(uri: str, host: str, port: int, private: bool, dialled: str) -> None:
    target = ALLOW.check_uri(uri)
    assert (target.host, target.port, target.may_be_private, target.uri) == (host, port, private, dialled)


def test_http_needs_its_own_permission() -> None:
    strict = AllowList.parse(ENTRIES, allow_http=False)
    assert strict.check_uri("https://gate.example.com/").scheme == "https"
    with pytest.raises(Refused) as caught:
        strict.check_uri("http://gate.example.com/")
    assert (caught.value.code, caught.value.host) == ("scheme", "gate.example.com")


def test_a_refusal_names_host_and_code_and_nothing_else() -> None:
    with pytest.raises(Refused) as caught:
        ALLOW.check_uri("https://user:hunter2@other.example/path/secret?token=secret#secret")
    assert str(caught.value) == "other.example: userinfo"
    assert not isinstance(caught.value, OSError)
    assert "secret" not in repr(ALLOW.check_uri("https://gate.example.com/secret?secret"))


def test_an_empty_list_allows_nothing() -> None:
    with pytest.raises(Refused):
        AllowList.parse([], allow_http=True).check_uri("https://gate.example.com/")


HOSTS = st.sampled_from(["gate.example.com", "evil.example", "10.1.2.3", "[::1]", "127.1", "ⓖate.example.com", "", "1"])
GLUE = st.sampled_from(
    ["@", ":", "\\", "#", "?", "/", ".", "%2f", "%40", "。", "／", "＠", " ", "\t", ";", ",", "443", ""]
)


@given(st.lists(st.one_of(HOSTS, GLUE), max_size=6).map("".join), st.sampled_from(["http://", "https://", "http:\\\\"]))
def test_what_is_allowed_is_read_alike_by_every_parser(rest: str, scheme: str) -> None:
    try:
        target = ALLOW.check_uri(scheme + rest)
    except Refused:
        return
    assert urlsplit(target.uri).hostname == target.host
    assert (parse_url(target.uri).host or "").strip("[]") == target.host
    assert ALLOW.check_uri(target.uri) == target


@settings(max_examples=50)
@given(st.text())
def test_any_text_is_either_a_target_or_a_refusal(text: str) -> None:
    for uri in (text, "https://" + text, "https://gate.example.com" + text):
        try:
            target = ALLOW.check_uri(uri)
        except Refused:
            continue
        assert target.uri.isascii() and " " not in target.uri
