"""Holding a batch and lifting the hold on their pages, and what the page of the batch says meanwhile."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from sendouts.models import Batch
from tests.desk.verbs.verb_cases import give, held, offered, on_hold
from tests.factories import page_url, text_of, verb_url

pytestmark = pytest.mark.django_db


def test_the_page_says_what_does_not_happen_any_more(reviewer: Client) -> None:
    made = held(at_deadline="accept", due_at=timezone.now() + timedelta(minutes=20))
    text = text_of(reviewer.get(verb_url(made, "hold")))
    assert "The gateway does not accept it by itself at" in text
    assert "If nobody decides, nobody gets it: at" in text
    assert "Only this batch is held." in text


def test_who_holds_it_and_why_stands_on_the_page_of_the_batch(reviewer: Client) -> None:
    made = held(at_deadline="accept", due_at=timezone.now() + timedelta(minutes=20))
    assert "hold" in offered(reviewer, made) and "lift-hold" not in offered(reviewer, made)
    assert give(reviewer, made, "hold", note="ask the shop").status_code == 302
    text = text_of(reviewer.get(page_url(made)))
    assert "reviewer.lyon put it on hold at" in text and "“ask the shop”" in text
    assert "Put on hold: nothing happens by itself at the deadline" in text
    assert "lift-hold" in offered(reviewer, made) and "hold" not in offered(reviewer, made)


def test_the_page_that_lifts_it_says_what_applies_again_and_when(reviewer: Client) -> None:
    made = on_hold()
    text = text_of(reviewer.get(verb_url(made, "lift-hold")))
    assert "administrator.lyon put it on hold: “waiting for the shop”." in text
    assert "The declared setting applies again. 3 get it: the gateway accepts by itself at" in text
    Batch.objects.update(deadline=timezone.now() + timedelta(minutes=3))
    text = text_of(reviewer.get(verb_url(made, "lift-hold")))
    assert "3 get it: its moment has passed, so the gateway accepts at once." in text
