"""Who waits for a person: the table of the design on rows, and what a download can do to a batch over the wire."""

from typing import Any

import pytest

from actions.models import Project
from sendouts.models import AllowedHost, Batch, Status
from sendouts.services import hosts
from sendouts.stages import review
from sendouts.symplify import source
from sendouts.verbs import TryAgain
from tests.factories import CONSENT, batch, plan
from tests.gate import Gate, carry_out, reviewer
from tests.stages.rows import now_of

# What is found, why it waits whatever the policy is, and why it waits where the policy is not `never`.
FOUND: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "nothing": ({}, [], []),
    "unknown action": ({"plan": [CONSENT, "vip-2026"]}, ["unknown_action"], []),
    "unknown action alone": ({"plan": ["vip-2026"]}, ["unknown_action"], []),
    "empty plan": ({"plan": []}, ["empty_plan"], []),
    "undecided contacts": ({"undecided": 1}, ["undecided"], []),
    "no contacts": ({"accepted": 0}, ["no_contacts"], []),
    "everybody rejected": ({"accepted": 0, "rejected": 3}, [], ["everybody_rejected"]),
    "a rejected single": ({"accepted": 0, "rejected": 1, "source": "single"}, [], []),
    "an action that rejected": ({"failures": [{"became": "reject"}]}, [], ["action_failed"]),
    "an action that accepted": ({"failures": [{"became": "accept"}]}, [], ["action_failed"]),
    "an action that held": ({"failures": [{"became": "undecided"}]}, [], []),
    "unusual": ({"anomalies": [{"code": "unusual_share"}] * 2}, [], ["unusual_share"]),
    "stopped by a person": ({"held_for": ["stopped", "undecided"]}, ["stopped"], []),
    "on hold before": ({"held_for": ["was_on_hold"]}, ["was_on_hold"], []),
}


@pytest.mark.django_db
@pytest.mark.parametrize("policy", ["never", "unusual", "always"])
@pytest.mark.parametrize("name", FOUND)
def test_the_table_of_who_waits(name: str, policy: str) -> None:
    columns, always, unusual = FOUND[name]
    if "plan" in columns:
        actions = [each for each in columns["plan"] if each is CONSENT]
        unknown = [each for each in columns["plan"] if each is not CONSENT]
        columns = columns | {"plan": plan(*actions, unknown=unknown)}
    found = now_of(batch(Status.SCREENED, decisions=False, **{"accepted": 2, "review": policy} | columns))
    wanted = always + (unusual if policy != "never" else []) + (["always"] if policy == "always" else [])
    assert sorted(review.reasons_to_hold(found)) == sorted(wanted)


@pytest.mark.django_db
@pytest.mark.parametrize("changed", [{"declared": False}, {"archived": True}])
def test_a_project_that_is_not_declared_or_is_archived_is_held(changed: dict[str, bool]) -> None:
    made = batch(Status.SCREENED, accepted=1)
    Project.objects.update(**changed)
    assert review.reasons_to_hold(now_of(made)) == ["unknown_project"]


def test_an_unknown_project_is_recorded_and_held_and_an_unknown_sendout_goes_on(gate: Gate) -> None:
    gate.fire(project="Never seen", actions=["consent-check"])
    gate.work()
    assert not Project.objects.get(name="Never seen").declared
    assert gate.batch().status == "in_review"
    assert gate.batch().held_for == ["unknown_project", "unknown_action"]
    gate.project()
    gate.fire(sendout="First time")
    gate.work()
    assert Batch.objects.get(project__name="Newsletter").status == "finished"


def test_an_action_that_nobody_defined_is_held(gate: Gate) -> None:
    gate.project()
    gate.fire(actions=["consent-check", {"identifier": "vip-2026", "level": 3}])
    gate.work()
    assert (gate.batch().status, gate.batch().held_for) == ("in_review", ["unknown_action"])
    assert gate.batch().plan.content["unknown"][0]["identifier"] == "vip-2026"


def test_a_hook_that_contradicts_itself_waits_and_names_why(gate: Gate) -> None:
    gate.project()
    gate.store(b'{"finishUri": "https://127.0.0.1/f", "projectName": "Newsletter", "actions": ["consent-check"]}')
    gate.work()
    found = gate.batch()
    assert (found.status, found.attention) == ("in_review", "hook_unclear")
    assert found.attention_data == {"problems": ["neither_file_nor_items"]}


def test_undecided_contacts_are_held(gate: Gate) -> None:
    gate.project()
    gate.fire(rows=[{"contactId": "A", "properties": {}}], due="none")
    gate.work()
    assert (gate.batch().status, gate.batch().undecided, gate.batch().held_for) == ("in_review", 1, ["undecided"])


@pytest.mark.parametrize(("kind", "contacts"), [("batch", 10), ("single", 1)])
def test_a_failed_action_is_told_for_the_contacts_of_each_batch(gate: Gate, kind: str, contacts: int) -> None:
    gate.define(gate.project(consent=False), kind="a_kind_that_left", config={}, on_failure="accept")
    gate.fire(kind, **{"contacts": 10} if kind == "batch" else {"hooks": 2}, no_consent=0)
    gate.work()
    for found in Batch.objects.all():
        (failure,) = found.failures
        assert (failure["became"], failure["contacts"], found.accepted) == ("accept", contacts, contacts)


def test_a_row_that_cannot_be_read_is_counted_and_named(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=20, format="ndjson", raw_lines=[[3, '{"contactId": "half']])
    gate.work()
    found = gate.batch()
    assert (found.status, found.attention, found.unread, found.total) == ("in_review", "unread_rows", 1, 21)
    assert found.attention_data == {"code": "bad_json", "place": 4, "rows": 1, "format": "ndjson"}
    assert (found.accepted, found.rejected) == (18, 2)
    assert gate.platform.sendout(sent["id"])["waiting"] == 20


def test_an_item_of_a_hook_that_cannot_be_read_is_counted_and_named(gate: Gate) -> None:
    gate.project()
    gate.fire("single", rows=[{"contactId": "", "properties": {"consent": True}}], due="none")
    gate.work()
    found = gate.batch()
    assert (found.status, found.attention, found.unread) == ("in_review", "unread_rows", 1)
    assert found.attention_data == {"code": "no_id", "text": "", "place": 1, "rows": 1, "format": "hook"}


def test_a_cut_file_is_downloaded_again_and_then_waits(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=200, faults={"faults": [{"kind": "cut", "on": "download"}]})
    gate.work(rounds=5)
    found = gate.batch()
    assert (found.status, found.attention, found.file_complete) == ("in_review", "no_proven_end", False)
    seen = gate.platform.sendout(sent["id"])
    assert (seen["calls"]["download"], seen["waiting"], seen["rejected"]) == (3, 200, 0)


@pytest.mark.parametrize("differs", ["never", "once", "always"])
def test_a_file_that_differs_at_the_second_download_is_screened_from_the_start_once(
    gate: Gate, settings: Any, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    settings.CHUNK_ROWS = 20
    # So that rows before the cut are screened.
    monkeypatch.setattr(source, "PIECE", 1_000)
    gate.project()
    faults: list[dict[str, Any]] = [{"kind": "cut", "on": "download", "total": 1}]
    if differs != "never":
        faults.append({"kind": "differs", "on": "download"} | ({"total": 1} if differs == "once" else {}))
    sent = gate.fire(contacts=200, due="none", faults={"faults": faults})
    gate.work(rounds=4)
    found, seen = gate.batch(), gate.platform.sendout(sent["id"])
    assert (found.restarts, "restarted" in gate.words()) == (int(differs != "never"), differs != "never")
    assert (found.status, found.attention) == ("finished", ""), "what came at last is one whole file"
    assert (seen["released_due"], seen["calls"]["finish"]) == (0, int(found.status == "finished"))


def test_a_host_that_is_not_listed_is_never_called_until_staff_add_it(gate: Gate, settings: Any) -> None:
    settings.SYMPLIFY_ALLOWED_HOSTS = []
    gate.project()
    gate.fire()
    gate.work()
    found = gate.batch()
    assert (found.status, found.attention, found.due_at) == ("planned", "host_not_listed", None)
    assert found.attention_data["host"] == "127.0.0.1"
    AllowedHost.objects.create(entry="127.0.0.1")
    hosts._known.clear()
    carry_out(TryAgain(), found, reviewer())
    gate.work()
    assert gate.batch().status == "finished"


def test_a_download_that_fails_is_repeated_and_then_told(gate: Gate) -> None:
    gate.project()
    gate.fire(faults={"faults": [{"kind": "status", "on": "download", "status": 503, "total": 4}]})
    gate.work(rounds=3)
    assert (gate.batch().status, gate.batch().attention) == ("planned", "")
    gate.work()
    assert (gate.batch().status, gate.batch().attention) == ("planned", "no_download")
    assert gate.batch().due_at is not None
    gate.work()
    assert (gate.batch().status, gate.batch().attention) == ("finished", "")
