"""Addresses that may not be called are met before anybody accepts, named, and allowed by a person with the permission."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from outbound.guard import AllowList
from sendouts.models import AllowedHost, DecisionVerdict
from sendouts.services import hosts
from sendouts.stages.screening.addresses import Addresses
from sendouts.verbs import Accept, AllowHost, ChangeDecisions
from sendouts.verbs.base import NotDone
from sendouts.wording.batch_sentences import attention
from tests.gate import Gate, carry_out, person, reviewer

FILE = "https://gate.example.com/files/today/contacts.json?key=1"
AT_HOME = AllowList.parse(["gate.example.com"], allow_http=False)


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ("https://gate.example.com/cancel/1%2f2", "https://gate.example.com/cancel/1%2f2"),
        ("/cancel/1", "https://gate.example.com/cancel/1"),
        ("/cancel/1?a=%7E", "https://gate.example.com/cancel/1?a=%7E"),
        ("//gate.example.com/cancel/1", "https://gate.example.com/cancel/1"),
        ("cancel/1", "https://gate.example.com/files/today/cancel/1"),
        ("./cancel", "https://gate.example.com/files/today/cancel"),
        ("../cancel", "https://gate.example.com/files/cancel"),
        ("?cancel=1", "https://gate.example.com/files/today/contacts.json?cancel=1"),
        # Another host, no host, or what may be one.
        ("//other.example.com/cancel/1", None),
        ("https://other.example.com/cancel/1", None),
        ("http://gate.example.com/cancel/1", None),
        ("gate.example.com/cancel/1", None),
        ("gate.example.com:443/cancel/1", None),
        ("mailto:a@example.com", None),
        ("javascript:void(0)", None),
        ("https://user@gate.example.com/cancel", None),
        ("//[/cancel", None),
        ("#", None),
    ],
)
def test_a_relative_address_belongs_to_the_host_of_its_file(written: str, called: str | None) -> None:
    uri, mark = Addresses(FILE, AT_HOME).read(written)
    assert (mark is not None) == (called is not None)
    if called is not None:
        assert uri == called


@pytest.mark.parametrize(
    "others",
    [
        [],
        [""],
        ["/cancel/1", "https://other.example.com/cancel/1", "https://gate.example.com.example.org/cancel"],
        ["https://GATE.example.com:443/cancel/9"],
        ["https://gate.example.com/cancel/1 2"],
        ["https://gate.example.com/cancel/1#top"],
        ["https://gate.example.com/cancel/é"],
        ["https://gate.example.com/cancel/" + "9" * 9000],
    ],
)
def test_many_addresses_are_read_as_each_alone(others: list[str]) -> None:
    uris = ["https://gate.example.com/cancel/1", "https://gate.example.com/cancel/2?a=b", *others]
    for each in (uris, uris[::-1]):
        one_by_one = [Addresses(FILE, AT_HOME).read(uri) for uri in each]
        assert list(Addresses(FILE, AT_HOME).read_all(each)) == [(uri.encode(), mark) for uri, mark in one_by_one]


def test_an_address_in_a_hook_has_no_file_to_belong_to() -> None:
    assert Addresses("", AT_HOME).read("/cancel/1") == ("/cancel/1", None)
    assert Addresses("", AT_HOME).read("") == ("", None)


def rows(*more: dict[str, Any]) -> list[dict[str, Any]]:
    """Two contacts as usual, one of them rejected, and these."""
    usual = [{"contactId": f"A-{n}", "properties": {"consent": bool(n)}} for n in range(2)]
    return usual + [{"contactId": f"B-{n}", "properties": {"consent": True}, **each} for n, each in enumerate(more)]


def foreign(host: str = "mail.customer.example.com", consent: bool = True) -> dict[str, Any]:
    return {"cancelUri": f"https://{host}/cancel/1", "properties": {"consent": consent}}


def host_adder() -> Any:
    return person("manager", "view_batch", "review_batch", "add_allowedhost")


@pytest.mark.parametrize("kind", ["batch", "single"])
def test_a_host_that_is_not_allowed_stops_the_batch_in_screening_and_is_named(gate: Gate, kind: str) -> None:
    gate.project(review="never")
    named = [{key.replace("cancel", "cancel" if kind == "batch" else "reject"): value for key, value in each.items()}
             for each in (foreign(), foreign("b.example.com"))]  # fmt: skip
    sent = gate.fire(kind, rows=rows(*named), contacts=4)
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.total) == ("in_review", "host_not_listed", 4)
    assert batch.attention_data["hosts"] == ["mail.customer.example.com", "b.example.com"]
    assert batch.attention_data["rows"] == 2 and "mail.customer.example.com" in attention(batch)
    assert gate.platform.sendout(sent["id"])["calls"]["reject"] == 0


def test_relative_addresses_of_a_file_are_called_at_its_host(gate: Gate) -> None:
    gate.project()
    raw = [{"_raw": 1, "contactId": f"A-{n}", "consent": n > 2, "cancelUri": "{path}"} for n in range(6)]
    sent = gate.fire(rows=raw, contacts=6, no_consent=0.0)
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, gate.batch().confirmed, seen["calls"]["reject"]) == ("finished", 3, 3)


def test_a_relative_address_of_a_hook_holds_it(gate: Gate) -> None:
    gate.project()
    gate.fire("single", rows=rows({"rejectUri": "/reject/1"}), contacts=3)
    gate.work()
    assert (gate.batch().status, gate.batch().attention_data["code"]) == ("in_review", "relative")
    assert gate.batch().attention_data["hosts"] == []


def test_whoever_may_allows_the_host_and_the_batch_goes_on_with_its_decisions(gate: Gate) -> None:
    gate.project()
    elsewhere = gate.platform.url.replace("127.0.0.1", "localhost")
    raw = [{"_raw": 1, "contactId": f"A-{n}", "consent": n > 1, "cancelUri": elsewhere + "{path}"} for n in range(4)]
    sent = gate.fire(rows=raw, contacts=4, no_consent=0.0)
    gate.work()
    host = urlsplit(elsewhere).hostname or ""
    assert gate.batch().attention_data["hosts"] == [host]
    carry_out(ChangeDecisions([gate.decisions()[3].pk], DecisionVerdict.REJECTED), gate.batch(), reviewer("one"))
    with pytest.raises(NotDone) as refused:
        carry_out(AllowHost(), gate.batch(), reviewer("two"))
    assert refused.value.code == "not_allowed" and not AllowedHost.objects.exists()
    who = host_adder()
    carry_out(AllowHost(), gate.batch(), who)
    (entry,) = AllowedHost.objects.all()
    assert (entry.entry, entry.use) == (host, "platform")
    # The loopback needs its port; the screens allow names of public addresses.
    entry.entry = urlsplit(elsewhere).netloc
    entry.save()
    hosts.forget_known()
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, gate.batch().confirmed, seen["calls"]["reject"]) == ("finished", 3, 3)


def test_nobody_accepts_a_rejection_that_could_not_be_sent(gate: Gate) -> None:
    gate.project()
    gate.fire(rows=rows(foreign(consent=False), foreign()), contacts=4)
    gate.work()
    who = reviewer()
    with pytest.raises(NotDone) as refused:
        carry_out(Accept(), gate.batch(), who)
    assert refused.value.code == "host_not_listed" and "mail.customer.example.com" in str(refused.value)
    carry_out(ChangeDecisions([gate.decisions()[2].pk], DecisionVerdict.ACCEPTED), gate.batch(), who)
    carry_out(Accept(), gate.batch(), who)
    gate.work()
    assert (gate.batch().status, gate.batch().confirmed) == ("finished", 1)


def test_a_release_on_a_host_that_is_not_allowed_is_met_in_screening_too(gate: Gate) -> None:
    gate.project()
    gate.fire(contacts=10, fire=False)
    gate.platform.fire(gate.platform.sendouts()[-1]["id"])
    bodies = [json.loads(body) for body in gate.mailbox]
    gate.mailbox.clear()
    for body in bodies:
        body["finishUri"] = "https://mail.customer.example.com/finish/1"
    gate.store(*(json.dumps(body).encode() for body in bodies))
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention_data["finish"]) == ("in_review", True)
    with pytest.raises(NotDone) as refused:
        carry_out(Accept(), batch, reviewer())
    assert refused.value.code == "host_not_listed"


def test_the_clock_accepts_no_batch_whose_rejections_could_not_be_sent(gate: Gate) -> None:
    gate.project(at_deadline="accept")
    gate.fire(rows=rows(foreign(consent=False)), contacts=3)
    gate.work()
    gate.batch().__class__.objects.update(due_at="2020-01-01T00:00Z")
    gate.work()
    assert (gate.batch().status, gate.batch().due_at) == ("in_review", None)


def test_a_file_on_a_host_that_is_not_allowed_is_downloaded_once_somebody_allows_it(gate: Gate, settings: Any) -> None:
    settings.SYMPLIFY_ALLOWED_HOSTS = []
    gate.project()
    sent = gate.fire(contacts=20)
    gate.work(rounds=2)
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.attention_data["host"]) == ("planned", "host_not_listed", "127.0.0.1")
    carry_out(AllowHost(), batch, host_adder())
    hosts.forget_known()
    gate.work(rounds=3)
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["violations"]) == ("finished", 2, [])


def test_addresses_on_several_hosts_are_allowed_together_and_the_rest_is_named_next(gate: Gate) -> None:
    gate.project()
    gate.fire(
        rows=rows(foreign("a.example.com"), foreign("b.example.com"), {"cancelUri": "a.example.com/1"}), contacts=5
    )
    gate.work()
    carry_out(AllowHost(), gate.batch(), host_adder())
    hosts.forget_known()
    gate.work()
    batch = gate.batch()
    assert sorted(AllowedHost.objects.values_list("entry", flat=True)) == ["a.example.com", "b.example.com"]
    assert (batch.status, batch.attention_data["code"], batch.attention_data["rows"]) == ("in_review", "relative", 1)
