"""What an enemy may put into a hook or a contact file: a clear outcome, and the neighbours of a bad row go their way.

All bad rows are in one file, and all strange hooks in one gateway, so that each also stands for the neighbours of the
others. They go through the real stages to the database: this runs on SQLite and on PostgreSQL.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import pytest
import requests

from sendouts.models import Batch, Decision, DecisionVerdict, Webhook
from sendouts.symplify.payload import MAX_ACTIONS, Unreadable, is_readable
from sendouts.verbs import Accept
from sendouts.wording import batch_sentences
from simulator.client import Report
from tests.gate import Gate, carry_out, finish_uri, person
from tests.outbound.site import Site, reply
from tests.symplify.reading import bounded

Rows = list[dict[str, Any]]
Change = Callable[[dict[str, Any]], str]
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


def fire(gate: Gate, served: Callable[[bytes], str], spoil: Callable[[Rows], bytes]) -> Report:
    """Hold a batch of 40 contacts, of whom four may not get it, whose file an enemy has rewritten."""
    sent = gate.platform.create(
        "batch", contacts=40, project="Newsletter", journey="Welcome", sendout="Day 1", actions=["consent-check"]
    )
    hook = json.loads(gate.mailbox.pop())
    rows: Rows = requests.get(hook["itemDownloadUri"], timeout=5).json()
    hook["itemDownloadUri"] = served(spoil(rows))
    gate.store(json.dumps(hook).encode())
    return sent


def nobody_wrongly(gate: Gate, sent: Report) -> Report:
    seen = gate.platform.sendout(sent["id"])
    assert (seen["violations"], seen["released_due"], seen["wrongly_rejected"]) == ([], 0, 0)
    return seen


def with_rows(changes: list[Change]) -> Callable[[Rows], bytes]:
    """The file as an array in which the rows of the first contacts who may get it are spoilt, each in another way."""

    def spoil(rows: Rows) -> bytes:
        left = list(changes)
        parts = [left.pop(0)(dict(row)) if left and row["properties"]["consent"] else json.dumps(row) for row in rows]
        assert not left
        return ("[" + ",".join(parts) + "]").encode()

    return spoil


def changed(**values: Any) -> Change:
    return lambda row: json.dumps(row | values)


def with_text(more: str) -> Change:
    return lambda row: json.dumps(row)[:-1] + more + "}"


BAD_ROWS: list[tuple[Change, str]] = [
    (with_text(', "deep": ' + "[" * 100_000 + "]" * 100_000), "too_deep"),
    (changed(contactId="A" * 900_000), "too_long"),
    (lambda row: json.dumps(row | {"contactId": "digits"}).replace('"digits"', "9" * 4_301), "too_long"),
    (changed(city="A\0B"), "bad_text"),
    (changed(properties={"consent": True, "a": [{"b": "\0"}]}), "bad_text"),
    (lambda row: json.dumps(row | {"\ud800": 1}), "bad_text"),
    (changed(contactId=None), "no_id"),
    (changed(cancelUri=""), "no_uri"),
    (changed(cancelUri="http://x/" + "a" * 9_000), "too_long"),
    (lambda row: "[[[]]]", "not_an_object"),
]


def test_bad_rows_are_unread_and_cost_nobody_else(gate: Gate, served: Callable[[bytes], str]) -> None:
    gate.project(keep_contacts="all", keep_fields=["properties.city", "city"])
    sent = fire(gate, served, with_rows([change for change, _ in BAD_ROWS]))
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.attention_data["code"]) == ("in_review", "unread_rows", "too_deep")
    assert (batch.total, batch.accepted, batch.rejected, batch.unread) == (40, 26, 4, 10)
    assert batch_sentences.attention(batch)
    bad = Decision.objects.filter(unread=True).order_by("pk")
    assert [(each.reason, each.verdict) for each in bad] == [(code, DecisionVerdict.UNDECIDED) for _, code in BAD_ROWS]
    # Released by a person who answers for these rows, everybody else goes the right way.
    someone = person("someone", "review_batch", "take_on_batch")
    carry_out(Accept(undecided="accept", take_on=True), batch, someone, revision=None, note="Looked at it.")
    gate.work()
    seen = nobody_wrongly(gate, sent)
    assert (gate.batch().status, seen["accepted"], seen["rejected"]) == ("finished", 36, 4)


STRANGE_ROWS: list[Change] = [
    with_text(', "n": ' + "9" * 900_000),
    with_text(', "n": 0.' + "9" * 900_000),
    with_text(', "n": 1e999999'),
    with_text(', "x": 1' * 10_000),
    changed(**{f"k{place}": place for place in range(50_000)}),
    lambda row: json.dumps(row | {"city": "\u0323\u0301" * 200_000}, ensure_ascii=False),
    lambda row: json.dumps(row | {"": 1}),
    changed(city="\u202eevil\u202c\ufeff\u2028"),
]


def test_strange_rows_are_contacts_like_any_other(gate: Gate, served: Callable[[bytes], str]) -> None:
    project = gate.project(keep_contacts="all", keep_fields=["n", "city", "x", "k1"])
    rule = {"field": "city", "reject_if": {"equals": "Atlantis"}, "if_missing": "accept", "reason": "No such place"}
    gate.define(project, "places", run="always", config=rule)
    sent = fire(gate, served, with_rows(STRANGE_ROWS))
    gate.work()
    seen = nobody_wrongly(gate, sent)
    assert (gate.batch().status, seen["accepted"], seen["rejected"]) == ("finished", 36, 4)


@pytest.mark.parametrize(
    ("spoil", "attention", "code"),
    [
        (lambda rows: json.dumps(rows).encode()[:-40], "no_proven_end", "cut"),
        (
            lambda rows: gzip.compress(b"contactId;cancelUri\n" + b"1;2;3\n" * 2_000_010),
            "no_proven_end",
            "mostly_unread",
        ),
        (lambda rows: b"[" * 100_000 + b"]" * 100_000, "unread_rows", "too_deep"),
    ],
    ids=["cut", "bomb of rows", "deep"],
)
def test_a_hostile_file_waits_for_a_person_with_a_sentence(
    gate: Gate, served: Callable[[bytes], str], spoil: Callable[[Rows], bytes], attention: str, code: str
) -> None:
    gate.project()
    sent = fire(gate, served, spoil)
    gate.work(rounds=4)
    batch = gate.batch()
    assert (batch.attention, batch.attention_data["code"]) == (attention, code)
    assert batch.status in {"planned", "in_review"} and batch_sentences.attention(batch)
    assert Decision.objects.count() <= 20_000
    seen = nobody_wrongly(gate, sent)
    assert (seen["calls"]["finish"], seen["calls"]["reject"]) == (0, 0)


HOOKS = {
    "lists to the end": b"[" * 5 * MEGABYTE,
    "objects to the end": b'{"a":' * MEGABYTE,
    "items without end": b'{"finishUri":"https://x.example/","items":[' + b"{}," * 1_600_000 + b"1]}",
    "a million keys": b"{" + b",".join(b'"%d":1' % place for place in range(500_000)) + b"}",
    "spaces": b" " * 5 * MEGABYTE,
    "a string to the end": b'{"finishUri":"' + b"a" * 5 * MEGABYTE,
    "backslashes to the end": b'{"finishUri":"' + b"\\" * 5 * MEGABYTE,
}


@pytest.mark.parametrize("body", HOOKS.values(), ids=HOOKS)
def test_a_hostile_hook_is_told_to_be_unreadable_in_bounded_memory(body: bytes) -> None:
    with bounded(80 * MEGABYTE), pytest.raises(Unreadable):
        is_readable(body)


NUMBERS = count()


def hook(parts: Mapping[str, Any] = {}, **more: Any) -> bytes:
    """A hook of a single, that is about nobody real."""
    whole = {
        "finishUri": f"http://127.0.0.1:9/finish/{next(NUMBERS)}",
        "projectName": "Newsletter",
        "actions": ["consent-check"],
        "items": [{"contactId": "A", "rejectUri": "http://127.0.0.1:9/reject"}],
    }
    return json.dumps({**whole, **parts, **more}).encode()


STRANGE_HOOKS = {
    "a name of a million digits": hook().replace(b'"Newsletter"', b"9" * MEGABYTE),
    "a name of accents": hook(projectName="\u0323\u0301" * 300_000),
    "a name with NUL": hook(projectName="News\0letter"),
    "a contact id of 1 MB": hook(items=[{"contactId": "A" * MEGABYTE, "rejectUri": "http://127.0.0.1:9/r"}]),
    "an address with a lone surrogate": hook(items=[{"contactId": "A", "rejectUri": "http://127.0.0.1:9/\ud800"}]),
    "items of every kind": hook(items=[None, 1, "A", [], {}, {"contactId": {}}, True]),
    "actions of every kind": hook(actions=[None, 1, "", [], {}, {"name": {}}, {"id": "\0"}, "\ud800", 10**300]),
    "too many actions": hook(actions=[f"action-{place}" for place in range(5_000)]),
    "a deep action": hook(actions=[{"id": "consent-check", "a": json.loads("[" * 90 + "]" * 90)}]),
    "fifty thousand unknown keys": hook({f"k{place}": place for place in range(50_000)}),
    "an endless address": hook(finishUri="http://127.0.0.1:9/" + "a" * 100_000),
    "an address with NUL": hook(finishUri="http://127.0.0.1:9/\0"),
}


def test_strange_hooks_become_batches_that_release_nobody_and_cost_no_neighbour(gate: Gate) -> None:
    gate.project()
    neighbour = gate.fire("single", no_consent=0.0)
    gate.store(*STRANGE_HOOKS.values())
    # Long hooks come after the others.
    gate.plan()
    gate.work(rounds=2)
    assert not Webhook.objects.filter(due_at__isnull=False).exists(), "every hook has an outcome"
    batches = [each for each in Batch.objects.all() if not finish_uri(each).startswith(gate.platform.url)]
    assert len(batches) == len(STRANGE_HOOKS)
    for strange in batches:
        assert strange.status in {"in_review", "accepted", "delivered"} and strange.finish_status == 0
        # It waits for a person, or for a platform on port 9.
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
