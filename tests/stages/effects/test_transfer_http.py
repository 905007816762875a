"""Who got the message and who did not is told to another system after the release, at least once; lost answers do no harm."""

import json
from typing import Any

import pytest

from actions.models import Credential
from actions.sentences import write
from sendouts.models import EffectRun, PendingEffect
from sendouts.services import credentials
from sendouts.stages import effects
from sendouts.verbs import SendAgain
from simulator.client import Simulator
from tests.factories import SECRET
from tests.gate import Gate, carry_out, reviewer
from tests.stages.effect_cases import follow, killed_when_settling
from tests.stages.effect_cases import transfer as transferred

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _known(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], True
    settings.CREDENTIALS = {}
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 0.0)


def transfer(url: str, **config: Any) -> EffectRun:
    return transferred("transfer_http", **{"url": url, "page_size": 25, "parallel": 2} | config)


def entries(platform: Simulator) -> list[dict[str, Any]]:
    """Every contact that the receiver took, as often as it did."""
    return [entry for kept in platform.received("crm")["kept"] for entry in json.loads(kept["body"])["contacts"]]


def ids(found: list[dict[str, Any]]) -> list[str]:
    return sorted(entry["contact_id"] for entry in found)


EVERYBODY = sorted(f"A-{row}" for row in range(100))


def test_everybody_is_told_of_with_what_was_decided_and_why(gate: Gate) -> None:
    config = {"url": gate.platform.receiver("crm"), "fields": ["properties.city", "nothing"]}
    gate.define(gate.project(), "tell", kind="transfer_http", config=config, position=1)
    gate.fire(contacts=100, actions=["consent-check", "tell"])
    gate.work()
    assert gate.batch().status == "finished"
    assert all(set(json.loads(row.payload)) == {"properties.city"} for row in PendingEffect.objects.all())
    run = follow()
    told = {entry["contact_id"]: entry for entry in entries(gate.platform)}
    assert len(told) == len(entries(gate.platform)) == 100
    assert [entry["verdict"] for entry in told.values()].count("rejected") == 10
    accepted, rejected = told["A-000001"], told["A-000010"]
    assert (accepted["fields"].keys(), accepted["reason"], accepted["text"]) == ({"properties.city"}, "", "")
    assert (rejected["reason"], rejected["text"]) == ("rule", "No consent")
    first = gate.platform.received("crm")["kept"][0]["body"]
    names = {"batch": gate.batch().pk, "project": "Newsletter", "journey": "Welcome", "sendout": "Day 1"}
    assert {key: value for key, value in json.loads(first).items() if key != "contacts"} == names
    assert "@example.com" not in first and SECRET not in first
    assert (run.done, run.ended_at is None) == (100, False) and not PendingEffect.objects.exists()


@pytest.mark.parametrize(("whom", "number"), [("accepted", 90), ("rejected", 10)])
def test_only_those_are_told_of_who_are_meant(platform: Simulator, whom: str, number: int) -> None:
    transfer(platform.receiver("crm"), whom=whom)
    assert [entry["verdict"] for entry in entries(platform)] == [whom] * number


def test_lines_of_json_are_each_complete(platform: Simulator) -> None:
    run = transfer(platform.receiver("crm"), format="ndjson", method="PUT", headers={"X-Tenant": "eu"})
    kept = platform.received("crm")["kept"]
    lines = [json.loads(line) for page in kept for line in page["body"].splitlines()]
    assert len(lines) == 100 and {line["batch"] for line in lines} == {run.batch_id}
    headers = {(page["headers"]["content-type"], page["headers"]["x-tenant"]) for page in kept}
    assert headers == {("application/x-ndjson", "eu")}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 409},
        {"kind": "status", "status": 429, "retry_after": 1},
        {"kind": "status", "status": 503, "effect": True},
        {"kind": "reset_before"},
        {"kind": "reset_after"},
        {"kind": "slow", "seconds": 0.5},
        {"kind": "hang"},
    ],
    ids=lambda fault: fault["kind"] + str(fault.get("status", "")),
)
def test_a_receiver_in_trouble_gets_everything_and_takes_it_once(platform: Simulator, fault: dict[str, Any]) -> None:
    transfer(platform.receiver("crm", faults=[{**fault, "times": 1}]), timeout=0.25)
    run, report = follow(2), platform.received("crm")
    assert run.ended_at is not None and run.done == 100
    assert report["violations"] == [] and report["faults"] == {fault["kind"]: 4}
    assert ids(entries(platform)) == EVERYBODY


def test_a_page_that_was_sent_before_a_kill_comes_again_under_its_key(
    platform: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_when_settling(monkeypatch):
        transfer(platform.receiver("crm"))
    run, report = follow(), platform.received("crm")
    assert report["repeats"] > 0 and report["violations"] == []
    assert len(entries(platform)) == 100 and run.done == 100


def test_what_is_refused_waits_for_a_person_who_sends_it_again(platform: Simulator) -> None:
    run = transfer(platform.receiver("crm", headers={"Authorization": "Bearer other"}))
    assert (write(run.error), run.due_at, run.done) == ("127.0.0.1 answered 401.", None, 0)
    assert effects.stuck_transfers(run.batch_id) == ["tell"]
    platform.receiver("crm")
    carry_out(SendAgain(), run.batch, reviewer())
    assert follow().ended_at is not None and ids(entries(platform)) == EVERYBODY


def test_a_page_that_is_refused_keeps_no_other_waiting(platform: Simulator) -> None:
    run = transfer(platform.receiver("crm", faults=[{"kind": "status", "status": 422, "total": 1}]), parallel=1)
    assert (run.done, run.refused) == (75, 25)
    assert set(map(write, PendingEffect.objects.values_list("text", flat=True))) == {"127.0.0.1 answered 422."}
    carry_out(SendAgain(), run.batch, reviewer())
    assert follow().done == 100 and ids(entries(platform)) == EVERYBODY


@pytest.mark.parametrize(
    ("stored", "headers"),
    [
        ({"kind": "bearer"}, {"Authorization": "Bearer s3cret"}),
        ({"kind": "basic", "user": "gate"}, {"Authorization": "Basic Z2F0ZTpzM2NyZXQ="}),
        ({"kind": "header", "header": "X-Api-Key"}, {"X-Api-Key": "s3cret"}),
    ],
    ids=["bearer", "basic", "header"],
)
def test_a_named_credential_opens_the_receiver_and_another_of_any_kind_signs(
    platform: Simulator, stored: dict[str, str], headers: dict[str, str]
) -> None:
    Credential.objects.create(name="crm", secret="s3cret", **stored)
    Credential.objects.create(name="signing", secret="whsec_c2VjcmV0IGJ5dGVz", **stored)
    url = platform.receiver("crm", headers=headers, secret="whsec_c2VjcmV0IGJ5dGVz")
    transfer(url, credential="crm", signature="signing")
    report = platform.received("crm")
    assert (report["taken"], report["violations"]) == (4, [])
    assert "c2VjcmV0IGJ5dGVz" not in json.dumps(report)


@pytest.mark.parametrize(
    ("config", "hosts", "error"),
    [
        ({"credential": "crm"}, ["127.0.0.1"], "No credential is called “crm”."),
        ({}, ["crm.example.com"], "127.0.0.1 may not be called (host_not_listed)."),
    ],
)
def test_where_something_is_missing_nothing_leaves(
    platform: Simulator, settings: Any, config: dict[str, str], hosts: list[str], error: str
) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = hosts
    assert write(transfer(platform.receiver("crm"), **config).error) == error
    assert platform.received("crm")["requests"] == 0
