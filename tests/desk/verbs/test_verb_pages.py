"""Every verb of the screens, as a page and as a dialog: who may, when it is possible, and that looking changes nothing."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from desk.verbs import views
from sendouts.models import Event, Status
from tests.desk.verbs.verb_cases import VERBS, give, held, offered, state, unconfirmed
from tests.factories import SECRET, batch, client_of, page_url, text_of, verb_url

pytestmark = pytest.mark.django_db
DIALOG = {"X-Gate-Dialog": "1"}


@pytest.mark.parametrize("verb", VERBS)
def test_a_dialog_has_the_content_of_the_page_and_its_click_says_where_to_go(verb: str) -> None:
    make, given, holds = VERBS[verb]
    made, manager = make(), client_of("Manager")
    before = state(made)
    response = manager.get(verb_url(made, verb), headers=DIALOG)
    text, page = text_of(response), text_of(manager.get(verb_url(made, verb)))
    assert (response.status_code, response["X-Gate-Dialog"]) == (200, "1")
    assert "X-Gate-Dialog" in response["Vary"]
    assert "<html" not in text and text.lstrip().startswith('<h1 id="gate-dialog-title">')
    assert f'action="{verb_url(made, verb)}"' in text and "csrfmiddlewaretoken" in text
    assert page.split('<h1 id="gate-dialog-title">')[1].split("<form")[0] in text
    assert SECRET not in page and state(made) == before
    response = manager.post(verb_url(made, verb), {"revision": made.revision, "note": "", **given}, headers=DIALOG)
    assert (response.status_code, response.json()) == (200, {"to": page_url(made)})
    made.refresh_from_db()
    assert holds(made)
    assert len(list(get_messages(response.wsgi_request))) == 1
    assert manager.get(page_url(made)).status_code == 200


def test_only_verbs_that_are_possible_and_permitted_are_offered(reviewer: Client) -> None:
    viewer, manager = client_of("Viewer"), client_of("Manager")
    made, stuck = held(), unconfirmed()
    assert offered(viewer, made) == set()
    assert offered(reviewer, made) == {"accept", "refuse", "hold", "run-again", "give-up"}
    assert offered(reviewer, stuck) == {"retry", "undo", "give-up"}
    assert offered(manager, stuck) == {"retry", "undo", "give-up", "take-on"}
    for status in (Status.EXPIRED, Status.ABANDONED):
        assert offered(manager, batch(status, accepted=1)) == set()
    assert "You may look at this batch, but not decide. Ask a reviewer." in text_of(viewer.get(page_url(made)))
    response = viewer.get(verb_url(made, "accept"), headers=DIALOG)
    assert response.status_code == 403 and "<form" not in text_of(response)
    assert "You may look at this batch, but not do this. Ask somebody who may." in text_of(response)


def test_what_a_page_lacks_is_said_and_decides_nothing(reviewer: Client) -> None:
    made = held()
    before = state(made)
    for note in ("", "   "):
        text = text_of(give(reviewer, made, "refuse", note=note))
        assert "Say why in a note: it stays with the batch." in text and 'id="id_note_error"' in text
    for given in ({"revision": ""}, {"revision": "x"}, {"revision": "-1"}, {}):
        response = reviewer.post(verb_url(made, "accept"), {"note": "", **given})
        assert response.status_code == 200
        assert "The page was incomplete. Look again, then decide." in text_of(response) or not given
    assert state(made) == before


@pytest.mark.parametrize(("source", "lane"), [("batch", "files"), ("single", "singles")])
def test_an_acceptance_is_told_and_the_workers_are_nudged_once_it_is_stored(
    reviewer: Client, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any, source: str, lane: str
) -> None:
    nudged: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(views, "nudge", lambda name, ids: nudged.append((name, ids)))
    made = held(source=source)
    with django_capture_on_commit_callbacks(execute=True):
        response = give(reviewer, made, "accept", note="checked with the shop")
        assert (response.status_code, response["Location"]) == (302, page_url(made))
        assert nudged == [], "before the commit nobody would find anything"
    assert nudged == [(lane, [made.pk])]
    text = text_of(reviewer.get(response["Location"]))
    assert "Accepted. The rejections are sent first, then the messages go out." in text
    assert "checked with the shop" in text and "reviewer.lyon" in text


def test_somebody_whose_numbers_are_old_sees_the_new_ones_and_may_decide_again(reviewer: Client) -> None:
    made = held()
    seen = {"revision": made.revision, "seen": "3", "note": "all good"}
    assert give(client_of("Manager"), made, "contact", 0, "accept", note="VIP").status_code == 302
    response = reviewer.post(verb_url(made, "accept"), seen, headers=DIALOG)
    text = text_of(response)
    assert (response.status_code, "<html" in text) == (409, False)
    assert "The numbers changed while you read: 4 now get it (was 3). Look again, then accept." in text
    assert "Send to 4" in text and "all good" in text
    assert state(made)[0] == Status.IN_REVIEW
    again = response.context["form"].initial["revision"]
    give(reviewer, made, "hold", note="wait")
    text = text_of(reviewer.post(verb_url(made, "accept"), {**seen, "revision": again, "seen": "4"}))
    assert "The batch changed while you read: 4 still get it. Look again, then accept." in text
    assert give(reviewer, made, "accept").status_code == 302


def test_the_second_of_two_people_is_told_who_was_first_and_offered_to_stop_it(reviewer: Client) -> None:
    made, manager = held(), client_of("Manager")
    given = {"revision": made.revision, "note": "no"}
    assert manager.post(verb_url(made, "accept"), given).status_code == 302
    response = reviewer.post(verb_url(made, "refuse"), given, headers=DIALOG)
    text = text_of(response)
    assert response.status_code == 409 and "<form" not in text
    assert "manager.lyon has just accepted this batch. Your “Reject all” was not carried out." in text
    assert f'href="{verb_url(made, "undo")}" data-dialog="undo"' in text
    # The same click twice acts once.
    again = manager.post(verb_url(made, "accept"), given)
    assert "Your “Accept” was not carried out." in text_of(again)
    assert Event.objects.filter(batch=made, new=Status.ACCEPTED).count() == 1


def test_the_time_in_a_dialog_is_the_one_on_the_clock_of_the_page(reviewer: Client) -> None:
    made = held(rejected=100, at_deadline="accept")
    dialog = text_of(reviewer.get(verb_url(made, "accept"), headers=DIALOG))
    (until,) = re.findall(r'data-until="([^"]+)"', dialog)
    assert f'data-until="{until}"' in text_of(reviewer.get(page_url(made)))
    assert datetime.fromisoformat(until) < made.deadline
