"""A held batch goes through the gate."""

from collections import Counter
from typing import Any

import pytest

from actions.models import Sendout
from sendouts.models import Answer, Batch, DecisionVerdict
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
    # CSV has no nested properties; both ways of writing name the same field.
    gate.project()
    sent = gate.fire(contacts=500, **shape)
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["waiting"]) == (450, 50, 0)
    assert seen["violations"] == [] and seen["calls"]["download"] == 1
    batch = gate.batch()
    assert (batch.status, batch.outcome) == ("finished", "released")
    assert (batch.total, batch.rejected, batch.confirmed) == (500, 50, 50)
    assert gate.words() == ["planned", "screened", "accepted", "delivered", "finish_sent", "finished"]


def test_a_sendouts_actions_are_merged_with_the_projects(gate: Gate) -> None:
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
    gate.project()
    sent = gate.fire("single", hooks=60, no_consent=0.1)
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["finished"]) == (54, 6, 60)
    assert seen["violations"] == []
    assert Counter(Batch.objects.values_list("outcome", flat=True)) == {"released": 54, "empty": 6}


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
    finished = Batch.objects.get()
    body = (
        b'{"finishUri": "%s", "itemDownloadUri": "%s?again", "projectName": "Newsletter", "actions": ["consent-check"]}'
    )
    gate.store(body % (finish_uri(finished).encode(), download_uri(finished).encode()))
    gate.work()
    second = Batch.objects.exclude(pk=finished.pk).get()
    assert (second.status, second.attention) == ("in_review", "same_finish") or second.attention == "no_download"


def test_more_rows_than_a_chunk_keep_their_order_and_sums(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 7
    gate.project()
    gate.fire(contacts=100)
    gate.work()
    batch, rows = gate.batch(), gate.decisions()
    assert batch.chunks.count() == 15
    assert [(row.row, row.contact_id) for row in rows] == [(n, f"A-{n + 1:06d}") for n in range(100)]
    rejected = [row for row in rows if row.verdict == DecisionVerdict.REJECTED]
    told = {(row.text, row.action, row.answer) for row in rejected}
    assert told == {("No consent", "consent-check", Answer.CONFIRMED)}
    assert batch.reasons[0][2:] == ["No consent", "consent-check", len(rejected)]
