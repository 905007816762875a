"""Settling what cannot go on, on the pages of the verbs: run again, take on, stop; putting on hold and lifting it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from sendouts.models import Answer, Batch, Decision, Status, Webhook
from tests.desk.verbs.verb_cases import give, held, not_told, offered, on_hold, state, unconfirmed
from tests.factories import SECRET, batch, client_of, page_url, text_of, verb_url, webhook

pytestmark = pytest.mark.django_db


def test_running_again_takes_the_actions_as_they_are_defined_now(reviewer: Client) -> None:
    made = held(held_for=["unknown_action"])
    body = f'{{"finishUri": "https://{SECRET}/f", "actions": ["new"], "projectName": "Newsletter", "journeyName": '
    body += f'"Summer", "sendoutName": "Day 1", "itemDownloadUri": "https://{SECRET}/d"}}'
    webhook(batch=made, body=body.encode())
    assert give(reviewer, made, "run-again").status_code == 302
    made.refresh_from_db()
    assert [each["identifier"] for each in made.plan.content["unknown"]] == ["new"]
    assert Webhook.objects.get().batch_id == made.pk
    assert not Decision.objects.exists()


def test_the_release_without_an_answer_is_taken_on_by_name() -> None:
    made = batch(
        Status.DELIVERED,
        accepted=3,
        outcome="released",
        finish_sent_at=timezone.now(),
        finish_status=409,
        attention="finish_unconfirmed",
        attention_data={"status": 409, "lost": False},
    )
    manager = client_of("Manager")
    assert offered(manager, made) == {"retry", "take-on"}
    assert "Take on the release of “Day 1”?" in text_of(manager.get(verb_url(made, "take-on")))
    assert give(manager, made, "take-on", note="seen in Symplify").status_code == 302
    assert state(made)[0] == Status.FINISHED


def test_the_page_that_stops_a_release_says_how_many_rejections_stay(reviewer: Client) -> None:
    made = unconfirmed()
    text = text_of(reviewer.get(verb_url(made, "undo")))
    assert "<dt>2</dt><dd>rejections were sent or are on their way: they stay, and cannot be put back</dd>" in text
    Decision.objects.update(answer=Answer.NONE)
    assert "No rejection was sent yet" in text_of(reviewer.get(verb_url(made, "undo")))


def test_what_others_were_not_told_is_offered_to_be_sent_again_after_the_deadline(reviewer: Client) -> None:
    made = not_told()
    Batch.objects.update(deadline=timezone.now() - timedelta(hours=25))
    assert offered(reviewer, made) == {"send-again"}
    assert "gate-verb-left" not in text_of(reviewer.get(verb_url(made, "send-again")))
    assert give(reviewer, made, "send-again").status_code == 302
    assert made.effect_runs.get().due_at is not None


def test_the_page_that_stops_a_release_says_only_what_the_clock_will_do(reviewer: Client) -> None:
    made = batch(Status.ACCEPTED, accepted=3, rejected=2, at_deadline="accept")
    still = "What is declared for the deadline still holds."
    assert still in text_of(reviewer.get(verb_url(made, "undo")))
    # The moment of the clock has passed: it leaves what a person stopped.
    now = timezone.now()
    Batch.objects.update(received_at=now - timedelta(minutes=57), deadline=now + timedelta(minutes=3))
    assert still not in text_of(reviewer.get(verb_url(made, "undo")))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"review": "unusual", "held_for": ["undecided"]}, True),
        ({"review": "always"}, False),
        ({"review": "unusual", "held_for": ["stopped"]}, False),
    ],
)
def test_running_again_says_where_the_batch_may_go_out_by_itself(
    reviewer: Client, columns: dict[str, Any], said: bool
) -> None:
    text = text_of(reviewer.get(verb_url(held(**columns), "run-again")))
    assert ("Where they find nothing to ask a person about, the batch goes on by itself." in text) is said


def test_giving_up_does_not_count_as_timed_out_what_was_sent_without_an_answer(reviewer: Client) -> None:
    made = held(rejected=2, final=1)
    Decision.objects.filter(pk=made.first_decision).update(answer=Answer.LOST)
    text = text_of(reviewer.get(verb_url(made, "give-up")))
    assert "<dt>1</dt><dd>rejection was sent or is on its way: it stays" in text
    assert "<dt>4</dt><dd>contacts take the “timed out” way" in text


def test_running_again_says_how_many_decisions_of_people_are_kept(reviewer: Client) -> None:
    made = held()
    give(reviewer, made, "contact", 0, "accept", note="VIP")
    text = text_of(reviewer.get(verb_url(made, "run-again")))
    assert "<dt>5</dt><dd>contacts are downloaded and checked again</dd>" in text
    assert "<dt>1</dt><dd>decision of people is kept and applied again</dd>" in text


# --- on hold


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
    assert "Put on hold: the gateway decides nothing at the deadline" in text
    assert "lift-hold" in offered(reviewer, made) and "hold" not in offered(reviewer, made)


def test_the_page_that_lifts_it_says_what_applies_again_and_when(reviewer: Client) -> None:
    made = on_hold()
    text = text_of(reviewer.get(verb_url(made, "lift-hold")))
    assert "administrator.lyon put it on hold: “waiting for the shop”." in text
    assert "The declared setting applies again. 3 get it: the gateway accepts by itself at" in text
    Batch.objects.update(deadline=timezone.now() + timedelta(minutes=3))
    text = text_of(reviewer.get(verb_url(made, "lift-hold")))
    assert "3 get it: its moment has passed, so the gateway accepts at once." in text


def test_a_file_that_announces_more_is_stated_whole_only_after_these_numbers(reviewer: Client) -> None:
    data = {"code": "rows_missing", "rows": 5, "total": 20_000}
    made = held(attention="no_proven_end", attention_data=data, file_complete=False)
    manager = client_of("Manager")
    text = text_of(manager.get(verb_url(made, "whole-file")))
    assert '<dt class="gate-late-text">20,000</dt><dd>contacts are in it, says the file itself</dd>' in text
    assert give(reviewer, made, "whole-file", note="counted").status_code == 403
    assert give(manager, made, "whole-file").status_code == 200
    assert give(manager, made, "whole-file", note="counted").status_code == 302
    history = text_of(manager.get(page_url(made)))
    assert "5 contacts stated to be the whole file, the file itself announces 20,000 contacts" in history


def test_one_button_of_a_batch_with_a_refused_host_stands_out() -> None:
    data = {"host": "files.example.com", "code": "host_not_listed"}
    made = batch(Status.PLANNED, decisions=False, attention="host_not_listed", attention_data=data)
    page = text_of(client_of("Administrator").get(page_url(made)))
    verbs = page.partition('class="gate-verbs"')[2].partition('class="gate-thumb"')[0]
    assert verbs.count("gate-button-primary") == 1 and "gate-button-primary" in verbs[: verbs.index("Allow this host")]
