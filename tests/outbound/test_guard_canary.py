"""Hostile URIs let loose on both clients, with a canary listening on loopback: it must never see a connection.

Each form is tried three times: as it comes; with a guard whose reading of URIs lets everything through, so that the
check at the moment of dialling stands alone; and the names among them with a resolver in the enemy's hands.
"""

from collections.abc import Iterator
from typing import Any

import pycurl
import pytest
import requests

from outbound.fanout import Fanout, FanoutAnswer, FanoutCall
from outbound.guard import AllowList, Refused, Target
from outbound.session import GuardedSession, Unreachable
from tests.outbound.net import Net
from tests.outbound.site import Request, Site, reply
from tests.outbound.test_rebinding import NAME, resolve_for_curl, resolve_for_python

# {v4} and {v6} are the canary's ports.
FORMS = {
    "literal": "http://127.0.0.1:{v4}/",
    "another literal of loopback": "http://127.9.8.7:{v4}/",
    "any address": "http://0.0.0.0:{v4}/",
    "IPv6": "http://[::1]:{v6}/",
    "IPv6 in full": "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{v6}/",
    "IPv6 any address": "http://[::]:{v6}/",
    "decimal": "http://2130706433:{v4}/",
    "hex": "http://0x7f000001:{v4}/",
    "hex in parts": "http://0x7f.0x0.0x0.0x1:{v4}/",
    "octal": "http://0177.0.0.1:{v4}/",
    "octal in one": "http://017700000001:{v4}/",
    "short": "http://127.1:{v4}/",
    "shorter": "http://127.0.1:{v4}/",
    "zero": "http://0:{v4}/",
    "padded": "http://127.000.000.001:{v4}/",
    "overflow": "http://127.0.0.257:{v4}/",
    "mapped": "http://[::ffff:127.0.0.1]:{v4}/",
    "mapped in hex": "http://[::ffff:7f00:1]:{v4}/",
    "compatible": "http://[::127.0.0.1]:{v4}/",
    "NAT64": "http://[64:ff9b::7f00:1]:{v4}/",
    "NAT64 for local use": "http://[64:ff9b:1::7f00:1]:{v4}/",
    "6to4": "http://[2002:7f00:1::]:{v4}/",
    "Teredo": "http://[2001:0:7f00:1::]:{v4}/",
    "link-local": "http://169.254.1.1:{v4}/",
    "link-local with a zone": "http://[fe80::1%25lo]:{v6}/",
    "link-local with a bare zone": "http://[fe80::1%lo]:{v6}/",
    "loopback with a zone": "http://[::1%25lo]:{v6}/",
    "metadata": "http://169.254.169.254:{v4}/latest/meta-data/",
    "metadata of another cloud": "http://[fd00:ec2::254]:{v6}/",
    "userinfo": "http://gate.example.com@127.0.0.1:{v4}/",
    "userinfo with a password": "http://gate.example.com:443@127.0.0.1:{v4}/",
    "two ats": "http://a@gate.example.com@127.0.0.1:{v4}/",
    "fragment before at": "http://127.0.0.1:{v4}#@gate.example.com/",
    "query before at": "http://127.0.0.1:{v4}?@gate.example.com/",
    "backslash before at": "http://127.0.0.1:{v4}\\@gate.example.com/",
    "backslash for slash": "http:\\\\127.0.0.1:{v4}\\",
    "at behind backslash": "http://gate.example.com\\@127.0.0.1:{v4}/",
    "three slashes": "http:///127.0.0.1:{v4}/",
    "one slash": "http:/127.0.0.1:{v4}/",
    "tab inside": "http://127.0.\t0.1:{v4}/",
    "line feed inside": "http://127.0.\n0.1:{v4}/",
    "CRLF and a header": "http://127.0.0.1:{v4}/ HTTP/1.1\r\nHost: gate.example.com\r\n\r\n",
    "space before": " http://127.0.0.1:{v4}/",
    "NUL behind": "http://127.0.0.1\0.gate.example.com:{v4}/",
    "trailing dot": "http://127.0.0.1.:{v4}/",
    "full-width digits": "http://１２７.0.0.1:{v4}/",
    "circled digits": "http://①②⑦.⓪.⓪.①:{v4}/",
    "ideographic dots": "http://127。0。0。1:{v4}/",
    "percent in the host": "http://127.0.0.%31:{v4}/",
    "localhost": "http://localhost:{v4}/",
    "localhost with a dot": "http://LOCALHOST.:{v4}/",
    "localhost in circles": "http://ⓛocalhost:{v4}/",
    "a name below localhost": "http://gate.localhost:{v4}/",
    "another scheme": "gopher://127.0.0.1:{v4}/_GET",
    "telnet": "telnet://127.0.0.1:{v4}/",
    "dict": "dict://127.0.0.1:{v4}/info",
}
# What the enemy's resolver says of a listed name.
ANSWERS = {
    "loopback": ["127.0.0.1"],
    "IPv6 loopback": ["::1"],
    "mapped loopback": ["::ffff:127.0.0.1"],
    "any": ["0.0.0.0"],
    "mixed, loopback last": ["198.51.100.7", "127.0.0.1"],
    "mixed, loopback first": ["127.0.0.1", "::1", "203.0.113.9"],
    "NAT64 of loopback": ["64:ff9b::7f00:1"],
    "6to4 of loopback": ["2002:7f00:1::"],
    "metadata": ["169.254.169.254"],
}


class Careless(AllowList):
    """A guard that lets every URI pass, as if its reading had been fooled; addresses are still looked at when dialling."""

    def check_uri(self, uri: str) -> Target:
        return Target("http", NAME, 80, may_be_private=False, uri=uri)

    def check_host(self, scheme: str, host: str, port: int) -> Target:
        return Target(scheme, host, port, may_be_private=False)


@pytest.fixture
def canary(net: Net) -> Iterator[tuple[Site, Site]]:
    """Listening on every address of the loopback, IPv4 and IPv6."""
    yield net.site(host="0.0.0.0"), net.site(host="::1")


def listed() -> AllowList:
    """A generous list: names that lead inside are on it, as a careless administrator might have them."""
    entries = [NAME, ".example.com", "localhost", "gate.localhost", "8.8.8.8"]
    return AllowList.parse(entries, allow_http=True)


def spelt(form: str, canary: tuple[Site, Site]) -> str:
    return FORMS[form].replace("{v4}", str(canary[0].port)).replace("{v6}", str(canary[1].port))


def try_fanout(allow: AllowList, uri: str) -> FanoutAnswer | Exception:
    out = Fanout(allow, timeout=2.0, connect_timeout=1.0)
    try:
        return next(answer for some in out.send([FanoutCall(1, uri)]) for answer in some)
    except (UnicodeEncodeError, pycurl.error, ValueError) as error:
        # What a fooled guard hands on, libcurl may not even take.
        return error
    finally:
        out.close()


def try_session(allow: AllowList, uri: str) -> requests.Response | Exception:
    with GuardedSession(allow, timeout=(1.0, 2.0)) as session:
        try:
            return session.get(uri)
        except (Refused, Unreachable, ValueError) as error:
            return error


@pytest.mark.parametrize("form", FORMS)
def test_no_form_reaches_the_canary_through_the_guard(form: str, canary: tuple[Site, Site]) -> None:
    uri = spelt(form, canary)
    answer = try_fanout(listed(), uri)
    assert isinstance(answer, FanoutAnswer) and (answer.status, answer.error) == (0, "refused")
    # Python's resolver knows no names below localhost, which libcurl takes for loopback.
    assert isinstance(try_session(listed(), uri), Unreachable if form == "a name below localhost" else Refused)
    assert [site.connections for site in canary] == [0, 0]


@pytest.mark.parametrize("form", FORMS)
def test_no_form_reaches_the_canary_through_a_guard_that_was_fooled(form: str, canary: tuple[Site, Site]) -> None:
    uri = spelt(form, canary)
    answer = try_fanout(Careless(allow_http=True), uri)
    assert isinstance(answer, Exception) or answer.status == 0
    assert isinstance(try_session(Careless(allow_http=True), uri), Exception)
    assert [site.connections for site in canary] == [0, 0]


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
def test_no_answer_of_a_resolver_leads_a_listed_name_to_the_canary(
    answers: list[str], canary: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = canary[1] if "::1" in answers else canary[0]
    bracketed = (f"[{address}]" if ":" in address else address for address in answers)
    resolve_for_curl(monkeypatch, home.port, *bracketed)
    resolve_for_python(monkeypatch, answers)
    answer = try_fanout(listed(), home.uri(host=NAME))
    assert isinstance(answer, FanoutAnswer) and answer.status == 0
    if len(answers) == 1:
        assert answer.refusal and (answer.refusal.code, answer.refusal.host) == ("private_address", NAME)
    assert isinstance(try_session(listed(), home.uri(host=NAME)), Exception)
    assert [site.connections for site in canary] == [0, 0]


def test_without_a_guard_most_of_these_forms_do_reach_the_canary(canary: tuple[Site, Site]) -> None:
    """The canary sings: else the tests above could not fail."""
    reached = set()
    for form in FORMS:
        before = sum(site.connections for site in canary)
        handle = pycurl.Curl()
        handle.setopt(pycurl.TIMEOUT_MS, 500)
        handle.setopt(pycurl.PROXY, "")
        handle.setopt(pycurl.WRITEFUNCTION, len)
        try:
            handle.setopt(pycurl.URL, spelt(form, canary))
            handle.perform()
        except (pycurl.error, UnicodeEncodeError, ValueError):
            pass
        finally:
            handle.close()
        if sum(site.connections for site in canary) > before:
            reached.add(form)
    assert len(reached) >= 20, sorted(reached)
    assert {"literal", "decimal", "hex", "octal", "short", "mapped", "userinfo", "localhost"} <= reached


def test_neither_redirect_nor_proxy_nor_netrc_leads_to_the_canary(
    canary: tuple[Site, Site], net: Net, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    trap = canary[0].uri("/trap")
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\ndefault login other password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, canary[0].uri())
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    def lead_away(request: Request) -> bytes:
        return reply(int(request.path.strip("/")), Location=trap, Refresh=f"0; url={trap}", Alt_Svc='h2=":443"')

    home = net.site(lead_away)
    allow = AllowList.parse([f"127.0.0.1:{home.port}"], allow_http=True)
    for status in (300, 301, 302, 303, 307, 308):
        answer = try_fanout(allow, home.uri(f"/{status}"))
        response = try_session(allow, home.uri(f"/{status}"))
        assert isinstance(answer, FanoutAnswer) and answer.status == status
        assert isinstance(response, requests.Response) and response.status_code == status
    assert [request.headers.get("Authorization") for request in home.requests] == [None] * 12
    assert canary[0].connections == 0
