"""What an enemy may put into a hook or a contact file: a clear outcome, and the neighbours of a bad row go their way.

The files go through the real stages, from the door's reading to the database: this runs on SQLite and on PostgreSQL.
"""

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from actions.sentences import write
from sendouts.models import Batch, Decision, DecisionVerdict, Webhook
from sendouts.symplify.payload import MAX_ACTIONS, Unreadable, is_readable
from sendouts.verbs import Accept
from sendouts.wording import batch_sentences
from simulator.client import Report
from tests.gate import Gate, carry_out, finish_uri, person
from tests.outbound.site import Site, reply

Rows = list[dict[str, Any]]
MEGABYTE = 1_000_000


@pytest.fixture
def served() -> Iterator[Callable[[bytes], str]]:
    """Serves a file as it is; gives its URI."""
    sites: list[Site] = []

    def serve(body: bytes) -> str:
        sites.append(Site(lambda request: reply(body=body)))
        return sites[-1].uri("/contacts")

    yield serve
    for site in sites:
        site.close()


def fire(gate: Gate, served: Callable[[bytes], str], spoil: Callable[[Rows], bytes], **wanted: Any) -> Report:
    """Hold a batch of 20 contacts, of whom two may not get it, whose file an enemy has rewritten."""
    sent = gate.platform.create(
        "batch", contacts=20, project="Newsletter", journey="Welcome", sendout="Day 1", actions=["consent-check"]
    )
    hook = json.loads(gate.mailbox.pop())
    rows: Rows = requests.get(hook["itemDownloadUri"], timeout=5).json()
    hook["itemDownloadUri"] = served(spoil(rows))
    gate.store(json.dumps(hook | wanted).encode())
    return sent


def nobody_wrongly(gate: Gate, sent: Report) -> Report:
    seen = gate.platform.sendout(sent["id"])
    assert (seen["violations"], seen["released_due"], seen["wrongly_rejected"]) == ([], 0, 0)
    return seen


def text(rows: Rows) -> str:
    return json.dumps(rows)


def with_row(change: Callable[[dict[str, Any]], str]) -> Callable[[Rows], bytes]:
    """The file as an array in which row 5, that of a contact who may get it, is spoilt."""

    def spoil(rows: Rows) -> bytes:
        parts = [json.dumps(row) for row in rows]
        parts[5] = change(dict(rows[5]))
        return ("[" + ",".join(parts) + "]").encode()

    return spoil


def deep(row: dict[str, Any]) -> str:
    return json.dumps(row)[:-1] + ', "deep": ' + "[" * 100_000 + "]" * 100_000 + "}"


BAD_ROWS = {
    "nested 100,000 levels deep": (deep, "too_deep"),
    "a contact id of 900 kB": (lambda row: json.dumps(row | {"contactId": "A" * 900_000}), "too_long"),
    "a contact id of 256": (lambda row: json.dumps(row | {"contactId": "A" * 256}), "too_long"),
    "a contact id of 4,301 digits": (
        lambda row: json.dumps(row).replace('"A-000006"', "9" * 4_301),
        "too_long",
    ),
    "NUL in the id": (lambda row: json.dumps(row | {"contactId": "A\0B"}), "bad_text"),
    "NUL in a field": (lambda row: json.dumps(row | {"city": "A\0B"}), "bad_text"),
    "NUL in a key": (lambda row: json.dumps(row | {"ci\0ty": "A"}), "bad_text"),
    "NUL deep inside": (
        lambda row: json.dumps(row | {"properties": {"consent": True, "a": [{"b": "\0"}]}}),
        "bad_text",
    ),
    "a lone surrogate in the id": (lambda row: json.dumps(row | {"contactId": "A\ud800"}), "bad_text"),
    "a lone surrogate in a field": (lambda row: json.dumps(row | {"city": "\udfff"}), "bad_text"),
    "a lone surrogate in a key": (lambda row: json.dumps(row | {"\ud800": 1}), "bad_text"),
    "no id": (lambda row: json.dumps(row | {"contactId": None}), "no_id"),
    "an id of spaces": (lambda row: json.dumps(row | {"contactId": "   "}), "no_id"),
    "an id that is a list": (lambda row: json.dumps(row | {"contactId": ["A"]}), "no_id"),
    "no address": (lambda row: json.dumps(row | {"cancelUri": ""}), "no_uri"),
    "an address of 9,000": (lambda row: json.dumps(row | {"cancelUri": "http://x/" + "a" * 9_000}), "too_long"),
    "a number": (lambda row: "1e5", "not_an_object"),
    "null": (lambda row: "null", "not_an_object"),
    "a list": (lambda row: "[[[]]]", "not_an_object"),
}


@pytest.mark.parametrize(("change", "code"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_unread_and_costs_nobody_else(
    gate: Gate, served: Callable[[bytes], str], change: Callable[[dict[str, Any]], str], code: str
) -> None:
    gate.project(keep_contacts="all", keep_fields=["properties.city", "city"])
    sent = fire(gate, served, with_row(change))
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.attention_data["code"]) == ("in_review", "unread_rows", code)
    assert (batch.total, batch.accepted, batch.rejected, batch.unread) == (20, 17, 2, 1)
    assert batch_sentences.attention(batch)
    bad = Decision.objects.get(unread=True)
    assert (bad.row, bad.verdict, bad.reason) == (5, DecisionVerdict.UNDECIDED, code)
    # Released by a person who answers for that row, everybody else goes the right way.
    someone = person("someone", "review_batch", "take_on_batch")
    carry_out(Accept(undecided="accept", take_on=True), batch, someone, revision=None, note="Looked at it.")
    gate.work()
    seen = nobody_wrongly(gate, sent)
    assert (gate.batch().status, seen["accepted"], seen["rejected"]) == ("finished", 18, 2)


STRANGE_ROWS = {
    "a number of a million digits": lambda row: json.dumps(row)[:-1] + ', "n": ' + "9" * 900_000 + "}",
    "a fraction of a million digits": lambda row: json.dumps(row)[:-1] + ', "n": 0.' + "9" * 900_000 + "}",
    "a number beyond all numbers": lambda row: json.dumps(row)[:-1] + ', "n": 1e999999}',
    "fifty thousand keys": lambda row: json.dumps(row | {f"k{place}": place for place in range(50_000)}),
    "half a million accents": lambda row: json.dumps(row | {"city": "\u0323\u0301" * 200_000}, ensure_ascii=False),
    "the same key ten thousand times": lambda row: json.dumps(row)[:-1] + ', "x": 1' * 10_000 + "}",
    "a key that is empty": lambda row: json.dumps(row | {"": 1}),
    "text from right to left": lambda row: json.dumps(row | {"city": "\u202eevil\u202c\ufeff\u2028"}),
}


@pytest.mark.parametrize("change", STRANGE_ROWS.values(), ids=STRANGE_ROWS)
def test_a_strange_row_is_a_contact_like_any_other(
    gate: Gate, served: Callable[[bytes], str], change: Callable[[dict[str, Any]], str]
) -> None:
    project = gate.project(keep_contacts="all", keep_fields=["n", "city", "x", "k1"])
    rule = {"field": "city", "reject_if": {"equals": "Atlantis"}, "if_missing": "accept", "reason": "No such place"}
    gate.define(project, "places", run="always", config=rule)
    sent = fire(gate, served, with_row(change))
    gate.work()
    seen = nobody_wrongly(gate, sent)
    assert (gate.batch().status, seen["accepted"], seen["rejected"]) == ("finished", 18, 2)


def bomb(rows: Rows) -> bytes:
    return gzip.compress(b"[" + b" " * 300 * MEGABYTE + text(rows)[1:].encode())


FILES = {
    "a bomb": (bomb, "no_proven_end", "too_big"),
    "a bomb in a bomb": (lambda rows: gzip.compress(bomb(rows)), "no_proven_end", "too_big"),
    "three layers of gzip": (
        lambda rows: gzip.compress(gzip.compress(gzip.compress(text(rows).encode()))),
        "no_proven_end",
        "not_a_contact_file",
    ),
    "100,000 levels": (lambda rows: b"[" * 100_000 + b"]" * 100_000, "unread_rows", "too_deep"),
    "100,000 levels of objects": (lambda rows: b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "no_proven_end", "too_deep"),
    "a million keys": (
        lambda rows: b"{" + b",".join(b'"k%d":[1]' % place for place in range(MEGABYTE)) + b"}",
        "no_proven_end",
        "too_big",
    ),
    "a row of 2 MB": (lambda rows: b'[{"contactId":"' + b"A" * 2 * MEGABYTE + b'"}]', "no_proven_end", "too_big"),
    "NUL and nothing else": (lambda rows: b"\0" * MEGABYTE, "no_proven_end", "not_a_contact_file"),
    "noise": (lambda rows: bytes(range(256)) * 4_000, "no_proven_end", "not_a_contact_file"),
    "UTF-16": (lambda rows: text(rows).encode("utf-16"), "no_proven_end", "not_a_contact_file"),
    "a page of HTML": (lambda rows: b"<html>" + text(rows).encode(), "no_proven_end", "not_a_contact_file"),
    "a cut": (lambda rows: text(rows).encode()[:-40], "no_proven_end", "cut"),
    "two files in one": (lambda rows: text(rows).encode() * 2, "no_proven_end", "bad_json"),
    "two lists in one": (
        lambda rows: json.dumps({"a": rows[:10], "b": rows[10:]}).encode(),
        "no_proven_end",
        "two_arrays",
    ),
}


@pytest.mark.parametrize(("spoil", "attention", "code"), FILES.values(), ids=FILES)
def test_a_hostile_file_waits_for_a_person_with_a_sentence_and_in_bounded_memory(
    gate: Gate, served: Callable[[bytes], str], spoil: Callable[[Rows], bytes], attention: str, code: str
) -> None:
    gate.project()
    sent = fire(gate, served, spoil)
    tracemalloc.start()
    gate.work(rounds=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    batch = gate.batch()
    assert (batch.attention, batch.attention_data["code"]) == (attention, code)
    assert batch.status in {"planned", "in_review"} and batch_sentences.attention(batch)
    assert peak < 40 * MEGABYTE
    seen = nobody_wrongly(gate, sent)
    assert (seen["calls"]["finish"], seen["calls"]["reject"]) == (0, 0)


HOOKS = {
    "lists to the end": b"[" * 5 * MEGABYTE,
    "objects to the end": b'{"a":' * MEGABYTE,
    "100,000 levels": b'{"finishUri":"https://x.example/","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "items without end": b'{"finishUri":"https://x.example/","items":[' + b"{}," * 1_600_000 + b"1]}",
    "numbers without end": b'{"finishUri":"https://x.example/","items":[' + b"1," * 2_400_000 + b"1]}",
    "a million keys": b"{" + b",".join(b'"%d":1' % place for place in range(500_000)) + b"}",
    "spaces": b" " * 5 * MEGABYTE,
    "NUL": b"\0" * 5 * MEGABYTE,
    "not UTF-8": b'{"finishUri":"https://x.example/\xff"}',
    "not a number": b'{"finishUri":"https://x.example/","a":NaN}',
    "a string to the end": b'{"finishUri":"' + b"a" * 5 * MEGABYTE,
    "backslashes to the end": b'{"finishUri":"' + b"\\" * 5 * MEGABYTE,
}


@pytest.mark.parametrize("body", HOOKS.values(), ids=HOOKS)
def test_a_hostile_hook_is_told_to_be_unreadable_in_bounded_memory(gate: Gate, body: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(Unreadable):
        is_readable(body)
    gate.store(body)
    gate.plan()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    hook = Webhook.objects.get()
    assert (hook.outcome, hook.due_at, Batch.objects.count()) == ("unreadable", None, 0)
    assert write(hook.detail) != hook.detail
    assert peak < 80 * MEGABYTE


def hook(**parts: Any) -> bytes:
    """A hook of a single, that is about nobody real."""
    whole = {
        "finishUri": "http://127.0.0.1:9/finish",
        "projectName": "Newsletter",
        "actions": ["consent-check"],
        "items": [{"contactId": "A", "rejectUri": "http://127.0.0.1:9/reject"}],
    }
    return json.dumps(whole | parts).encode()


STRANGE_HOOKS = {
    "a name of a million digits": hook().replace(b'"Newsletter"', b"9" * MEGABYTE),
    "a name of accents": hook(projectName="\u0323\u0301" * 300_000),
    "a name with NUL": hook(projectName="News\0letter"),
    "a name with a lone surrogate": hook(journeyName="\ud800"),
    "a name of 5,000": hook(sendoutName="a" * 5_000),
    "a contact id of 1 MB": hook(items=[{"contactId": "A" * MEGABYTE, "rejectUri": "http://127.0.0.1:9/r"}]),
    "a contact id with NUL": hook(items=[{"contactId": "A\0", "rejectUri": "http://127.0.0.1:9/r"}]),
    "an address with a lone surrogate": hook(items=[{"contactId": "A", "rejectUri": "http://127.0.0.1:9/\ud800"}]),
    "items of every kind": hook(items=[None, 1, "A", [], {}, {"contactId": {}}, True]),
    "actions of every kind": hook(actions=[None, 1, "", [], {}, {"name": {}}, {"id": "\0"}, "\ud800", 10**300]),
    "too many actions": hook(actions=[f"action-{place}" for place in range(5_000)]),
    "an action of accents": hook(actions=["\u0323\u0301" * 300_000]),
    "a deep action": hook(actions=[{"id": "consent-check", "a": json.loads("[" * 90 + "]" * 90)}]),
    "fifty thousand unknown keys": hook(**{f"k{place}": place for place in range(50_000)}),
    "an endless address": hook(finishUri="http://127.0.0.1:9/" + "a" * 100_000),
    "an address with NUL": hook(finishUri="http://127.0.0.1:9/\0"),
    "numbers that are no numbers": hook().replace(b'"Newsletter"', b"1e999"),
}


@pytest.mark.parametrize("body", STRANGE_HOOKS.values(), ids=STRANGE_HOOKS)
def test_a_strange_hook_becomes_a_batch_that_releases_nobody_and_costs_no_neighbour(gate: Gate, body: bytes) -> None:
    gate.project()
    neighbour = gate.fire("single", no_consent=0.0)
    gate.store(body)
    gate.work(rounds=2)
    assert not Webhook.objects.filter(due_at__isnull=False).exists(), "every hook has an outcome"
    strange = next(each for each in Batch.objects.all() if not finish_uri(each).startswith(gate.platform.url))
    assert strange.status in {"in_review", "accepted", "delivered"} and strange.finish_status == 0
    assert strange.held_for or strange.attention or strange.due_at, "it waits for a person, or for a platform on port 9"
    assert batch_sentences.holds(strange) or batch_sentences.attention(strange) or strange.due_at
    assert gate.platform.sendout(neighbour["id"])["accepted"] == 1


def test_actions_beyond_any_measure_hold_the_batch(gate: Gate) -> None:
    gate.define(gate.project(review="never"), "action-1")
    gate.store(STRANGE_HOOKS["too many actions"])
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.held_for[0]) == ("in_review", "unknown_action")
    assert len(batch.plan.content["unknown"]) <= MAX_ACTIONS + 1


def test_the_largest_hook_of_singles_goes_through(gate: Gate) -> None:
    gate.project()
    sent = gate.fire("single", contacts=2_000, no_consent=0.1)
    gate.work()
    seen = nobody_wrongly(gate, sent)
    assert (seen["accepted"], seen["rejected"]) == (1_800, 200)
