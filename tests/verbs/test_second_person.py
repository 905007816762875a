"""Where two people must accept: by size, and for whoever changed decisions; on every path, and never the same person twice."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from actions.models import Project
from sendouts import lifecycle, rules
from sendouts.models import Batch, DecisionVerdict, Event, Status
from sendouts.outlook import forecast
from sendouts.stages import review
from sendouts.verbs import Accept, ChangeAlike, ChangeDecisions, Reject, StopRelease, TakeBack
from sendouts.verbs.change_many import Which
from tests.factories import batch as a_batch
from tests.gate import person, reviewer
from tests.verbs.rows import do, let_the_clock_act, now_of, refusal
from work import claims

pytestmark = pytest.mark.django_db


def held(*, second_person_from: int | None = 5, no_own_changes: bool = False, **columns: Any) -> Batch:
    made = a_batch(**({"accepted": 3, "rejected": 2} | columns))
    Project.objects.filter(pk=made.project_id).update(
        second_person_from=second_person_from, no_own_changes=no_own_changes
    )
    return now_of(made)


def accept(made: Batch, user: User, **given: Any) -> Batch:
    options = {name: given.pop(name) for name in ("undecided", "take_on", "together") if name in given}
    return do(Accept(**options), made, user, **given)


def change(made: Batch, user: User, verdict: DecisionVerdict = DecisionVerdict.ACCEPTED) -> Batch:
    return do(ChangeDecisions([made.first_decision], verdict), made, user)


def test_below_the_size_one_person_is_enough_and_from_it_on_two_are_needed(anna: User, ben: User) -> None:
    for alone in (held(second_person_from=None), held(second_person_from=6)):
        done = accept(alone, anna)
        assert (done.status, done.first_accepted_by, done.second_accepted_by) == ("accepted", None, None)
    made = held()
    first = accept(made, anna)
    assert (first.status, first.first_accepted_by, first.first_undecided) == ("in_review", anna, "reject")
    assert rules.is_first_accepted(first)
    event = Event.objects.filter(batch=first).last()
    assert (event.word, event.user) == ("first_accepted", anna)
    done = accept(made, ben, note="Looked as well.")
    assert (done.status, done.first_accepted_by, done.second_accepted_by) == ("accepted", anna, ben)
    event = Event.objects.filter(batch=made, new="accepted").get()
    assert (event.user, event.data["first_by"], event.note) == (ben, anna.pk, "Looked as well.")


def test_the_same_person_twice_is_not_two_persons(anna: User) -> None:
    for user in (anna, User.objects.create_superuser("root")):
        made = held()
        accept(made, user)
        problem = refusal(Accept(), made, user)
        assert problem.code == "second_person"
        assert "You accepted as first person at" in str(problem) and "a second person is needed" in str(problem)


@pytest.mark.parametrize("what", ["decision", "clock", "release stopped"])
def test_whatever_changes_the_batch_voids_the_first_acceptance(anna: User, ben: User, what: str) -> None:
    made = accept(held(), anna)
    if what == "decision":
        change(made, ben)
    elif what == "clock":
        # What any stage says of a batch that others see raises its revision.
        lifecycle.change(made, "cleared", now=timezone.now())
    else:
        do(StopRelease(), accept(made, ben), ben)
    assert not rules.is_first_accepted(now_of(made))
    again = accept(made, ben)
    assert (again.status, again.first_accepted_by, again.second_accepted_by) == ("in_review", ben, None)
    assert accept(made, anna).status == "accepted"


def test_the_second_person_decides_on_what_the_first_one_saw(anna: User, ben: User) -> None:
    made = held(undecided=2)
    first = accept(made, anna, undecided="accept")
    assert (first.undecided, first.accepted, first.first_undecided) == (2, 3, "accept")
    problem = refusal(Accept(), made, ben, revision=made.revision)
    assert problem.code == "changed" and "anna: accepted as first person" in str(problem)
    problem = refusal(Accept(undecided="reject"), made, ben)
    assert problem.code == "other_choice" and "anna chose otherwise" in str(problem)
    done = accept(made, ben, undecided="accept")
    assert (done.status, done.accepted, done.undecided) == ("accepted", 5, 0)


def test_both_persons_answer_for_unreadable_rows(ben: User) -> None:
    carla, dora = (person(name, "view_batch", "review_batch", "take_on_batch") for name in ("carla", "dora"))
    made = held(unread=1, addresses=False, attention="unread_rows")
    accept(made, carla, take_on=True)
    refused = refusal(Accept(take_on=True), made, ben)
    assert refused.code == "not_allowed"
    assert str(refused) == "You may decide on this batch, but not take this on. Ask somebody who may."
    assert refusal(Accept(), made, ben).code == "unread_rows"
    assert accept(made, dora, take_on=True).status == "accepted"


def test_nobody_accepts_alone_what_they_changed(anna: User, ben: User) -> None:
    made = change(held(second_person_from=None, no_own_changes=True), anna)
    assert rules.changed_by(made, anna) == 1
    # A change that was taken back is still a change.
    made = change(made, anna, DecisionVerdict.REJECTED)
    assert rules.changed_by(made, anna) == 2
    first = accept(made, anna)
    assert (first.status, first.first_accepted_by) == ("in_review", anna)
    assert accept(made, ben).status == "accepted"
    # Whoever changed nothing is enough alone.
    done = accept(change(held(second_person_from=None, no_own_changes=True), anna), ben)
    assert (done.status, done.first_accepted_by) == ("accepted", None)


@pytest.mark.parametrize("columns", [{"undecided": 2}, {"unread": 1}])
def test_nobody_releases_alone_what_no_check_accepted_where_nobody_accepts_own_changes(
    ben: User, columns: dict[str, int]
) -> None:
    carla = person("carla", "view_batch", "review_batch", "take_on_batch")
    rule: dict[str, Any] = {"second_person_from": None, "no_own_changes": True}
    first = accept(held(**rule, **columns), carla, undecided="accept")
    assert (first.status, first.first_accepted_by) == ("in_review", carla)
    assert accept(held(**rule, **columns), carla).status == "accepted", "who rejects them needs nobody"
    assert accept(held(second_person_from=None, **columns), carla, undecided="accept").status == "accepted"


def test_a_rule_that_held_when_the_batch_came_is_not_lifted_for_it(anna: User) -> None:
    made = held(second_person_from=None)
    Batch.objects.filter(pk=made.pk).update(second_person_from=5)
    assert accept(made, anna).status == "in_review"
    changed = change(held(second_person_from=None), anna)
    Batch.objects.filter(pk=changed.pk).update(no_own_changes=True)
    assert accept(changed, anna).status == "in_review"


def test_who_changed_many_at_once_accepts_nothing_alone(anna: User) -> None:
    made = held(second_person_from=None, no_own_changes=True)
    do(ChangeAlike(Which(DecisionVerdict.REJECTED), DecisionVerdict.ACCEPTED), made, anna)
    assert rules.changed_by(now_of(made), anna) == 2
    assert accept(made, anna).status == "in_review"


def test_the_record_keeps_the_name_of_the_time(anna: User) -> None:
    made = accept(held(), anna)
    User.objects.filter(pk=anna.pk).update(username="anna.married")
    assert Event.objects.filter(batch=made).latest("id").author == "anna"


def test_the_first_person_takes_it_back_and_nobody_else(anna: User, ben: User) -> None:
    made = accept(held(), anna)
    assert refusal(TakeBack(), made, ben).code == "nothing"
    found = do(TakeBack(), made, anna)
    assert (found.first_accepted_by, found.first_accepted_at, found.first_revision) == (None, None, None)
    assert accept(made, ben).status == "in_review"
    assert do(Reject(), made, anna).status == "refused", "one person is enough to reject"


def test_a_set_is_as_large_as_all_its_batches(anna: User, ben: User) -> None:
    made = held(second_person_from=500)
    assert accept(made, anna, together=500).status == "in_review"
    assert refusal(Accept(), made, anna).code == "second_person", "nor does the same person complete it alone"
    found = accept(made, ben)
    assert (found.status, found.first_accepted_by, found.second_accepted_by) == ("accepted", anna, ben)
    assert accept(held(second_person_from=500), anna, together=499).status == "accepted"


def test_the_clock_is_no_second_person(anna: User) -> None:
    now = timezone.now()
    made = held(second_person_from=None, at_deadline="accept", due_at=now)
    assert forecast.acts_at(made, forecast.lately(now), now) is not None
    # Switched on while the batch waits: looked at anew when the moment has come.
    Project.objects.update(second_person_from=5)
    assert forecast.acts_at(now_of(made), forecast.lately(now), now) is None
    accept(made, anna)
    Batch.objects.update(due_at=now)
    left = let_the_clock_act(made)
    assert (left.status, left.due_at) == ("in_review", None) and rules.is_first_accepted(left)


def test_the_clock_accepts_nothing_that_a_person_changed_alone(anna: User) -> None:
    made = change(held(second_person_from=None, no_own_changes=True, at_deadline="accept"), anna)
    assert forecast.acts_at(made, forecast.lately(timezone.now()), timezone.now()) is None
    assert "changed" in review.reasons_to_hold(made)


def test_what_nobody_must_accept_needs_nobody() -> None:
    made = held(status=Status.SCREENED, due_at=timezone.now())
    review.settle(claims.take(Batch, [made.pk]), [made], timezone.now())
    assert now_of(made).status == "accepted"


def test_the_database_holds_that_two_persons_are_two(anna: User) -> None:
    made = held()
    values = {
        "first_accepted_by": anna,
        "first_accepted_at": timezone.now(),
        "first_revision": 1,
        "first_undecided": "reject",
    }
    rows = Batch.objects.filter(pk=made.pk)
    for wrong in (
        {**values, "second_accepted_by": anna},
        {"second_accepted_by": anna},
        {**values, "first_undecided": ""},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**wrong)
    rows.update(**values, second_accepted_by=reviewer("ben"))
