"""Plain singles go from their plan to the release in one transaction, and leave the same rows as the lane of singles."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from sendouts.models import Batch, Chunk, Decision, Event, Webhook
from sendouts.stages import finishing
from sendouts.stages.plain import direct
from sendouts.symplify import client
from simulator.client import Report
from tests.gate import Gate

pytestmark = pytest.mark.django_db
# What is its own in each batch.
OWN = {
    *("id", "delivery_key", "finish_key", "finish_uri", "received_at", "deadline", "due_at", "decided_at", "ended_at"),
    *("finish_sent_at", "tell_at"),
}
TIMES = ("due_at", "decided_at", "ended_at", "finish_sent_at", "tell_at")


def rows_of(batch: Batch) -> dict[str, Any]:
    """All that is stored of a batch, without what differs from one to the next."""
    columns = {name: value for name, value in Batch.objects.filter(pk=batch.pk).values()[0].items() if name not in OWN}
    columns |= {f"has {name}": getattr(batch, name) is not None for name in TIMES}
    events = Event.objects.filter(batch=batch).order_by("pk").values_list("word", "old", "new", "revision", "data")
    decisions = Decision.objects.filter(pk__gte=batch.first_decision, pk__lt=batch.first_decision + 9)
    wanted = ("verdict", "unread", "reason", "text", "action", "answer", "kept")
    chunks = Chunk.objects.filter(batch=batch).values_list("number", "rows", "accepted", "rejected", "undecided")
    hook = Webhook.objects.filter(batch=batch).values_list("outcome", "detail", "due_at", "claim_id")
    parts = {"events": events, "decisions": decisions.values_list(*wanted), "chunks": chunks, "hook": hook}
    return columns | {name: list(found) for name, found in parts.items()}


def sent(gate: Gate, contact: Report, *, directly: bool) -> dict[str, Any]:
    """What is stored of a single with this contact, and what the platform saw."""
    report = gate.fire("single", rows=[contact])
    gate.plan(directly=directly)
    gate.work()
    batch = Batch.objects.order_by("pk").last()
    assert batch is not None
    seen = gate.platform.sendout(report["id"])
    return rows_of(batch) | {name: seen[name] for name in ("finished", "rejected", "violations")}


@pytest.mark.parametrize("review", ["never", "always"])
@pytest.mark.parametrize("consent", [{"consent": True}, {"consent": False}, {}])
def test_the_rows_are_those_of_the_lane(
    gate: Gate, review: str, consent: Report, caplog: pytest.LogCaptureFixture
) -> None:
    gate.project(review=review)
    contact = {"contactId": "A-1", "properties": consent}
    assert sent(gate, contact, directly=True) == sent(gate, contact, directly=False)
    assert "direct_failed" not in caplog.text


def test_a_plain_single_takes_one_transaction_to_its_release(gate: Gate, django_assert_max_num_queries: Any) -> None:
    gate.project()
    gate.fire("single", no_consent=0.0)
    gate.plan()
    gate.fire("single", sendout="Day 1", no_consent=0.0)
    with django_assert_max_num_queries(32):
        gate.plan()
    assert set(Batch.objects.values_list("status", "claim_id")) == {("finished", None)}


def test_a_check_that_fails_leaves_the_single_to_the_lane_and_its_people(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError

    gate.project()
    monkeypatch.setattr(direct, "carry", fail)
    report = gate.fire("single", no_consent=0.0)
    assert len(gate.plan()) == 1 and gate.batch().status == "planned"
    gate.work()
    assert gate.batch().status == "finished" and gate.platform.sendout(report["id"])["finished"] == 1


def test_more_than_one_writer_may_hold_stay_for_the_lane(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.project()
    monkeypatch.setitem(direct.MOST, connection.vendor, 2)
    gate.fire("single", hooks=3, no_consent=0.0)
    assert len(gate.plan()) == 3 and set(Batch.objects.values_list("status", flat=True)) == {"planned"}
    gate.work()
    assert set(Batch.objects.values_list("status", flat=True)) == {"finished"}


def test_a_release_that_fails_is_repeated_by_the_lane(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError

    gate.project()
    report = gate.fire("single", no_consent=0.0)
    with monkeypatch.context() as broken:
        broken.setattr(finishing, "call", fail)
        assert len(gate.plan()) == 1
    found = gate.batch()
    assert (found.status, found.finish_lost, found.finish_attempts, found.claim_id) == ("delivered", True, 1, None)
    assert found.finish_sent_at is not None and found.finish_sent_at <= timezone.now()
    gate.work()
    assert gate.words().count("finish_repeated") == 1
    assert gate.platform.sendout(report["id"])["finished"] == 1


# How hooks differ from a plain single's.
NOT_PLAIN = {
    "service": {"actions": ["ask"]},
    "address": {"finishUri": "http://elsewhere.example/finish"},
    "two": {"items": [{"contactId": f"A-{n}", "cancelUri": f"http://127.0.0.1:9/{n}"} for n in (1, 2)]},
    "effect": {"actions": ["tell"]},
}


@pytest.mark.parametrize("name", list(NOT_PLAIN))
def test_what_is_not_plain_is_left_planned(gate: Gate, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    screened: list[Batch] = []
    carry = direct.carry

    def watched(hooks: Any, batches: Any, now: Any) -> Any:
        screened.extend(batches)
        return carry(hooks, batches, now)

    monkeypatch.setattr(direct, "carry", watched)
    project = gate.project()
    gate.define(project, "ask", kind="consent_check", config={"url": "http://127.0.0.1:9/"})
    gate.define(project, "tell", kind="transfer_http", config={"url": "http://127.0.0.1:9/"})
    hook = {"projectName": "Newsletter", "journeyName": "Welcome", "sendoutName": "Day 1", "actions": ["consent-check"]}
    hook |= {"finishUri": "http://127.0.0.1:9/finish", "items": NOT_PLAIN["two"]["items"][:1]}
    gate.store(json.dumps(hook | NOT_PLAIN[name]).encode())
    assert len(gate.plan()) == 1
    assert (gate.batch().status, gate.words(), gate.decisions()) == ("planned", ["planned"], [])
    assert bool(screened) == (name == "address"), "the only one that screening finds"


def test_no_plain_single_is_released_after_its_deadline(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.project()
    report = gate.fire("single", no_consent=0.0)
    later = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(direct, "timezone", SimpleNamespace(now=lambda: later))
    gate.plan()
    assert (gate.batch().status, gate.batch().finish_sent_at) == ("delivered", None)
    assert gate.platform.sendout(report["id"])["calls"].get("finish", 0) == 0


def test_no_plain_single_is_released_while_its_host_takes_no_calls(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.project()
    monkeypatch.setattr(client, "wait_before", lambda platform, uri: 600.0)
    report = gate.fire("single", no_consent=0.0)
    assert len(gate.plan()) == 1
    assert (gate.batch().status, gate.batch().finish_sent_at) == ("delivered", None)
    assert gate.platform.sendout(report["id"])["calls"].get("finish", 0) == 0
