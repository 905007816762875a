"""Who got the message and who did not is told to another system after the release, at least once, and lost answers do no harm."""

import json
from typing import Any

import pytest
from django.utils import timezone

from actions.models import Credential
from actions.sentences import write
from sendouts.models import Batch, EffectRun, PendingEffect
from sendouts.services import credentials
from sendouts.stages import effects
from sendouts.verbs import SendAgain
from tests.gate import Gate, carry_out, reviewer
from tests.lanes import work_on
from work import claims

Entry = dict[str, Any]


@pytest.fixture(autouse=True)
def _known(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], True
    settings.CREDENTIALS = {}
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 0.0)


def transfer(gate: Gate, url: str, *, contacts: int = 100, finish: bool = True, **config: Any) -> None:
    """Release a batch of which one in ten does not consent, and tell of it."""
    project = gate.project()
    config = {"url": url, "page_size": 25, "parallel": 2} | config
    gate.define(project, "tell", kind="transfer_http", config=config, position=1)
    gate.fire(contacts=contacts, actions=["consent-check", "tell"])
    gate.work()
    assert gate.batch().status == "finished"
    if finish:
        follow()


def follow(rounds: int = 1) -> None:
    """What the sweep does once a batch has ended, as often as it comes to what must be tried again."""
    for _ in range(rounds):
        EffectRun.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
        work_on("effects", list(EffectRun.objects.filter(due_at__isnull=False).values_list("pk", flat=True)))


def run() -> EffectRun:
    return EffectRun.objects.get()


def entries(gate: Gate) -> list[Entry]:
    """Every contact that the receiver took, as often as it did."""
    return [entry for kept in gate.platform.received("crm")["kept"] for entry in json.loads(kept["body"])["contacts"]]


def test_everybody_is_told_of_with_what_was_decided_and_why(gate: Gate) -> None:
    transfer(gate, gate.platform.receiver("crm"), fields=["email", "properties.city", "nothing"])
    told = {entry["contact_id"]: entry for entry in entries(gate)}
    assert len(told) == len(entries(gate)) == 100
    assert [entry["verdict"] for entry in told.values()].count("rejected") == 10
    accepted, rejected = told["A-000001"], told["A-000010"]
    assert accepted["fields"] == {
        "email": "c000001@example.com",
        "properties.city": accepted["fields"]["properties.city"],
    }
    assert (rejected["reason"], rejected["text"]) == ("rule", "No consent")
    assert (accepted["reason"], accepted["text"]) == ("", "")
    first = json.loads(gate.platform.received("crm")["kept"][0]["body"])
    names = {"batch": gate.batch().pk, "project": "Newsletter", "journey": "Welcome", "sendout": "Day 1"}
    assert {key: value for key, value in first.items() if key != "contacts"} == names
    assert (run().done, run().ended_at is None) == (100, False) and not PendingEffect.objects.exists()


@pytest.mark.parametrize(("whom", "number"), [("accepted", 90), ("rejected", 10), ("all", 100)])
def test_only_those_are_told_of_who_are_meant(gate: Gate, whom: str, number: int) -> None:
    transfer(gate, gate.platform.receiver("crm"), whom=whom)
    assert len(entries(gate)) == number
    verdicts = {entry["verdict"] for entry in entries(gate)}
    assert verdicts == ({"accepted", "rejected"} if whom == "all" else {whom})


def test_of_a_contact_only_the_configured_fields_are_kept_and_sent(gate: Gate) -> None:
    transfer(gate, gate.platform.receiver("crm"), fields=["properties.city"], finish=False)
    assert all(set(json.loads(row.payload)) == {"properties.city"} for row in PendingEffect.objects.all())
    follow()
    assert "@example.com" not in json.dumps(gate.platform.received("crm")["kept"])


def test_lines_of_json_are_each_complete(gate: Gate) -> None:
    transfer(gate, gate.platform.receiver("crm"), format="ndjson", method="PUT", headers={"X-Tenant": "eu"})
    kept = gate.platform.received("crm")["kept"]
    lines = [json.loads(line) for page in kept for line in page["body"].splitlines()]
    assert len(lines) == 100 and {line["batch"] for line in lines} == {gate.batch().pk}
    assert {(page["headers"]["content-type"], page["headers"]["x-tenant"]) for page in kept} == {
        ("application/x-ndjson", "eu")
    }


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
def test_a_receiver_in_trouble_gets_everything_and_takes_it_once(gate: Gate, fault: dict[str, Any]) -> None:
    url = gate.platform.receiver("crm", faults=[{**fault, "times": 1}])
    transfer(gate, url, timeout=0.25, finish=False)
    follow(3)
    report = gate.platform.received("crm")
    assert run().ended_at is not None and run().done == 100
    assert report["violations"] == [] and report["faults"] == {fault["kind"]: 4}
    assert sorted(entry["contact_id"] for entry in entries(gate)) == [f"A-{n:06}" for n in range(1, 101)]


def test_a_page_that_was_sent_before_a_kill_comes_again_under_its_key(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer(gate, gate.platform.receiver("crm"), finish=False)

    def killed(*args: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("sendouts.stages.carry_out.EffectWork._settle", killed)
        with pytest.raises(SystemExit):
            follow()
    claims.drop_all(EffectRun)
    follow()
    report = gate.platform.received("crm")
    assert report["repeats"] > 0 and report["violations"] == []
    assert len(entries(gate)) == 100 and run().done == 100


def test_a_batch_that_nobody_may_hear_of_waits_for_a_person_who_sends_it_again(gate: Gate) -> None:
    url = gate.platform.receiver("crm", headers={"Authorization": "Bearer other"})
    transfer(gate, url)
    assert (write(run().error), run().due_at, run().done) == ("127.0.0.1 answered 401.", None, 0)
    assert effects.stuck_transfers(gate.batch().pk) == ["tell"]
    gate.platform.receiver("crm")
    carry_out(SendAgain(), gate.batch(), reviewer())
    follow()
    assert len(entries(gate)) == 100 and run().ended_at is not None


def test_a_page_that_is_refused_keeps_no_other_waiting(gate: Gate) -> None:
    transfer(gate, gate.platform.receiver("crm", faults=[{"kind": "status", "status": 422, "total": 1}]), parallel=1)
    assert (run().done, run().refused) == (75, 25)
    assert set(map(write, PendingEffect.objects.values_list("text", flat=True))) == {"127.0.0.1 answered 422."}
    carry_out(SendAgain(), gate.batch(), reviewer())
    follow()
    assert len(entries(gate)) == 100 and run().done == 100


CREDENTIALS = [
    ({"kind": "bearer"}, {"Authorization": "Bearer s3cret"}),
    ({"kind": "basic", "user": "gate"}, {"Authorization": "Basic Z2F0ZTpzM2NyZXQ="}),
    ({"kind": "header", "header": "X-Api-Key"}, {"X-Api-Key": "s3cret"}),
]


@pytest.mark.parametrize(("stored", "headers"), CREDENTIALS, ids=["bearer", "basic", "header"])
def test_a_named_credential_opens_the_receiver_and_another_signs(
    gate: Gate, stored: dict[str, str], headers: dict[str, str]
) -> None:
    Credential.objects.create(name="crm", secret="s3cret", **stored)
    Credential.objects.create(name="signing", secret="to sign with", kind="bearer")
    url = gate.platform.receiver("crm", headers=headers, secret="to sign with")
    transfer(gate, url, credential="crm", signature="signing")
    report = gate.platform.received("crm")
    assert (report["taken"], report["violations"]) == (4, [])
    assert "to sign with" not in json.dumps(report)


@pytest.mark.parametrize("stored", [stored for stored, _ in CREDENTIALS], ids=["bearer", "basic", "header"])
def test_the_secret_of_any_credential_may_sign(gate: Gate, stored: dict[str, str]) -> None:
    Credential.objects.create(name="signing", secret="whsec_c2VjcmV0IGJ5dGVz", **stored)
    transfer(gate, gate.platform.receiver("crm", secret="whsec_c2VjcmV0IGJ5dGVz"), signature="signing")
    assert gate.platform.received("crm")["taken"] == 4


def test_a_missing_credential_is_named_and_nothing_leaves(gate: Gate) -> None:
    transfer(gate, gate.platform.receiver("crm"), credential="crm")
    assert write(run().error) == "No credential is called “crm”."
    assert gate.platform.received("crm")["requests"] == 0


def test_a_host_that_staff_did_not_allow_hears_nothing(gate: Gate, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["crm.example.com"]
    transfer(gate, gate.platform.receiver("crm"))
    assert write(run().error) == "127.0.0.1 may not be called (host_not_listed)."
    assert gate.platform.received("crm")["requests"] == 0


def test_each_single_is_told_of_by_itself(gate: Gate) -> None:
    project = gate.project()
    config = {"url": gate.platform.receiver("crm")}
    gate.define(project, "tell", kind="transfer_http", config=config, position=1)
    gate.fire("single", actions=["consent-check", "tell"], hooks=20, no_consent=0.2)
    gate.work()
    follow()
    assert set(Batch.objects.values_list("status", flat=True)) == {"finished"}
    assert sorted({entry["verdict"] for entry in entries(gate)}) == ["accepted", "rejected"]
    assert len(entries(gate)) == 20
