"""Deadlines: per project and sendout, an hour where nothing is set, kept by the sweep alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from actions.models import Sendout
from gateway.lanes import make_sweep
from sendouts import deadlines, lifecycle
from sendouts.models import Batch, Webhook
from tests.gate import Gate
from tests.lanes import advance_batches

AT = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)


def test_an_hour_where_nothing_is_set(gate: Gate) -> None:
    gate.project()
    gate.fire()
    gate.plan()
    assert gate.batch().deadline - gate.batch().received_at == timedelta(hours=1)


def test_a_sendouts_own_time_wins_and_runs_from_when_the_hook_arrived(gate: Gate) -> None:
    project = gate.project(answer_within=timedelta(minutes=30))
    Sendout.objects.create(project=project, journey="Welcome", name="Day 1", answer_within=timedelta(minutes=10))
    gate.fire()
    arrived = timezone.now() - timedelta(minutes=3)
    Webhook.objects.update(received_at=arrived)
    gate.plan()
    assert gate.batch().deadline == arrived + timedelta(minutes=10)


def test_a_hook_that_is_planned_too_late_ends_at_once_without_a_download(gate: Gate) -> None:
    gate.project()
    sent = gate.fire()
    Webhook.objects.update(received_at=timezone.now() - timedelta(hours=2))
    gate.work()
    assert (gate.batch().status, gate.words()) == ("expired", ["expired"])
    assert gate.platform.sendout(sent["id"])["calls"]["download"] == 0


def test_the_sweep_ends_what_nobody_decided_and_counts_the_ways(gate: Gate) -> None:
    gate.project(review="always")
    gate.fire()
    gate.work()
    Batch.objects.update(deadline=timezone.now())
    make_sweep().round()
    batch = gate.batch()
    assert (batch.status, batch.timed_out, batch.due_at) == ("expired", 100, None)


def test_rejections_sent_before_the_deadline_are_told_from_those_that_timed_out(gate: Gate) -> None:
    gate.project()
    gate.fire(
        contacts=400, faults={"faults": [{"kind": "status", "on": "reject", "status": 500, "share": 0.5, "times": 99}]}
    )
    gate.work(rounds=2)
    confirmed = gate.batch().confirmed
    assert 0 < confirmed < 40
    Batch.objects.update(deadline=timezone.now())
    assert lifecycle.expire(timezone.now()) == [gate.batch().pk]
    assert gate.batch().timed_out == 400 - confirmed


def test_delivery_and_release_stop_at_the_deadline(gate: Gate) -> None:
    gate.project(review="always")
    sent = gate.fire()
    gate.work()
    Batch.objects.update(status="accepted", due_at=timezone.now(), deadline=timezone.now())
    advance_batches([gate.batch().pk])
    seen = gate.platform.sendout(sent["id"])
    assert (seen["calls"]["reject"], seen["calls"]["finish"], gate.batch().status) == (0, 0, "expired")


def test_a_single_past_its_deadline_does_not_stop_its_neighbours(gate: Gate) -> None:
    gate.project(review="always")
    sent = gate.fire("single", hooks=5, no_consent=1.0)
    gate.work()
    first = Batch.objects.order_by("pk").values_list("pk", flat=True)[0]
    Batch.objects.update(status="accepted", due_at=timezone.now())
    Batch.objects.filter(pk=first).update(deadline=timezone.now())
    advance_batches(list(Batch.objects.values_list("pk", flat=True)))
    assert Batch.objects.get(pk=first).status == "expired"
    assert Batch.objects.filter(status="finished").count() == 4
    assert gate.platform.sendout(sent["id"])["calls"]["reject"] == 4


@pytest.mark.parametrize(
    ("declared", "status", "ways"),
    [
        ("leave", "in_review", (0, 0)),
        ("accept", "finished", (90, 10)),
        ("reject", "finished", (0, 100)),
    ],
)
def test_what_happens_near_the_deadline_is_declared(
    gate: Gate, declared: str, status: str, ways: tuple[int, int]
) -> None:
    gate.project(review="always", at_deadline=declared)
    sent = gate.fire()
    gate.work()
    batch = gate.batch()
    if declared == "leave":
        assert batch.due_at is None
    else:
        expected = batch.deadline - timedelta(minutes=5)
        assert batch.due_at == expected, "the reserve is five minutes in an hour"
        Batch.objects.update(due_at=timezone.now())
        advance_batches([batch.pk])
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, (seen["accepted"], seen["rejected"])) == (status, ways)


@pytest.mark.parametrize("held_for", ["unknown_action", "attention"])
def test_the_clock_never_accepts_what_nobody_could_judge(gate: Gate, held_for: str) -> None:
    gate.project(review="never", at_deadline="accept")
    wanted: dict[str, Any] = {"actions": ["consent-check", "vip"]}
    if held_for == "attention":
        wanted = {"format": "ndjson", "raw_lines": [[3, "{"]]}
    gate.fire(**wanted)
    gate.work()
    assert (gate.batch().status, gate.batch().due_at) == ("in_review", None)


def test_accepting_near_the_deadline_rejects_the_undecided(gate: Gate) -> None:
    gate.project(at_deadline="accept")
    rows = [{"contactId": "A", "properties": {}}, {"contactId": "B", "properties": {"consent": True}}]
    sent = gate.fire(rows=rows, due="none")
    gate.work()
    Batch.objects.update(due_at=timezone.now())
    advance_batches([gate.batch().pk])
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"]) == (1, 1)


@pytest.mark.parametrize(
    ("minutes", "rejections", "before"),
    [
        (60, 0, timedelta(minutes=5)),
        (10, 0, timedelta(minutes=2)),
        (60, 100_000, timedelta(seconds=2_000)),
    ],
)
def test_the_reserve_grows_with_what_must_be_sent(minutes: int, rejections: int, before: timedelta) -> None:
    deadline = AT + timedelta(minutes=minutes)
    assert deadline - deadlines.acts_at(AT, deadline, rejections, 100.0) == before


@pytest.mark.parametrize(("minutes", "before"), [(60, timedelta(seconds=150)), (10, timedelta(seconds=60))])
def test_screening_leaves_half_of_the_reserve_to_the_answers(minutes: int, before: timedelta) -> None:
    deadline = AT + timedelta(minutes=minutes)
    assert deadline - deadlines.screening_ends(AT, deadline) == before


def test_a_clock_that_jumps_pauses_expiry(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.project(review="always")
    gate.fire()
    gate.work()
    sweep = make_sweep()
    sweep.round()
    later = timezone.now() + timedelta(hours=3)
    monkeypatch.setattr("work.sweep.timezone.now", lambda: later)
    sweep.round()
    assert gate.batch().status == "in_review"
    monkeypatch.undo()


def test_the_sweep_does_the_work_itself_when_nudges_do_not_arrive(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.project()
    sent = gate.fire()
    monkeypatch.setattr("work.sweep.nudge", lambda *_, **__: False)
    sweep = make_sweep()
    # In the test's own thread, which is the one that sees its transaction.
    monkeypatch.setattr(sweep._pool, "submit", lambda work, *given: work(*given))
    monkeypatch.setattr("work.sweep.close_old_connections", lambda: None)
    sweep.round()
    assert gate.batch().status == "finished"
    assert gate.platform.sendout(sent["id"])["violations"] == []
