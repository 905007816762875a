"""Where two people must accept: by size, and for whoever changed decisions; on every path, and never the same person twice."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from actions.models import Project
from sendouts import rules as sendout_rules
from sendouts.models import Batch, DecisionVerdict, Event
from sendouts.outlook import forecast
from sendouts.stages import review
from sendouts.verbs import (
    Accept,
    ChangeAlike,
    ChangeDecisions,
    Reject,
    StopRelease,
    TakeBack,
    change_many,
    second_person,
)
from sendouts.verbs.base import NotDone
from tests.factories import batch as a_batch
from tests.gate import Gate, carry_out, person, reviewer
from tests.lanes import advance_batches, work_on

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def anna() -> User:
    return reviewer("anna")


@pytest.fixture
def ben() -> User:
    return reviewer("ben")


def held(*, second_person_from: int | None = None, no_own_changes: bool = False, **columns: Any) -> Batch:
    made = a_batch(**({"accepted": 3, "rejected": 2} | columns))
    rules = {"second_person_from": second_person_from, "no_own_changes": no_own_changes}
    Project.objects.filter(pk=made.project_id).update(**rules)
    return now_of(made)


def now_of(batch: Batch) -> Batch:
    return Batch.objects.select_related("project", "sendout", "plan", "first_accepted_by").get(pk=batch.pk)


def accept(batch: Batch, user: User, *, revision: int = 0, note: str = "Why.", **options: Any) -> Batch:
    seen = now_of(batch)
    carry_out(Accept(**options), seen, user, revision=revision or seen.revision, note=note)
    return now_of(batch)


def change(batch: Batch, user: User, row: int = 0) -> Batch:
    seen = now_of(batch)
    carry_out(ChangeDecisions([seen.first_decision + row], DecisionVerdict.ACCEPTED), seen, user)
    return now_of(batch)


def refused(call: Any, *args: Any, **more: Any) -> NotDone:
    with pytest.raises(NotDone) as found:
        call(*args, **more)
    return found.value


def test_one_person_is_enough_where_nothing_is_said(anna: User) -> None:
    found = accept(held(), anna)
    assert (found.status, found.first_accepted_by, found.second_accepted_by) == ("accepted", None, None)


def test_below_the_size_one_person_is_enough_and_from_it_on_two_are_needed(anna: User) -> None:
    assert accept(held(second_person_from=6), anna).status == "accepted"
    first = accept(held(second_person_from=5), anna)
    assert (first.status, first.first_accepted_by, first.first_undecided) == ("in_review", anna, "reject")
    assert sendout_rules.is_first_accepted(first)
    event = Event.objects.filter(batch=first).last()
    assert (event.word, event.user) == ("first_accepted", anna)


def test_a_second_person_completes_and_both_are_named(anna: User, ben: User) -> None:
    batch = held(second_person_from=5)
    accept(batch, anna)
    done = accept(batch, ben, note="Looked as well.")
    assert (done.status, done.first_accepted_by, done.second_accepted_by) == ("accepted", anna, ben)
    event = Event.objects.filter(batch=batch, new="accepted").get()
    assert (event.user, event.data["first_by"], event.note) == (ben, anna.pk, "Looked as well.")


def test_the_same_person_twice_is_not_two_persons(anna: User) -> None:
    batch = held(second_person_from=5)
    accept(batch, anna)
    problem = refused(accept, batch, anna)
    assert problem.code == "second_person"
    assert "You accepted as first person at" in str(problem) and "a second person is needed" in str(problem)
    assert now_of(batch).status == "in_review"
    root = User.objects.create_superuser("root")
    batch = held(second_person_from=5)
    accept(batch, root)
    assert refused(accept, batch, root).code == "second_person"


@pytest.mark.parametrize("what", ["decision", "clock", "release stopped"])
def test_whatever_changes_the_batch_voids_the_first_acceptance(anna: User, ben: User, what: str) -> None:
    batch = held(second_person_from=5)
    accept(batch, anna)
    if what == "decision":
        change(batch, ben)
    elif what == "clock":
        # What any stage says of a batch that others see raises its revision.
        review.lifecycle.change(now_of(batch), "cleared", now=timezone.now())
    else:
        accept(batch, ben)
        carry_out(StopRelease(), batch, ben, revision=None)
    assert not sendout_rules.is_first_accepted(now_of(batch))
    again = accept(batch, ben)
    assert (again.status, again.first_accepted_by, again.second_accepted_by) == ("in_review", ben, None)
    assert accept(batch, anna).status == "accepted"


def test_the_second_person_decides_on_what_the_first_one_saw(anna: User, ben: User) -> None:
    batch = held(second_person_from=5)
    before = batch.revision
    accept(batch, anna)
    problem = refused(accept, batch, ben, revision=before)
    assert problem.code == "changed" and "anna: accepted as first person" in str(problem)


def test_the_second_person_chooses_the_same_for_the_undecided(anna: User, ben: User) -> None:
    batch = held(second_person_from=5, undecided=2)
    first = accept(batch, anna, undecided="accept")
    assert (first.undecided, first.accepted, first.first_undecided) == (2, 3, "accept")
    problem = refused(accept, batch, ben, undecided="reject")
    assert problem.code == "other_choice" and "anna chose otherwise" in str(problem)
    done = accept(batch, ben, undecided="accept")
    assert (done.status, done.accepted, done.undecided) == ("accepted", 5, 0)


def test_both_persons_answer_for_unreadable_rows(anna: User, ben: User) -> None:
    taker = person("carla", "view_batch", "review_batch", "take_on_batch")
    batch = held(second_person_from=5, unread=1, addresses=False, attention="unread_rows")
    accept(batch, taker, take_on=True, note="Seen.")
    assert refused(accept, batch, ben, take_on=True, note="Seen.").code == "not_allowed"
    assert refused(accept, batch, ben).code == "unread_rows"
    other = person("dora", "view_batch", "review_batch", "take_on_batch")
    assert accept(batch, other, take_on=True, note="Seen.").status == "accepted"


def test_nobody_accepts_alone_what_they_changed(anna: User, ben: User) -> None:
    batch = held(no_own_changes=True)
    change(batch, anna)
    first = accept(batch, anna)
    assert (first.status, first.first_accepted_by) == ("in_review", anna)
    assert (
        second_person.why_two(first, anna) == "You changed 1 decision of this batch, so somebody else must accept it."
    )
    assert accept(batch, ben).status == "accepted"
    # Whoever changed nothing is enough alone.
    batch = held(no_own_changes=True)
    change(batch, anna)
    done = accept(batch, ben)
    assert (done.status, done.first_accepted_by) == ("accepted", None)


def test_a_change_that_was_taken_back_is_still_a_change(anna: User) -> None:
    batch = held(no_own_changes=True)
    change(batch, anna)
    seen = now_of(batch)
    carry_out(ChangeDecisions([seen.first_decision], DecisionVerdict.REJECTED), seen, anna)
    assert accept(batch, anna).status == "in_review"
    assert sendout_rules.changed_by(now_of(batch), anna) == 2


def test_who_changed_many_at_once_accepts_nothing_alone(anna: User, ben: User) -> None:
    batch = held(no_own_changes=True)
    which = change_many.Which(DecisionVerdict.REJECTED)
    bulk = carry_out(ChangeAlike(which, DecisionVerdict.ACCEPTED), batch, anna, note="Known.")
    work_on("changes", [bulk.pk])
    first = accept(batch, anna)
    assert (first.status, first.first_accepted_by) == ("in_review", anna)
    assert (
        second_person.why_two(first, anna) == "You changed 2 decisions of this batch, so somebody else must accept it."
    )
    assert accept(batch, ben).status == "accepted"


def test_the_first_person_takes_it_back_and_nobody_else(anna: User, ben: User) -> None:
    batch = held(second_person_from=5)
    first = accept(batch, anna)
    assert refused(carry_out, TakeBack(), first, ben).code == "nothing"
    carry_out(TakeBack(), first, anna)
    found = now_of(batch)
    assert (found.first_accepted_by, found.first_accepted_at, found.first_revision) == (None, None, None)
    assert refused(carry_out, TakeBack(), found, anna).code == "nothing"
    assert accept(batch, ben).status == "in_review"


def test_one_person_is_enough_to_reject(anna: User, ben: User) -> None:
    batch = held(second_person_from=5)
    first = accept(batch, anna)
    carry_out(Reject(), batch, ben, revision=first.revision)
    assert now_of(batch).status == "refused"


def test_the_answer_says_whether_it_was_the_first_of_two(anna: User, ben: User) -> None:
    batch = held(second_person_from=5)
    said = [carry_out(Accept(), batch, each, revision=None).status for each in (anna, ben)]
    assert said == ["in_review", "accepted"]


def test_a_set_is_as_large_as_all_its_batches(anna: User, ben: User) -> None:
    batch = held(second_person_from=500)
    assert accept(batch, anna, together=500).status == "in_review"
    assert accept(batch, ben, together=500).status == "accepted"
    assert accept(held(second_person_from=500), anna, together=499).status == "accepted"


def test_who_accepted_first_as_one_of_a_set_does_not_complete_it_alone(anna: User, ben: User) -> None:
    batch = held(second_person_from=11)
    accept(batch, anna, together=12)
    assert refused(accept, batch, anna).code == "second_person"
    found = accept(batch, ben)
    assert (found.status, found.first_accepted_by, found.second_accepted_by) == ("accepted", anna, ben)


def test_a_reviewer_who_may_not_take_on_is_not_told_that_they_may_not_decide(anna: User) -> None:
    batch = held(accepted=2, rejected=1, unread=1)
    refusal = refused(accept, batch, anna, undecided="accept")
    assert str(refusal) == "You may decide on this batch, but not take this on. Ask somebody who may."


def test_the_clock_is_no_second_person(gate: Gate, anna: User) -> None:
    project = gate.project(review="always", at_deadline="accept")
    gate.fire(contacts=20)
    gate.work()
    assert gate.batch().due_at is not None
    # Switched on while the batch waits: looked at anew when the moment has come.
    Project.objects.filter(pk=project.pk).update(second_person_from=20)
    accept(gate.batch(), anna)
    Batch.objects.update(due_at=timezone.now())
    advance_batches([gate.batch().pk])
    assert (gate.batch().status, gate.batch().due_at) == ("in_review", None)
    assert sendout_rules.is_first_accepted(gate.batch())


def test_a_batch_that_needs_two_is_never_due_by_the_clock(gate: Gate) -> None:
    gate.project(review="always", at_deadline="accept", second_person_from=20)
    gate.fire(contacts=20)
    gate.work()
    assert (gate.batch().status, gate.batch().due_at) == ("in_review", None)


def test_the_clock_accepts_nothing_that_a_person_changed_alone(anna: User) -> None:
    batch = held(no_own_changes=True, at_deadline="accept")
    known = forecast.lately(timezone.now())
    assert forecast.acts_at(batch, known, timezone.now()) is not None
    change(batch, anna)
    found = now_of(batch)
    assert forecast.acts_at(found, known, timezone.now()) is None
    assert "changed" in review.reasons_to_hold(found)


def test_what_nobody_must_accept_needs_nobody(gate: Gate) -> None:
    gate.project(review="never", second_person_from=10)
    sent = gate.fire(contacts=20)
    gate.work()
    assert gate.batch().outcome == "released"
    assert gate.platform.sendout(sent["id"])["violations"] == []


def test_the_database_holds_that_two_persons_are_two(anna: User) -> None:
    batch = held()
    values = {
        "first_accepted_by": anna,
        "first_accepted_at": timezone.now(),
        "first_revision": 1,
        "first_undecided": "reject",
    }
    rows = Batch.objects.filter(pk=batch.pk)
    for wrong in (
        {**values, "second_accepted_by": anna},
        {"second_accepted_by": anna},
        {**values, "first_undecided": ""},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**wrong)
    rows.update(**values, second_accepted_by=reviewer("ben"))
