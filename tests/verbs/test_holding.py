"""A batch on hold: the clock leaves it, people may still decide, and lifting the hold brings back what was declared."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from sendouts.models import Batch, Event, EventWord, Hold
from sendouts.verbs import Accept, LiftHold, PutOnHold, RunAgain, StopRelease, hold
from tests.factories import batch
from tests.gate import Gate, carry_out
from tests.verbs.rows import do, let_the_clock_act, near_the_deadline

pytestmark = pytest.mark.django_db


def held(declared: str = "accept", **columns: Any) -> Batch:
    due_at = timezone.now() + timedelta(minutes=25)
    return batch(accepted=3, rejected=1, at_deadline=declared, due_at=due_at, **columns)


@pytest.mark.parametrize("declared", ["accept", "reject"])
def test_what_was_declared_does_not_act_on_a_batch_on_hold(anna: User, declared: str) -> None:
    made = do(PutOnHold(), held(declared), anna, note="Waiting for the shop.")
    assert (made.at_deadline, made.due_at, made.revision) == ("leave", None, 2)
    assert (made.hold.user, made.hold.note, made.hold.declared) == (anna, "Waiting for the shop.", declared)
    event = Event.objects.get(word=EventWord.HELD)
    assert (event.user, event.note, event.data) == (anna, "Waiting for the shop.", {"declared": declared})
    near_the_deadline(made)
    assert let_the_clock_act(made).status == "in_review"


@pytest.mark.parametrize(("declared", "status"), [("accept", "accepted"), ("reject", "refused")])
def test_a_lifted_hold_lets_the_clock_act_again_at_its_moment(anna: User, declared: str, status: str) -> None:
    made = do(PutOnHold(), held(declared), anna)
    made = do(LiftHold(), made, anna, note="They agree.")
    assert made.at_deadline == declared and not Hold.objects.exists()
    assert made.due_at is not None and timezone.now() < made.due_at < made.deadline
    event = Event.objects.get(word=EventWord.HOLD_LIFTED)
    assert (event.user, event.note) == (anna, "They agree.")
    do(PutOnHold(), made, anna)
    near_the_deadline(made)
    assert let_the_clock_act(do(LiftHold(), made, anna)).status == status


def test_people_decide_on_a_batch_on_hold_as_on_any_other_and_a_stop_finds_it_on_hold(anna: User) -> None:
    made = do(PutOnHold(), held(), anna)
    assert hold.on_hold(do(Accept(), made, anna)) is None
    made = do(StopRelease(), made, anna)
    assert hold.on_hold(made) is not None and made.due_at is None


def test_a_batch_on_hold_is_not_released_by_checks_that_run_again_and_find_nothing(gate: Gate, anna: User) -> None:
    project = gate.project(consent=False, review="never", at_deadline="accept")
    gate.fire(contacts=20)
    gate.work()
    assert gate.batch().held_for == ["unknown_action"]
    carry_out(PutOnHold(), gate.batch(), anna)
    gate.define(project)
    for _ in range(2):
        carry_out(RunAgain(), gate.batch(), anna)
        gate.work()
        made = gate.batch()
        assert (made.status, made.held_for, made.at_deadline) == ("in_review", ["was_on_hold"], "leave")
        assert hold.on_hold(made) is not None and made.due_at is None
    carry_out(LiftHold(), gate.batch(), anna)
    carry_out(RunAgain(), gate.batch(), anna)
    gate.work()
    assert gate.batch().status == "finished"


def test_a_batch_that_was_to_time_out_anyway_is_held_as_a_note_for_others(anna: User) -> None:
    made = do(LiftHold(), do(PutOnHold(), held("leave"), anna), anna)
    assert (made.at_deadline, made.due_at) == ("leave", None)
