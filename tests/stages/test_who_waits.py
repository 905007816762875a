"""Who waits for a person: the table of the design, row by row."""

from typing import Any

import pytest

from actions.models import Project
from sendouts.models import AllowedHost
from sendouts.services import hosts
from sendouts.verbs import TryAgain
from tests.gate import Gate, carry_out, reviewer

EVERY_REVIEW = ["never", "unusual", "always"]
UNDECIDED_ROW = [{"contactId": "A", "properties": {}}, {"contactId": "B", "properties": {"consent": True}}]


@pytest.mark.parametrize("review", EVERY_REVIEW)
def test_an_unknown_project_is_recorded_and_held(gate: Gate, review: str) -> None:
    gate.fire(project="Never seen", actions=["consent-check"])
    gate.work()
    assert not Project.objects.get(name="Never seen").declared
    assert gate.batch().status == "in_review"
    assert gate.batch().held_for == ["unknown_project", "unknown_action"]


@pytest.mark.parametrize("review", EVERY_REVIEW)
def test_an_action_that_nobody_defined_is_held(gate: Gate, review: str) -> None:
    gate.project(review=review)
    gate.fire(actions=["consent-check", {"identifier": "vip-2026", "level": 3}])
    gate.work()
    assert gate.batch().status == "in_review" and "unknown_action" in gate.batch().held_for
    assert gate.batch().plan.content["unknown"][0]["identifier"] == "vip-2026"


def test_an_empty_plan_is_held(gate: Gate) -> None:
    gate.project()
    gate.fire(actions=[])
    gate.work()
    assert gate.batch().held_for == ["empty_plan"]


def test_a_hook_that_contradicts_itself_waits_and_names_why(gate: Gate) -> None:
    gate.project()
    gate.store(b'{"finishUri": "https://127.0.0.1/f", "projectName": "Newsletter", "actions": ["consent-check"]}')
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention) == ("in_review", "hook_unclear")
    assert batch.attention_data == {"problems": ["neither_file_nor_items"]}


def test_undecided_contacts_are_held(gate: Gate) -> None:
    gate.project()
    gate.fire(rows=UNDECIDED_ROW, due="none")
    gate.work()
    assert (gate.batch().status, gate.batch().undecided, gate.batch().held_for) == ("in_review", 1, ["undecided"])


def test_an_unknown_sendout_of_a_known_project_does_not_wait(gate: Gate) -> None:
    gate.project()
    gate.fire(sendout="First time")
    gate.work()
    assert gate.batch().status == "finished"


@pytest.mark.parametrize(
    ("review", "status"), [("never", "finished"), ("unusual", "in_review"), ("always", "in_review")]
)
def test_everybody_rejected_is_unusual(gate: Gate, review: str, status: str) -> None:
    gate.project(review=review)
    gate.fire(contacts=10, no_consent=1.0)
    gate.work()
    assert gate.batch().status == status


@pytest.mark.parametrize("review", ["never", "unusual"])
def test_a_rejected_single_is_not_unusual(gate: Gate, review: str) -> None:
    gate.project(review=review)
    gate.fire("single", no_consent=1.0)
    gate.work()
    assert (gate.batch().status, gate.batch().outcome) == ("finished", "empty")


@pytest.mark.parametrize(
    ("review", "status"), [("never", "finished"), ("unusual", "in_review"), ("always", "in_review")]
)
@pytest.mark.parametrize("became", ["reject", "accept"])
def test_a_failed_action_that_decides_is_unusual(gate: Gate, review: str, status: str, became: str) -> None:
    project = gate.project(review=review, consent=False)
    gate.define(project, kind="a_kind_that_left", config={}, on_failure=became)
    gate.fire(contacts=10, no_consent=0)
    gate.work()
    assert gate.batch().status == status
    assert gate.batch().failures[0]["became"] == {"reject": "reject", "accept": "accept"}[became]


def test_a_failed_action_holds_where_nothing_else_is_said(gate: Gate) -> None:
    project = gate.project(consent=False)
    gate.define(project, kind="a_kind_that_left", config={})
    gate.fire(contacts=10)
    gate.work()
    assert (gate.batch().status, gate.batch().undecided) == ("in_review", 10)


@pytest.mark.parametrize(
    ("review", "status"), [("never", "finished"), ("unusual", "finished"), ("always", "in_review")]
)
def test_a_usual_batch_waits_only_where_every_batch_does(gate: Gate, review: str, status: str) -> None:
    gate.project(review=review)
    gate.fire()
    gate.work()
    assert gate.batch().status == status


BROKEN: list[tuple[dict[str, Any], str, int]] = [
    ({"format": "ndjson", "raw_lines": [[3, '{"contactId": "half']]}, "bad_json", 4),
    ({"format": "json", "raw_lines": [[3, '"just text"']]}, "not_an_object", 4),
    ({"format": "csv", "raw_lines": [[3, "only one column"]]}, "bad_columns", 5),
]


@pytest.mark.parametrize("review", EVERY_REVIEW)
@pytest.mark.parametrize(("shape", "code", "place"), BROKEN, ids=[code for _, code, _ in BROKEN])
def test_a_row_that_cannot_be_read_is_counted_and_named(
    gate: Gate, review: str, shape: dict[str, Any], code: str, place: int
) -> None:
    gate.project(review=review)
    sent = gate.fire(contacts=20, **shape)
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.unread, batch.total) == ("in_review", "unread_rows", 1, 21)
    assert (batch.attention_data["code"], batch.attention_data["place"]) == (code, place)
    assert (batch.accepted, batch.rejected) == (18, 2)
    assert gate.platform.sendout(sent["id"])["waiting"] == 20


def test_a_cut_file_is_downloaded_again_and_then_waits(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=200, faults={"faults": [{"kind": "cut", "on": "download"}]})
    gate.work(rounds=5)
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.file_complete) == ("in_review", "no_proven_end", False)
    seen = gate.platform.sendout(sent["id"])
    assert (seen["calls"]["download"], seen["waiting"], seen["rejected"]) == (3, 200, 0)


def test_a_file_cut_once_is_whole_the_second_time(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 20
    gate.project()
    sent = gate.fire(contacts=200, faults={"faults": [{"kind": "cut", "on": "download", "total": 1}]})
    gate.work(rounds=2)
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["accepted"], seen["rejected"]) == ("finished", 180, 20)


def test_a_file_that_differs_at_the_second_download_is_screened_from_the_start_once(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 20
    gate.project()
    faults = [{"kind": "cut", "on": "download", "total": 1}, {"kind": "differs", "on": "download"}]
    gate.fire(contacts=200, due="none", faults={"faults": faults})
    gate.work(rounds=4)
    assert "restarted" in gate.words()
    assert gate.batch().restarts == 1


def test_a_host_that_is_not_listed_is_never_called(gate: Gate) -> None:
    gate.project()
    gate.store(
        b'{"finishUri": "https://symplify.example.com/f/1", "itemDownloadUri": "https://evil.example.com/file/1",'
        b' "projectName": "Newsletter", "actions": ["consent-check"]}'
    )
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.due_at) == ("planned", "host_not_listed", None)
    assert batch.attention_data["host"] == "evil.example.com"


def test_an_allowed_host_added_by_staff_counts_without_a_restart(gate: Gate, settings: Any) -> None:
    settings.SYMPLIFY_ALLOWED_HOSTS = []
    gate.project()
    gate.fire()
    gate.work()
    assert gate.batch().attention == "host_not_listed"
    AllowedHost.objects.create(entry="127.0.0.1")
    hosts._known.clear()

    batch = gate.batch()
    carry_out(TryAgain(), batch, reviewer())
    gate.work()
    assert gate.batch().status == "finished"


def test_a_download_that_fails_is_repeated_and_then_told(gate: Gate) -> None:
    gate.project()
    faults = {"faults": [{"kind": "status", "on": "download", "status": 503, "total": 5}]}
    gate.fire(faults=faults)
    gate.work(rounds=4)
    assert (gate.batch().status, gate.batch().attention) == ("planned", "no_download")
    assert gate.batch().due_at is not None
    gate.work(rounds=2)
    assert (gate.batch().status, gate.batch().attention) == ("finished", "")
