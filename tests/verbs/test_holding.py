"""A batch on hold: the clock leaves it, people may still decide, and lifting the hold brings back what was declared."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone, translation

from actions.models import Project
from sendouts.models import Batch, Event, EventWord, Hold
from sendouts.verbs import Accept, LiftHold, PutOnHold, RunAgain, StopRelease, hold
from sendouts.verbs.base import NotDone
from tests.gate import Gate, carry_out, reviewer


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def anna(db: None) -> User:
    return reviewer("anna")


def held(gate: Gate, declared: str = "accept") -> Batch:
    gate.project(review="always", at_deadline=declared)
    gate.fire(contacts=20)
    gate.work()
    assert gate.batch().status == "in_review"
    return gate.batch()


def put_on_hold(gate: Gate, user: User, **more: Any) -> Batch:
    return carry_out(PutOnHold(), gate.batch(), user, **{"note": "Waiting for the shop."} | more)


def lift(gate: Gate, user: User, **more: Any) -> Batch:
    return carry_out(LiftHold(), gate.batch(), user, **{"note": ""} | more)


def at_the_moment_of_the_clock(gate: Gate) -> None:
    """Three of sixty minutes are left: the margin of five has begun."""
    now = timezone.now()
    Batch.objects.update(received_at=now - timedelta(minutes=57), deadline=now + timedelta(minutes=3))


@pytest.mark.parametrize("declared", ["accept", "reject"])
def test_what_was_declared_does_not_act_on_a_batch_on_hold(gate: Gate, anna: User, declared: str) -> None:
    before = held(gate, declared)
    assert before.due_at is not None
    put_on_hold(gate, anna)
    batch = gate.batch()
    assert (batch.at_deadline, batch.due_at, batch.revision) == ("leave", None, before.revision + 1)
    assert (batch.hold.user, batch.hold.note, batch.hold.declared) == (anna, "Waiting for the shop.", declared)
    at_the_moment_of_the_clock(gate)
    gate.work()
    assert gate.batch().status == "in_review"
    event = Event.objects.get(word=EventWord.HELD)
    assert (event.user, event.note, event.data) == (anna, "Waiting for the shop.", {"declared": declared})


def test_only_this_batch_is_held(gate: Gate, anna: User) -> None:
    first = held(gate)
    put_on_hold(gate, anna)
    gate.fire(contacts=20)
    gate.work()
    other = Batch.objects.exclude(pk=first.pk).get()
    assert (other.at_deadline, Project.objects.get().at_deadline) == ("accept", "accept")


@pytest.mark.parametrize(("declared", "outcome"), [("accept", "released"), ("reject", "refused")])
def test_a_lifted_hold_lets_the_clock_act_again_at_its_moment(
    gate: Gate, anna: User, declared: str, outcome: str
) -> None:
    before = held(gate, declared)
    put_on_hold(gate, anna)
    lift(gate, anna, note="They agree.")
    batch = gate.batch()
    assert batch.at_deadline == declared
    assert batch.due_at is not None and abs(batch.due_at - before.due_at) < timedelta(seconds=1)
    assert not Hold.objects.exists()
    event = Event.objects.get(word=EventWord.HOLD_LIFTED)
    assert (event.user, event.note) == (anna, "They agree.")
    put_on_hold(gate, anna)
    at_the_moment_of_the_clock(gate)
    lift(gate, anna)
    gate.work()
    assert (gate.batch().status, gate.batch().outcome) == ("finished", outcome)


def test_people_decide_on_a_batch_on_hold_as_on_any_other_and_a_stop_finds_it_on_hold(gate: Gate, anna: User) -> None:
    held(gate)
    put_on_hold(gate, anna)
    carry_out(Accept(), gate.batch(), anna)
    assert hold.on_hold(gate.batch()) is None
    carry_out(StopRelease(), gate.batch(), anna)
    kept = hold.on_hold(gate.batch())
    assert kept is not None and kept.note == "Waiting for the shop."
    assert gate.batch().due_at is None


def test_a_batch_whose_checks_run_again_stays_on_hold(gate: Gate, anna: User) -> None:
    held(gate)
    put_on_hold(gate, anna)
    carry_out(RunAgain(), gate.batch(), anna, note="")
    gate.work()
    assert (gate.batch().status, gate.batch().at_deadline, gate.batch().due_at) == ("in_review", "leave", None)
    assert hold.on_hold(gate.batch()) is not None


def test_a_batch_on_hold_is_not_released_by_checks_that_run_again_and_find_nothing(gate: Gate, anna: User) -> None:
    project = gate.project(consent=False, review="never", at_deadline="accept")
    gate.fire(contacts=20)
    gate.work()
    assert gate.batch().held_for == ["unknown_action"]
    put_on_hold(gate, anna)
    gate.define(project)
    for _ in range(2):
        carry_out(RunAgain(), gate.batch(), anna, note="")
        gate.work()
        assert (gate.batch().status, gate.batch().held_for) == ("in_review", ["was_on_hold"])
    lift(gate, anna)
    carry_out(RunAgain(), gate.batch(), anna, note="")
    gate.work()
    assert gate.batch().status == "finished"


def test_nobody_holds_twice_or_lifts_what_nobody_holds(gate: Gate, anna: User) -> None:
    held(gate)
    with pytest.raises(NotDone, match="not on hold"):
        lift(gate, anna)
    put_on_hold(gate, anna)
    with pytest.raises(NotDone, match="on hold already"):
        put_on_hold(gate, anna)
    assert Hold.objects.get().declared == "accept"


def test_a_batch_that_was_to_time_out_anyway_is_held_as_a_note_for_others(gate: Gate, anna: User) -> None:
    held(gate, "leave")
    put_on_hold(gate, anna)
    lift(gate, anna)
    assert (gate.batch().at_deadline, gate.batch().due_at) == ("leave", None)
