"""An act that is wrong in one way is refused, and changes nothing: each rule alone, on rows."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone, translation

from actions.access_models import Reach
from sendouts.models import Attention, Batch, Status
from sendouts.verbs import Accept, Reject
from sendouts.verbs.base import NotDone
from tests.factories import batch, sendout
from tests.gate import carry_out, reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def refusal(verb: Any, made: Batch, user: User, **given: Any) -> str:
    """The code with which an act is refused; the batch is as it was."""
    with pytest.raises(NotDone) as refused:
        carry_out(verb, made, user, **given)
    now = Batch.objects.get(pk=made.pk)
    assert (now.status, now.revision) == (made.status, made.revision)
    return refused.value.code


def test_a_note_that_is_needed_is_there_and_no_spaces() -> None:
    made, user = batch(accepted=1), reviewer()
    assert refusal(Reject(), made, user, note="") == "note_needed"
    assert refusal(Reject(), made, user, note=" \n ") == "note_needed"


def test_a_batch_of_a_project_that_a_person_does_not_see_is_not_there() -> None:
    user = reviewer()
    Reach.objects.create(user=user).projects.add(sendout("Own").project)
    made = batch(accepted=1, sendout=sendout("Another"))
    with pytest.raises(Batch.DoesNotExist):
        carry_out(Accept(), made, user)
    assert Batch.objects.get(pk=made.pk).status == Status.IN_REVIEW


@pytest.mark.parametrize("wrong", [{"file_complete": False}, {"attention": Attention.NO_PROVEN_END}])
def test_a_file_without_a_proven_end_is_not_accepted(wrong: dict[str, Any]) -> None:
    assert refusal(Accept(), batch(accepted=1, **wrong), reviewer()) == "not_complete"


def test_an_act_that_is_right_is_carried_out() -> None:
    made = batch(accepted=1)
    carry_out(Accept(), made, reviewer(), now=timezone.now())
    assert Batch.objects.get(pk=made.pk).status == Status.ACCEPTED
