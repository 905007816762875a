"""A held batch goes through the gate."""

import pytest

from sendouts.models import Answer, DecisionVerdict
from tests.gate import Gate, download_uri, finish_uri

FORMATS = [
    {"format": "json"},
    {"format": "json_object"},
    {"format": "ndjson", "gzip": "header"},
    {"format": "ndjson", "gzip": "body"},
    {"format": "csv", "delimiter": ";", "encoding": "windows-1252"},
    {"format": "csv", "delimiter": "\t", "encoding": "utf-8-sig"},
]


@pytest.mark.parametrize("shape", FORMATS, ids=lambda shape: "-".join(shape.values()).replace("\t", "tab"))
def test_everybody_leaves_on_the_right_way_whatever_the_format(gate: Gate, shape: dict[str, str]) -> None:
    project = gate.project(consent=False)
    # CSV has no nested properties; both ways of writing name the same field.
    gate.define(project)
    sent = gate.fire(contacts=500, **shape)
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["waiting"]) == (450, 50, 0)
    assert seen["violations"] == [] and seen["calls"]["download"] == 1
    batch = gate.batch()
    assert (batch.status, batch.outcome, batch.total, batch.rejected, batch.confirmed) == (
        "finished",
        "released",
        500,
        50,
        50,
    )
    assert gate.words() == ["planned", "screened", "accepted", "delivered", "finish_sent", "finished"]


def test_every_contact_gets_a_decision_with_reason_and_action(gate: Gate) -> None:
    gate.project()
    gate.fire(contacts=20)
    gate.work()
    rejected = [row for row in gate.decisions() if row.verdict == DecisionVerdict.REJECTED]
    assert [row.contact_id for row in rejected] == ["A-000010", "A-000020"]
    assert {(row.text, row.action, row.answer) for row in rejected} == {
        ("No consent", "consent-check", Answer.CONFIRMED)
    }
    assert [row.row for row in gate.decisions()] == list(range(20))
    assert gate.batch().reasons[0][2:] == ["No consent", "consent-check", 2]


def test_a_sendouts_actions_are_merged_with_the_projects(gate: Gate) -> None:
    from actions.models import Sendout

    project = gate.project()
    sendout = Sendout.objects.create(project=project, journey="Welcome", name="Day 1")
    rule = {"field": "properties.age", "reject_if": {"less": 18}, "if_missing": "accept", "reason": "Minor"}
    gate.define(sendout, "adults", run="always", config=rule)
    rows = [
        {"contactId": "A", "properties": {"consent": True, "age": 20}},
        {"contactId": "B", "properties": {"consent": False, "age": 12}},
        {"contactId": "C", "properties": {"consent": True, "age": 12}},
    ]
    sent = gate.fire(rows=rows, due=["B", "C"])
    gate.work()
    assert [(row.contact_id, row.text) for row in gate.decisions() if row.verdict == DecisionVerdict.REJECTED] == [
        ("B", "No consent"),
        ("C", "Minor"),
    ]
    origins = [[origin["level"] for origin in action["origins"]] for action in gate.batch().actions()]
    assert origins == [["project"], ["sendout"]]
    assert gate.platform.sendout(sent["id"])["violations"] == []


def test_singles_are_judged_and_answered_together(gate: Gate) -> None:
    from sendouts.models import Batch

    gate.project()
    sent = gate.fire("single", hooks=60, no_consent=0.1)
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["finished"]) == (54, 6, 60)
    assert seen["violations"] == []
    assert dict_of_counts(Batch) == {"released": 54, "empty": 6}


def dict_of_counts(model: type) -> dict[str, int]:
    outcomes = list(model.objects.values_list("outcome", flat=True))
    return {word: outcomes.count(word) for word in set(outcomes)}


def test_a_duplicate_hook_is_one_delivery(gate: Gate) -> None:
    gate.project()
    sent = gate.fire()
    gate.platform.fire(sent["id"])
    gate.take_in()
    gate.work()
    gate.platform.fire(sent["id"])
    gate.take_in()
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert seen["calls"]["finish"] == 1 and seen["violations"] == []
    assert gate.words().count("duplicate") == 2


def test_the_same_release_address_with_another_file_waits_for_a_person(gate: Gate) -> None:
    gate.project()
    gate.fire(contacts=10)
    gate.work()
    from sendouts.models import Batch

    finished = Batch.objects.get()
    body = (
        b'{"finishUri": "%s", "itemDownloadUri": "%s?again", "projectName": "Newsletter", "actions": ["consent-check"]}'
    )
    gate.store(body % (finish_uri(finished).encode(), download_uri(finished).encode()))
    gate.work()
    second = Batch.objects.exclude(pk=finished.pk).get()
    assert (second.status, second.attention) == ("in_review", "same_finish") or second.attention == "no_download"


def test_a_file_without_contacts_is_held(gate: Gate) -> None:
    gate.project()
    gate.fire(rows=[])
    gate.work()
    assert (gate.batch().status, gate.batch().held_for) == ("in_review", ["no_contacts"])


def test_more_rows_than_a_chunk_keep_their_order_and_sums(gate: Gate, settings: object) -> None:
    settings.CHUNK_ROWS = 7  # type: ignore[attr-defined]
    gate.project()
    sent = gate.fire(contacts=100)
    gate.work()
    assert gate.batch().chunks.count() == 15
    assert [row.contact_id for row in gate.decisions()] == [f"A-{number:06d}" for number in range(1, 101)]
    assert gate.platform.sendout(sent["id"])["rejected"] == 10
