"""Every verb of the screens: who may, when it is possible, and that looking changes nothing."""

from typing import Any

import pytest
from django.test import Client

from desk.verbs import views
from sendouts.models import Status
from tests.desk.verbs.verb_cases import VERBS, give, held, offered, state, unconfirmed
from tests.factories import SECRET, batch, client_of, page_url, plain_english, text_of, verb_url

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def reviewer() -> Client:
    return client_of("Reviewer")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_carried_out_and_leads_back_to_the_batch(verb: str) -> None:
    make, given, holds = VERBS[verb]
    made = make()
    client = client_of("Manager")
    response = give(client, made, verb, **given)
    assert response.status_code == 302, text_of(response)
    assert response["Location"] == page_url(made)
    made.refresh_from_db()
    assert holds(made), verb
    assert "errornote" not in text_of(client.get(response["Location"]))


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_login_nothing_is_done(verb: str, client: Client) -> None:
    make, given, _holds = VERBS[verb]
    made = make()
    before = state(made)
    response = give(client, made, verb, **given)
    assert response.status_code == 302 and response["Location"].startswith("/admin/login/")
    assert state(made) == before


@pytest.mark.parametrize("verb", VERBS)
def test_looking_at_the_page_of_a_verb_changes_nothing(verb: str) -> None:
    make, _given, _holds = VERBS[verb]
    made = make()
    before = state(made)
    client = client_of("Manager")
    for ask in (client.get, client.head):
        assert ask(verb_url(made, verb)).status_code == 200
    text = text_of(client.get(verb_url(made, verb)))
    assert 'method="post"' in text and "csrfmiddlewaretoken" in text
    assert SECRET not in text
    assert state(made) == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_post_without_the_token_of_the_page_is_turned_away(verb: str) -> None:
    make, given, _holds = VERBS[verb]
    made = make()
    before = state(made)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client_of("Manager").cookies
    assert give(strict, made, verb, **given).status_code == 403
    assert state(made) == before


def test_only_verbs_that_are_possible_and_permitted_are_offered() -> None:
    viewer, reviewer, manager = client_of("Viewer"), client_of("Reviewer"), client_of("Manager")
    made, stuck = held(), unconfirmed()
    assert offered(viewer, made) == set()
    assert offered(reviewer, made) == {"accept", "refuse", "hold", "run-again", "give-up"}
    assert offered(reviewer, stuck) == {"retry", "undo", "give-up"}
    assert offered(manager, stuck) == {"retry", "undo", "give-up", "take-on"}
    for status in (Status.EXPIRED, Status.ABANDONED):
        assert offered(manager, batch(status, accepted=1)) == set()
    assert "You may look at this batch, but not decide. Ask a reviewer." in text_of(viewer.get(page_url(made)))


def test_a_note_that_is_missing_is_asked_for_beside_its_field(reviewer: Client) -> None:
    made = held()
    before = state(made)
    for note in ("", "   "):
        response = give(reviewer, made, "refuse", note=note)
        assert response.status_code == 200
        assert "Say why in a note: it stays with the batch." in text_of(response)
        assert 'id="id_note_error"' in text_of(response)
    assert state(made) == before


def test_a_page_that_lost_its_revision_decides_nothing(reviewer: Client) -> None:
    made = held()
    for revision in ("", "x", "-1"):
        response = reviewer.post(verb_url(made, "accept"), {"revision": revision, "note": ""})
        assert response.status_code == 200
        assert "The page was incomplete. Look again, then decide." in text_of(response)
    assert reviewer.post(verb_url(made, "accept"), {"note": ""}).status_code == 200
    assert state(made)[0] == Status.IN_REVIEW


@pytest.mark.parametrize(("source", "lane"), [("batch", "files"), ("single", "singles")])
def test_the_workers_are_nudged_once_it_is_stored(
    reviewer: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    source: str,
    lane: str,
) -> None:
    nudged: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(views, "nudge", lambda name, ids: nudged.append((name, ids)))
    made = held(source=source)
    with django_capture_on_commit_callbacks(execute=True):
        assert give(reviewer, made, "accept").status_code == 302
        assert nudged == [], "before the commit nobody would find anything"
    assert nudged == [(lane, [made.pk])]


def test_what_was_done_is_said_on_the_page_of_the_batch(reviewer: Client) -> None:
    made = held()
    response = give(reviewer, made, "accept", note="checked with the shop")
    text = text_of(reviewer.get(response["Location"]))
    assert "Accepted. The rejections are sent first, then the messages go out." in text
    assert "checked with the shop" in text and "reviewer.lyon" in text
