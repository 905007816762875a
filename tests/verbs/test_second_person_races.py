"""Two people who accept, in real threads: never one for two, never a change that nobody of them saw."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from actions.models import Project
from sendouts import rules as sendout_rules
from sendouts.models import Batch, DecisionVerdict
from sendouts.verbs import Accept, ChangeDecisions, RunAgain, TakeBack
from tests.factories import batch as a_batch
from tests.gate import carry_out
from tests.verbs.racing import ROUNDS, race
from tests.verbs.rows import words

pytestmark = pytest.mark.django_db(transaction=True)


def held(**rules: Any) -> Batch:
    made = a_batch(accepted=3, rejected=2)
    Project.objects.filter(pk=made.project_id).update(**(rules or {"second_person_from": 5}))
    return Batch.objects.get(pk=made.pk)


def accepting(batch: Batch, user: User, revision: int | None) -> Any:
    return lambda: carry_out(Accept(), batch, user, revision=revision)


def first(batch: Batch, user: User) -> Batch:
    accepting(batch, user, batch.revision)()
    return Batch.objects.get(pk=batch.pk)


def changing(batch: Batch, user: User) -> Any:
    ids = [batch.first_decision]
    return lambda: carry_out(ChangeDecisions(ids, DecisionVerdict.ACCEPTED), batch, user)


def test_two_people_who_accept_at_once_are_first_and_too_early(anna: User, ben: User) -> None:
    for _ in range(ROUNDS):
        batch = held()
        said = race(accepting(batch, anna, batch.revision), accepting(batch, ben, batch.revision))
        assert sorted(said) == ["changed", "done"]
        found = Batch.objects.get(pk=batch.pk)
        assert found.status == "in_review" and sendout_rules.is_first_accepted(found)
        other = ben if found.first_accepted_by == anna else anna
        assert race(accepting(found, other, found.revision)) == ["done"]
        found.refresh_from_db()
        assert {found.first_accepted_by, found.second_accepted_by} == {anna, ben}


def test_two_people_who_do_not_say_what_they_saw_complete_it_once(anna: User, ben: User) -> None:
    for _ in range(ROUNDS):
        batch = held()
        assert race(accepting(batch, anna, None), accepting(batch, ben, None)) == ["done", "done"]
        found = Batch.objects.get(pk=batch.pk)
        assert found.status == "accepted" and {found.first_accepted_by, found.second_accepted_by} == {anna, ben}
        assert words(batch).count("accepted") == 1


def test_one_person_who_accepts_many_times_at_once_is_one(anna: User) -> None:
    for _ in range(ROUNDS):
        batch = held()
        said = race(*[accepting(batch, anna, None)] * 4)
        assert sorted(said) == ["done", *["second_person"] * 3]
        assert Batch.objects.get(pk=batch.pk).status == "in_review"
        assert words(batch).count("first_accepted") == 1


@pytest.mark.parametrize("what", ["change", "take back", "run again"])
def test_the_second_acceptance_never_passes_a_change(anna: User, ben: User, what: str) -> None:
    for _ in range(ROUNDS):
        batch = first(held(), anna)
        calls = {
            "change": changing(batch, anna),
            "take back": lambda batch=batch: carry_out(TakeBack(), batch, anna),
            "run again": lambda batch=batch: carry_out(RunAgain(), batch, anna),
        }
        said = race(accepting(batch, ben, batch.revision), calls[what])
        found = Batch.objects.get(pk=batch.pk)
        assert sorted(said) in (["changed", "done"], ["done", "moved_on"])
        if said[0] == "done":
            assert found.status == "accepted" and found.second_accepted_by == ben
            assert "changed" not in words(batch) and "taken_back" not in words(batch)
        else:
            assert found.status in {"in_review", "planned"} and not sendout_rules.is_first_accepted(found)


def test_the_first_acceptance_and_a_change_do_not_both_count(anna: User, ben: User) -> None:
    for _ in range(ROUNDS):
        batch = held()
        said = race(accepting(batch, anna, batch.revision), changing(batch, ben))
        assert sorted(said) == ["changed", "done"]
        found = Batch.objects.get(pk=batch.pk)
        assert sendout_rules.is_first_accepted(found) == (said[0] == "done")


def test_who_changes_and_accepts_at_once_does_not_accept_alone(anna: User) -> None:
    for _ in range(ROUNDS):
        batch = held(no_own_changes=True)
        race(accepting(batch, anna, None), changing(batch, anna))
        found = Batch.objects.get(pk=batch.pk)
        order = words(batch)
        # Accepted before it was changed: then the change was refused.
        assert (found.status == "accepted") != ("changed" in order)
