"""Changing the decision on one contact on its page."""

import pytest
from django.test import Client

from sendouts.models import Decision, DecisionVerdict, PendingEffect
from tests.desk.verbs.verb_cases import give, held, offered, unconfirmed, with_effect
from tests.factories import batch, client_of, page_url, text_of, verb_url

pytestmark = pytest.mark.django_db


def test_one_decision_is_changed_with_the_new_numbers_named_before(reviewer: Client) -> None:
    made = held()
    text = text_of(reviewer.get(verb_url(made, "contact", 0, "accept")))
    assert "Put back A-0?" in text and "Until now: rejected. No consent" in text
    assert "<dt>4</dt><dd>get it if the batch is accepted, 1 more than now</dd>" in text
    assert "<dt>1</dt><dd>does not get it</dd>" in text
    text = text_of(reviewer.get(verb_url(made, "contact", 2, "reject")))
    assert "<dt>2</dt><dd>get it if the batch is accepted, 1 fewer than now</dd>" in text
    assert "<dt>3</dt><dd>do not get it</dd>" in text
    assert give(reviewer, made, "contact", 0, "accept", note="asked by the shop").status_code == 302
    changed = Decision.objects.get(pk=made.first_decision)
    assert (changed.verdict, changed.text) == (DecisionVerdict.ACCEPTED, "asked by the shop")
    assert give(reviewer, made, "contact", 2, "reject", note="x").status_code == 302
    made.refresh_from_db()
    assert (made.accepted, made.rejected) == (3, 2)


def test_a_contact_of_another_batch_or_no_contact_cannot_be_changed(reviewer: Client) -> None:
    made = held()
    batch(rejected=3)
    assert give(reviewer, made, "contact", 77, "accept", note="x").status_code == 404
    assert give(reviewer, made, "contact", 1 << 40, "accept", note="x").status_code == 404
    assert give(reviewer, made, "contact", 0, "maybe", note="x").status_code == 404
    assert reviewer.get(f"/admin/sendouts/batch/{made.pk + 1000}/accept/").status_code == 404


def test_an_unreadable_row_is_let_through_only_by_somebody_who_takes_it_on(reviewer: Client) -> None:
    made = batch(accepted=1, unread=1, attention="unread_rows", attention_data={"rows": 1, "code": "no_id"})
    assert give(reviewer, made, "contact", 0, "accept", note="x").status_code == 403
    assert give(client_of("Manager"), made, "contact", 0, "accept", note="x").status_code == 302
    assert Decision.objects.get(pk=made.first_decision).verdict == DecisionVerdict.ACCEPTED


def test_who_is_put_back_without_anything_prepared_is_said_to_get_the_message_without(reviewer: Client) -> None:
    made = with_effect(held(), "enrich")
    address = f"{page_url(made).removesuffix('change/')}contacts/0/accept/"
    page = reviewer.get(address)
    sentence = (
        "Nothing was prepared for this contact by “crm”: it gets the message without, unless the checks run again."
    )
    assert (page.status_code, sentence in text_of(page)) == (200, True)
    PendingEffect.objects.create(decision_id=made.first_decision, step=1, payload="{}")
    assert sentence not in text_of(reviewer.get(address))


def test_a_contact_whose_rejection_was_sent_is_not_offered_to_be_put_back(reviewer: Client) -> None:
    made = unconfirmed()
    give(reviewer, made, "undo")
    page = reviewer.get(page_url(made)).context["page"]
    assert {row.to for row in page.contacts.rows if row.answer} == {()}
    response = give(reviewer, made, "contact", 0, "accept", note="Please.")
    assert response.status_code == 409
    assert "sent before the release was stopped" in text_of(response)
    assert offered(reviewer, made) == {"accept", "refuse", "hold", "give-up"}
