"""Where two people must accept, on the screens and over the API: what each of them is offered, told and answered."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from actions.access import Reach
from actions.models import Project
from sendouts.models import Batch
from tests.api.api_cases import client_of as program_of
from tests.factories import batch, client_of, page_url, text_of, user_in, verb_url

pytestmark = pytest.mark.django_db
AS_FIRST = "Accept as first person"


@pytest.fixture
def first() -> Client:
    return client_of("Reviewer")


@pytest.fixture
def second() -> Client:
    return client_of("Manager")


def held(**columns: Any) -> Batch:
    made = batch(**({"accepted": 3, "rejected": 2} | columns))
    Project.objects.filter(pk=made.project_id).update(second_person_from=5)
    return made


def give(client: Client, made: Batch, verb: str = "accept", **given: Any) -> Any:
    made.refresh_from_db()
    return client.post(verb_url(made, verb), {"revision": made.revision, "note": "", **given})


def test_the_first_person_is_told_what_their_acceptance_is(first: Client) -> None:
    made = held()
    assert AS_FIRST in text_of(first.get(page_url(made)))
    dialog = text_of(first.get(verb_url(made, "accept")))
    assert "From 5 contacts on, two people must accept a batch of this project." in dialog
    assert "Nothing goes out yet" in dialog and AS_FIRST in dialog
    answer = first.post(verb_url(made, "accept"), {"revision": made.revision, "note": ""}, follow=True)
    page = text_of(answer)
    assert "Nothing goes out until a second person accepts." in page
    assert "You accepted as first person at" in page and "Waits for a second person" in page
    assert AS_FIRST not in page
    assert "Take my acceptance back" in page
    assert "Waits for a second person" in text_of(first.get("/admin/sendouts/batch/"))
    assert "You accepted as first person at" in text_of(first.get(verb_url(made, "accept")))
    again = give(first, made)
    assert again.status_code == 409 and "a second person is needed" in text_of(again)
    made.refresh_from_db()
    assert made.status == "in_review"


def test_the_second_person_sees_who_was_first_and_what_they_chose(first: Client, second: Client) -> None:
    made = held(undecided=2)
    give(first, made, undecided="accept")
    page = text_of(second.get(page_url(made)))
    assert "reviewer.lyon accepted as first person at" in page and AS_FIRST not in page
    dialog = text_of(second.get(verb_url(made, "accept")))
    assert "reviewer.lyon accepted as first person: with your acceptance the batch goes out." in dialog
    assert "What reviewer.lyon chose for the undecided: They get the message." in dialog
    assert 'name="undecided"' not in dialog
    assert give(second, made).status_code == 302
    made.refresh_from_db()
    assert (made.status, made.accepted, made.undecided) == ("accepted", 5, 0)
    assert "Accepted as second person" in text_of(second.get(page_url(made)))


@pytest.mark.parametrize("verb", [("hold",), ("run-again",), ("contact", 0, "accept")])
def test_whoever_changes_the_batch_is_told_before_whose_acceptance_that_ends(
    first: Client, second: Client, verb: tuple[str | int, ...]
) -> None:
    made = held()
    address = verb_url(made, str(verb[0]), *verb[1:])
    said = "reviewer.lyon has accepted as first person. That acceptance becomes void: two people must accept again."
    assert said not in text_of(second.get(address))
    give(first, made)
    assert said in text_of(second.get(address))
    assert said not in text_of(second.get(verb_url(made, "accept")))


def test_the_first_person_takes_it_back(first: Client, second: Client) -> None:
    made = held()
    give(first, made)
    assert "Take my acceptance back" not in text_of(second.get(page_url(made)))
    assert give(second, made, "take-back").status_code == 409
    assert give(first, made, "take-back").status_code == 302
    page = text_of(first.get(page_url(made)))
    assert AS_FIRST in page and "First acceptance taken back" in page


def test_who_changed_decisions_is_told_that_another_must_accept(first: Client) -> None:
    made = batch(accepted=3, rejected=2)
    Project.objects.update(no_own_changes=True)
    first.post(verb_url(made, "contact", 0, "accept"), {"revision": made.revision, "note": "Known customer."})
    assert AS_FIRST in text_of(first.get(page_url(made)))
    dialog = text_of(first.get(verb_url(made, "accept")))
    assert "You changed 1 decision of this batch, so somebody else must accept it." in dialog


def test_the_page_says_that_the_clock_accepts_nothing(first: Client) -> None:
    made = held(at_deadline="accept")
    page = text_of(first.get(page_url(made)))
    assert "two people must accept this batch, and the gateway is neither of them." in page
    assert "the gateway accepts by itself" not in page


def post(client: Any, made: Batch, verb: str = "accept", **body: Any) -> Any:
    made.refresh_from_db()
    return client.post(f"/api/batches/{made.pk}/{verb}/", {"revision": made.revision, **body}, format="json")


def test_a_program_is_answered_that_a_second_person_is_needed() -> None:
    made, anna = held(undecided=2), user_in("Reviewer")
    program = program_of(anna)
    answer = post(program, made, undecided="accept").json()
    assert (answer["status"], answer["accepted"]) == ("in_review", 3)
    assert (answer["first_acceptance"]["user"], answer["first_acceptance"]["undecided"]) == ("reviewer.lyon", "accept")
    assert program.get("/api/batches/").json()["results"][0]["first_acceptance"] == answer["first_acceptance"]
    # Another token of the same user, and the same user on the screens, are the same person.
    screens = Client()
    screens.force_login(anna)
    for again in (post(program, made, undecided="accept"), post(program_of(anna), made, undecided="accept")):
        assert (again.status_code, again.json()["code"]) == (409, "second_person")
        assert again.json()["revision"] == answer["revision"]
    assert give(screens, made, undecided="accept").status_code == 409
    other = program_of(user_in("Manager"))
    refused = post(other, made)
    assert (refused.status_code, refused.json()["code"]) == (409, "other_choice")
    done = post(other, made, undecided="accept").json()
    assert (done["status"], done["first_acceptance"], done["accepted"]) == ("accepted", None, 5)


def test_whoever_does_not_see_the_project_is_no_second_person() -> None:
    made = held()
    post(program_of(user_in("Reviewer")), made)
    other = user_in("Manager")
    Reach.objects.create(user=other).projects.add(Project.objects.create(name="Shop"))
    answer = post(program_of(other), made)
    assert answer.status_code == 404
    client = Client()
    client.force_login(other)
    assert give(client, made).status_code == 404
    assert json.loads(answer.content)["code"] == "not_found" and User.objects.count() == 2
