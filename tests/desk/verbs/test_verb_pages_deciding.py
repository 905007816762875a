"""Accepting and rejecting a whole batch on its pages: what they say before, and what stops them."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from actions.access import Reach
from sendouts.models import Batch, Status
from sendouts.verbs import Accept
from sendouts.verbs.base import Act
from tests.desk.verbs.verb_cases import give, held, offered, state
from tests.factories import client_of, page_url, text_of, verb_url

pytestmark = pytest.mark.django_db


def test_a_click_after_the_deadline_is_answered_with_what_happened(reviewer: Client) -> None:
    made = held()
    Batch.objects.filter(pk=made.pk).update(deadline=timezone.now())
    response = give(reviewer, made, "accept")
    assert response.status_code == 409
    assert re.search(
        r"The deadline passed at \d\d:\d\d\. Your “Accept” came \d+ seconds? too late and", text_of(response)
    )
    assert "The deadline passed at" in text_of(reviewer.get(verb_url(made, "accept")))


def test_the_page_of_acceptance_names_the_consequence_in_numbers(reviewer: Client) -> None:
    made = held(accepted=1200, rejected=34, decisions=False)
    text = text_of(reviewer.get(verb_url(made, "accept")))
    assert "<dt>1,200</dt><dd>messages go out at once, or at their scheduled time</dd>" in text
    assert "<dt>34</dt><dd>people get nothing</dd>" in text
    assert "The rejections are sent first, in about 1 s. Until the last one is confirmed you can still stop" in text
    assert "Send to 1,200" in text


def test_who_loses_the_project_at_the_moment_of_the_click_is_told_that_nothing_is_there(
    reviewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = held()
    run = Accept.run

    def too_late(verb: Accept, pk: int, act: Act) -> Batch:
        Reach.objects.create(user=act.user)
        return run(verb, pk, act)

    monkeypatch.setattr(Accept, "run", too_late)
    assert give(reviewer, made, "accept").status_code == 404
    assert state(made)[0] == Status.IN_REVIEW


def test_the_page_of_acceptance_promises_a_stop_only_where_rejections_go_first(reviewer: Client) -> None:
    at_once, first = "No rejection has to be sent", "The rejections are sent first"
    text = text_of(reviewer.get(verb_url(held(rejected=0), "accept")))
    assert at_once in text and first not in text
    # Its release was stopped when every rejection was confirmed: nothing is left to be sent.
    text = text_of(reviewer.get(verb_url(held(rejected=2, confirmed=1, taken_on=1), "accept")))
    assert at_once in text and first not in text
    # What a person chooses decides, and both are said.
    text = text_of(reviewer.get(verb_url(held(rejected=0, undecided=2), "accept")))
    assert first in text and at_once not in text
    assert "If you send to the undecided too, the release follows at once, and cannot be taken back." in text
    text = text_of(reviewer.get(verb_url(held(rejected=1, undecided=2), "accept")))
    assert first in text and "If you send to the undecided too" not in text


def test_rows_that_would_go_out_unchecked_need_somebody_who_takes_them_on(reviewer: Client) -> None:
    made = held(unread=2, addresses=False, attention="unread_rows", attention_data={"rows": 2, "code": "no_uri"})
    assert "accept" not in offered(reviewer, made)
    assert "Only somebody who may take this on can accept." in text_of(reviewer.get(page_url(made)))
    assert give(reviewer, made, "accept", take_on="on", note="known").status_code == 403
    manager = client_of("Manager")
    assert "2 unreadable rows that nothing can reject" in text_of(manager.get(verb_url(made, "accept")))
    for missing in ({"note": "known"}, {"take_on": "on"}):
        assert give(manager, made, "accept", **missing).status_code == 200
        assert state(made)[0] == Status.IN_REVIEW
    assert give(manager, made, "accept", take_on="on", note="known").status_code == 302
    made.refresh_from_db()
    assert (made.status, made.accepted, made.unread_taken_on) == (Status.ACCEPTED, 5, 2)


def test_rejecting_all_says_who_cannot_be_rejected(reviewer: Client) -> None:
    made = held(unread=2, addresses=False, attention="unread_rows", attention_data={"rows": 2, "code": "no_uri"})
    text = text_of(reviewer.get(verb_url(made, "refuse")))
    assert "5 contacts are rejected at Symplify, one by one" in text
    assert "<dt>7</dt><dd>people get nothing, 3 of whom passed every check</dd>" in text
    assert "2 rows have no address to reject them: they take the “timed out” way" in text
    assert "Reject 5" in text


@pytest.mark.parametrize(("choice", "accepted"), [("reject", 3), ("accept", 5)])
def test_the_undecided_need_a_choice(reviewer: Client, choice: str, accepted: int) -> None:
    made = held(rejected=0, undecided=2, held_for=["undecided"])
    response = give(reviewer, made, "accept")
    assert response.status_code == 200
    assert "2 contacts could not be judged. What becomes of them?" in text_of(response)
    assert give(reviewer, made, "accept", undecided=choice).status_code == 302
    made.refresh_from_db()
    assert (made.status, made.accepted, made.rejected) == (Status.ACCEPTED, accepted, 5 - accepted)


def test_a_file_that_is_not_complete_offers_no_acceptance_and_names_who_times_out(reviewer: Client) -> None:
    made = held(file_complete=False, attention="no_proven_end", attention_data={"code": "cut", "rows": 5})
    assert offered(reviewer, made) == {"refuse", "hold", "run-again", "give-up"}
    response = give(reviewer, made, "accept")
    assert response.status_code == 409
    assert "The contact file is not complete" in text_of(response)
    assert "who is missing in it takes the “timed out” way" in text_of(reviewer.get(verb_url(made, "refuse")))
