"""An act that is wrong in one way is refused, and changes nothing: each rule alone, on rows."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from actions.access import Reach
from sendouts.models import Attention, Batch, Decision, DecisionVerdict, Status
from sendouts.stages import review
from sendouts.verbs import Accept, ChangeDecisions, LiftHold, PutOnHold, Reject, TakeBack, WholeFile
from sendouts.verbs.base import Verb
from tests.factories import batch, sendout
from tests.gate import carry_out, person
from tests.verbs.rows import refusal

pytestmark = pytest.mark.django_db


def test_a_note_that_is_needed_is_there_and_no_spaces(anna: User) -> None:
    made = batch(accepted=1)
    assert [refusal(Reject(), made, anna, note=note).code for note in ("", " \n ")] == ["note_needed"] * 2


def test_a_batch_of_a_project_that_a_person_does_not_see_is_not_there(anna: User) -> None:
    Reach.objects.create(user=anna).projects.add(sendout("Own").project)
    made = batch(accepted=1, sendout=sendout("Another"))
    with pytest.raises(Batch.DoesNotExist):
        carry_out(Accept(), made, anna)
    assert Batch.objects.get(pk=made.pk).status == Status.IN_REVIEW


@pytest.mark.parametrize("wrong", [{"file_complete": False}, {"attention": Attention.NO_PROVEN_END}])
def test_a_file_without_a_proven_end_is_not_accepted(anna: User, wrong: dict[str, Any]) -> None:
    assert refusal(Accept(), batch(accepted=1, **wrong), anna).code == "not_complete"


@pytest.mark.parametrize("code", ["mostly_unread", "too_big"])
def test_a_file_that_was_given_up_is_not_stated_to_be_whole(db: None, code: str) -> None:
    wrong = {"attention": Attention.NO_PROVEN_END, "attention_data": {"code": code}, "file_complete": False}
    manager = person("manager", "view_batch", "take_on_batch")
    assert refusal(WholeFile(), batch(accepted=1, **wrong), manager, note="counted").code == "nothing"


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        (Accept("perhaps"), "bad_choice"),
        (TakeBack(), "nothing"),
        (LiftHold(), "nothing"),
        (ChangeDecisions([4_000_000_000], DecisionVerdict.ACCEPTED), "nothing"),
    ],
)
def test_what_has_no_sense_for_a_batch_is_refused(anna: User, verb: Verb[Any], code: str) -> None:
    assert refusal(verb, batch(accepted=1), anna).code == code


def test_a_batch_is_on_hold_once(anna: User) -> None:
    made = batch(accepted=1, at_deadline="accept")
    carry_out(PutOnHold(), made, anna)
    assert "on hold already" in str(refusal(PutOnHold(), made, anna))


def test_a_row_that_cannot_be_rejected_or_was_sent_is_not_changed(anna: User) -> None:
    made = batch(accepted=1, rejected=2)
    Decision.objects.filter(pk=made.first_decision + 2).update(uri=b"")
    Decision.objects.filter(pk=made.first_decision).update(answer=1)
    reject = ChangeDecisions([made.first_decision + 2], DecisionVerdict.REJECTED)
    assert refusal(reject, made, anna).code == "no_address"
    put_back = ChangeDecisions([made.first_decision, made.first_decision + 1], DecisionVerdict.ACCEPTED)
    assert refusal(put_back, made, anna).code == "final"
    assert review.count_reasons(made.pk) == made.reasons
