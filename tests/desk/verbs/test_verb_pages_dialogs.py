"""The page of a verb as the content of a dialog: the same view, the same words, and an address instead of a redirect."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from sendouts.models import Event, Status
from tests.desk.verbs.verb_cases import VERBS, held, state
from tests.factories import client_of, page_url, plain_english, text_of, verb_url

pytestmark = pytest.mark.django_db
DIALOG = {"X-Gate-Dialog": "1"}


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def manager() -> Client:
    return client_of("Manager")


@pytest.mark.parametrize("verb", VERBS)
def test_a_dialog_has_the_content_of_the_page_and_nothing_around_it(verb: str, manager: Client) -> None:
    made = VERBS[verb][0]()
    before = state(made)
    response = manager.get(verb_url(made, verb), headers=DIALOG)
    text = text_of(response)
    assert (response.status_code, response["X-Gate-Dialog"]) == (200, "1")
    assert "X-Gate-Dialog" in response["Vary"]
    assert "<html" not in text and text.lstrip().startswith('<h1 id="gate-dialog-title">')
    assert f'action="{verb_url(made, verb)}"' in text and "csrfmiddlewaretoken" in text
    page = text_of(manager.get(verb_url(made, verb)))
    inside = page.split('<h1 id="gate-dialog-title">')[1].split("<form")[0]
    assert inside in text
    assert state(made) == before


@pytest.mark.parametrize("verb", VERBS)
def test_what_was_carried_out_answers_with_where_to_go_and_says_so_there(verb: str, manager: Client) -> None:
    make, given, holds = VERBS[verb]
    made = make()
    response = manager.post(verb_url(made, verb), {"revision": made.revision, "note": "", **given}, headers=DIALOG)
    assert (response.status_code, response.json()) == (200, {"to": page_url(made)})
    made.refresh_from_db()
    assert holds(made)
    assert len(list(get_messages(response.wsgi_request))) == 1


def test_what_went_wrong_is_inside_the_dialog_with_the_numbers_of_now(manager: Client) -> None:
    made = held()
    seen = {"revision": made.revision, "seen": "3", "note": "as usual"}
    assert manager.post(verb_url(made, "contact", 0, "accept"), {**seen, "note": "VIP"}).status_code == 302
    response = manager.post(verb_url(made, "accept"), seen, headers=DIALOG)
    text = text_of(response)
    assert (response.status_code, "<html" in text) == (409, False)
    assert "The numbers changed while you read: 4 now get it (was 3). Look again, then accept." in text
    assert "as usual" in text and "Send to 4" in text
    assert state(made)[0] == Status.IN_REVIEW


def test_a_change_that_moved_no_number_is_told_as_such(manager: Client) -> None:
    made = held()
    seen = {"revision": made.revision, "seen": "3", "note": ""}
    manager.post(verb_url(made, "hold"), {**seen, "note": "wait"})
    text = text_of(manager.post(verb_url(made, "accept"), seen, headers=DIALOG))
    assert "The batch changed while you read: 3 still get it. Look again, then accept." in text


def test_who_comes_too_late_is_offered_to_stop_it(manager: Client) -> None:
    made = held()
    seen = {"revision": made.revision, "note": "no"}
    assert manager.post(verb_url(made, "accept"), seen).status_code == 302
    text = text_of(manager.post(verb_url(made, "refuse"), seen, headers=DIALOG))
    assert "Your “Reject all” was not carried out." in text
    assert f'href="{verb_url(made, "undo")}" data-dialog="undo"' in text and "<form" not in text


def test_the_same_click_twice_acts_once(manager: Client) -> None:
    made = held()
    given = {"revision": made.revision, "note": ""}
    first = manager.post(verb_url(made, "accept"), given, headers=DIALOG)
    second = manager.post(verb_url(made, "accept"), given, headers=DIALOG)
    assert (first.status_code, second.status_code) == (200, 409)
    assert "manager.lyon has just accepted this batch. Your “Accept” was not carried out." in text_of(second)
    assert Event.objects.filter(batch=made, new=Status.ACCEPTED).count() == 1


def test_who_may_not_is_told_so_in_the_dialog() -> None:
    made = held()
    response = client_of("Viewer").get(verb_url(made, "accept"), headers=DIALOG)
    assert response.status_code == 403
    assert "You may look at this batch, but not do this. Ask somebody who may." in text_of(response)
    assert "<form" not in text_of(response)


def test_the_time_in_a_dialog_is_the_one_on_the_clock_of_the_page(manager: Client) -> None:
    made = held(rejected=100, at_deadline="accept")
    dialog = text_of(manager.get(verb_url(made, "accept"), headers=DIALOG))
    page = text_of(manager.get(page_url(made)))
    (until,) = re.findall(r'data-until="([^"]+)"', dialog)
    assert f'data-until="{until}"' in page
    assert datetime.fromisoformat(until) < made.deadline
