"""Each verb of the screens: who may, when it is possible, what it says before, what it does, and what stops it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from sendouts.admin import verb_views
from sendouts.models import Answer, Batch, Decision, EffectRun, Event, PendingEffect, Status, Verdict, Webhook
from tests.sendouts.admin_cases import (
    CONSENT,
    SECRET,
    batch,
    client_of,
    page_url,
    plain_english,
    plan,
    text_of,
    verb_url,
    webhook,
)

pytestmark = pytest.mark.django_db
ROLES = ("staff", "Viewer", "Reviewer", "Manager")


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def reviewer() -> Client:
    return client_of("Reviewer")


def held(**values: Any) -> Batch:
    return batch(**({"accepted": 3, "rejected": 2} | values))


def unconfirmed() -> Batch:
    made = batch(
        Status.ACCEPTED, accepted=3, rejected=2, confirmed=1, decided_at=timezone.now(), attention="unconfirmed",
        attention_data={"rows": 1},
    )  # fmt: skip
    Decision.objects.filter(pk=made.first_decision).update(answer=Answer.CONFIRMED)
    Decision.objects.filter(pk=made.first_decision + 1).update(answer=Answer.REFUSED)
    return made


def with_effect(made: Batch, phase: str, **values: Any) -> Batch:
    """An action of the batch that writes, and has done so for nobody yet."""
    names = {"identifier": "crm", "kind": "transfer_http", "on_failure": "hold"}
    made.plan = plan(CONSENT, {**CONSENT, **names, "phase": phase})
    made.save(update_fields=["plan"])
    EffectRun.objects.create(batch=made, step=1, phase=phase, total=3, **names, **values)
    return made


def not_written() -> Batch:
    data = {"identifier": "crm", "rows": 3, "text": "crm.example.com answered 401."}
    made = batch(
        Status.ACCEPTED, accepted=3, rejected=2, confirmed=2, decided_at=timezone.now(), attention="effect_failed",
        attention_data=data, enrichments=1,
    )  # fmt: skip
    return with_effect(made, "enrich")


def not_told() -> Batch:
    made = batch(
        Status.FINISHED, accepted=3, rejected=2, confirmed=2, outcome="released", finish_sent_at=timezone.now(),
        ended_at=timezone.now(),
    )  # fmt: skip
    return with_effect(made, "transfer", error="crm.example.com answered 401.")


# Each verb: a batch for which it is possible, what is given, the roles that may, and what must be true afterwards.
VERBS: dict[str, tuple[Callable[[], Batch], dict[str, str], set[str], Callable[[Batch], bool]]] = {
    "accept": (held, {}, {"Reviewer", "Manager"}, lambda b: b.status == Status.ACCEPTED and b.accepted == 3),
    "refuse": (held, {}, {"Reviewer", "Manager"}, lambda b: b.status == Status.REFUSED and b.rejected == 5),
    "run-again": (held, {}, {"Reviewer", "Manager"}, lambda b: b.status == Status.PLANNED and b.due_at is not None),
    "retry": (unconfirmed, {}, {"Reviewer", "Manager"}, lambda b: not b.attention and b.due_at is not None),
    "take-on": (unconfirmed, {"note": "known"}, {"Manager"}, lambda b: b.taken_on == 1 and not b.attention),
    "go-without": (not_written, {"note": "known"}, {"Manager"}, lambda b: b.enrichments == 0 and not b.attention),
    "send-again": (not_told, {}, {"Reviewer", "Manager"}, lambda b: b.effect_runs.get().due_at is not None),
    "undo": (unconfirmed, {}, {"Reviewer", "Manager"}, lambda b: b.status == Status.IN_REVIEW and b.final == 2),
    "give-up": (held, {"note": "wrong one"}, {"Reviewer", "Manager"}, lambda b: b.status == Status.ABANDONED),
}


def give(client: Client, made: Batch, verb: str, *more: Any, **given: Any) -> Any:
    """Post what the page of a verb would, with the revision that the batch has now unless told otherwise."""
    made.refresh_from_db()
    return client.post(verb_url(made, verb, *more), {"revision": made.revision, "note": "", **given})


def state(made: Batch) -> tuple[Any, ...]:
    made.refresh_from_db()
    return made.status, made.revision, made.accepted, made.rejected, Event.objects.filter(batch=made).count()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_carried_out_for_those_who_may_and_for_nobody_else(verb: str, role: str) -> None:
    make, given, allowed, holds = VERBS[verb]
    made = make()
    before = state(made)
    client = client_of(role)
    response = give(client, made, verb, **given)
    if role not in allowed:
        assert response.status_code == 403
        assert state(made) == before
        return
    assert response.status_code == 302, text_of(response)
    assert response["Location"] == page_url(made)
    made.refresh_from_db()
    assert holds(made), verb
    event = Event.objects.filter(batch=made, user__isnull=False).last()
    assert event is not None and event.user is not None
    assert event.user.get_username() == f"{role.lower()}.lyon"
    assert event.note == given.get("note", "")
    assert "errornote" not in text_of(client.get(response["Location"]))


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_login_nothing_is_done(verb: str, client: Client) -> None:
    make, given, _allowed, _holds = VERBS[verb]
    made = make()
    before = state(made)
    response = give(client, made, verb, **given)
    assert response.status_code == 302 and response["Location"].startswith("/admin/login/")
    assert state(made) == before


@pytest.mark.parametrize("verb", VERBS)
def test_looking_at_the_page_of_a_verb_changes_nothing(verb: str) -> None:
    make, _given, _allowed, _holds = VERBS[verb]
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
    make, given, _allowed, _holds = VERBS[verb]
    made = make()
    before = state(made)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client_of("Manager").cookies
    assert give(strict, made, verb, **given).status_code == 403
    assert state(made) == before


def offered(client: Client, made: Batch) -> set[str]:
    return {verb.name for verb in client.get(page_url(made)).context["page"].verbs}


def test_only_verbs_that_are_possible_and_permitted_are_offered() -> None:
    viewer, reviewer, manager = client_of("Viewer"), client_of("Reviewer"), client_of("Manager")
    made, stuck = held(), unconfirmed()
    assert offered(viewer, made) == set()
    assert offered(reviewer, made) == {"accept", "refuse", "run-again", "give-up"}
    assert offered(reviewer, stuck) == {"retry", "undo", "give-up"}
    assert offered(manager, stuck) == {"retry", "undo", "give-up", "take-on"}
    for status in (Status.EXPIRED, Status.ABANDONED):
        assert offered(manager, batch(status, accepted=1)) == set()
    assert "You may look at this batch, but not decide. Ask a reviewer." in text_of(viewer.get(page_url(made)))


def test_a_file_that_is_not_complete_offers_no_acceptance(reviewer: Client) -> None:
    made = held(file_complete=False, attention="no_proven_end", attention_data={"code": "cut", "rows": 5})
    assert offered(reviewer, made) == {"refuse", "run-again", "give-up"}
    response = give(reviewer, made, "accept")
    assert response.status_code == 409
    assert "The contact file is not complete" in text_of(response)
    assert state(made)[0] == Status.IN_REVIEW


def test_the_second_of_two_people_is_told_who_was_first(reviewer: Client) -> None:
    made = held()
    manager = client_of("Manager")
    seen = made.revision
    assert give(manager, made, "accept").status_code == 302
    response = reviewer.post(verb_url(made, "refuse"), {"revision": seen, "note": ""})
    assert response.status_code == 409
    text = text_of(response)
    assert "manager.lyon has just accepted this batch. Nothing was changed by you." in text
    assert 'csrfmiddlewaretoken"' not in text.split("gate-dialog")[1], "there is nothing left to confirm"
    assert state(made)[0] == Status.ACCEPTED


def test_somebody_whose_numbers_are_old_sees_the_new_ones_and_may_decide_again(reviewer: Client) -> None:
    made = held()
    seen = made.revision
    assert give(client_of("Manager"), made, "contact", 0, "accept", note="VIP").status_code == 302
    response = reviewer.post(verb_url(made, "accept"), {"revision": seen, "note": "all good"})
    assert response.status_code == 409
    text = text_of(response)
    assert "The numbers changed while you read: 4 now get it, 1 do not." in text
    assert "Send to 4" in text and "all good" in text
    assert state(made)[0] == Status.IN_REVIEW
    again = response.context["form"].initial["revision"]
    assert reviewer.post(verb_url(made, "accept"), {"revision": again, "note": ""}).status_code == 302
    assert state(made)[0] == Status.ACCEPTED


def test_a_click_after_the_deadline_is_answered_with_what_happened(reviewer: Client) -> None:
    made = held()
    Batch.objects.filter(pk=made.pk).update(deadline=timezone.now())
    response = give(reviewer, made, "accept")
    assert response.status_code == 409
    assert "The deadline passed at" in text_of(response)
    assert "The deadline passed at" in text_of(reviewer.get(verb_url(made, "accept")))


def test_the_page_of_acceptance_names_the_consequence_in_numbers(reviewer: Client) -> None:
    made = held(accepted=1200, rejected=34, decisions=False)
    text = text_of(reviewer.get(verb_url(made, "accept")))
    assert "1,200 contacts get the message." in text
    assert "34 do not get it: their rejections go to Symplify first" in text
    assert "Send to 1,200" in text


@pytest.mark.parametrize(("choice", "accepted"), [("reject", 3), ("accept", 5)])
def test_the_undecided_need_a_choice(reviewer: Client, choice: str, accepted: int) -> None:
    made = held(rejected=0, undecided=2, held_for=["undecided"])
    assert "2 contacts could not be judged. What becomes of them?" in text_of(reviewer.get(verb_url(made, "accept")))
    assert give(reviewer, made, "accept").status_code == 200
    assert state(made)[0] == Status.IN_REVIEW
    assert give(reviewer, made, "accept", undecided=choice).status_code == 302
    made.refresh_from_db()
    assert (made.status, made.accepted, made.rejected) == (Status.ACCEPTED, accepted, 5 - accepted)
    settled = Decision.objects.get(pk=made.first_decision)
    assert settled.decided_by is not None and settled.decided_by.get_username() == "reviewer.lyon"


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
    assert "5 contacts are rejected at Symplify" in text
    assert "2 rows have no address to reject them: they take the “timed out” way" in text
    assert "Reject 5" in text


@pytest.mark.parametrize("verb", ["take-on", "give-up"])
def test_a_note_is_asked_for_where_somebody_answers_for_it(verb: str) -> None:
    make, _given, _allowed, _holds = VERBS[verb]
    made = make()
    before = state(made)
    manager = client_of("Manager")
    for note in ("", "   "):
        response = give(manager, made, verb, note=note)
        assert response.status_code == 200
        assert "Say why in a note: it stays with the batch." in text_of(response)
    assert state(made) == before


def test_a_page_that_lost_its_revision_decides_nothing(reviewer: Client) -> None:
    made = held()
    for revision in ("", "x", "-1"):
        response = reviewer.post(verb_url(made, "accept"), {"revision": revision, "note": ""})
        assert response.status_code == 200
        assert "The page was incomplete. Look again, then decide." in text_of(response)
    assert reviewer.post(verb_url(made, "accept"), {"note": ""}).status_code == 200
    assert state(made)[0] == Status.IN_REVIEW


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("row", "to", "verdict"), [(0, "accept", Verdict.ACCEPTED), (2, "reject", Verdict.REJECTED)])
def test_one_decision_is_changed_by_those_who_may(role: str, row: int, to: str, verdict: Verdict) -> None:
    made = held()
    old = Decision.objects.get(pk=made.first_decision + row).verdict
    client = client_of(role)
    response = give(client, made, "contact", row, to, note="asked by the shop")
    changed = Decision.objects.select_related("decided_by").get(pk=made.first_decision + row)
    if role in {"Reviewer", "Manager"}:
        assert response.status_code == 302
        assert (changed.verdict, changed.text) == (verdict, "asked by the shop")
        assert changed.decided_by is not None and changed.decided_by.get_username() == f"{role.lower()}.lyon"
    else:
        assert response.status_code == 403
        assert changed.verdict == old


def test_a_changed_decision_needs_a_note_and_names_the_new_numbers(reviewer: Client) -> None:
    made = held()
    text = text_of(reviewer.get(verb_url(made, "contact", 0, "accept")))
    assert "Put back A-0?" in text
    assert "Then 4 get it if the batch is accepted, and 1 do not." in text
    assert give(reviewer, made, "contact", 0, "accept").status_code == 200
    assert Decision.objects.get(pk=made.first_decision).verdict == Verdict.REJECTED


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
    assert Decision.objects.get(pk=made.first_decision).verdict == Verdict.ACCEPTED


def test_single_decisions_can_be_changed_only_while_the_batch_is_held(reviewer: Client) -> None:
    for made in (batch(Status.ACCEPTED, accepted=1, rejected=1), batch(Status.EXPIRED, accepted=1, rejected=1)):
        rows = reviewer.get(page_url(made)).context["page"].contacts.rows
        assert all(row.to == () for row in rows)
        assert give(reviewer, made, "contact", 0, "accept", note="x").status_code == 409


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


@pytest.mark.parametrize(
    ("source", "task"), [("batch", "sendouts.advance_files"), ("single", "sendouts.advance_singles")]
)
def test_the_workers_are_nudged_once_it_is_stored(
    reviewer: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    source: str,
    task: str,
) -> None:
    nudged: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(verb_views, "nudge", lambda name, ids: nudged.append((name, ids)))
    made = held(source=source)
    with django_capture_on_commit_callbacks(execute=True):
        assert give(reviewer, made, "accept").status_code == 302
        assert nudged == [], "before the commit nobody would find anything"
    assert nudged == [(task, [made.pk])]


def test_what_was_done_is_said_on_the_page_of_the_batch(reviewer: Client) -> None:
    made = held()
    response = give(reviewer, made, "accept", note="checked with the shop")
    text = text_of(reviewer.get(response["Location"]))
    assert "Accepted. The rejections are sent first, then the messages go out." in text
    assert "checked with the shop" in text and "reviewer.lyon" in text


def test_the_release_without_an_answer_is_taken_on_by_name() -> None:
    made = batch(
        Status.DELIVERED, accepted=3, outcome="released", finish_sent_at=timezone.now(), finish_status=409,
        attention="finish_unconfirmed", attention_data={"status": 409, "lost": False},
    )  # fmt: skip
    manager = client_of("Manager")
    assert offered(manager, made) == {"retry", "take-on"}
    assert give(manager, made, "take-on", note="seen in Symplify").status_code == 302
    assert state(made)[0] == Status.FINISHED


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


def test_the_page_that_stops_a_release_says_how_many_rejections_stay(reviewer: Client) -> None:
    made = unconfirmed()
    text = text_of(reviewer.get(verb_url(made, "undo")))
    assert "2 rejections were sent or are on their way: they stay, and cannot be put back." in text
    Decision.objects.update(answer=Answer.NONE)
    assert "No rejection was sent yet" in text_of(reviewer.get(verb_url(made, "undo")))


def test_a_contact_whose_rejection_was_sent_is_not_offered_to_be_put_back(reviewer: Client) -> None:
    made = unconfirmed()
    give(reviewer, made, "undo")
    page = reviewer.get(page_url(made)).context["page"]
    assert {row.to for row in page.contacts.rows if row.answer} == {()}
    response = give(reviewer, made, "contact", 0, "accept", note="Please.")
    assert response.status_code == 409
    assert "sent before the release was stopped" in text_of(response)
    assert offered(reviewer, made) == {"accept", "refuse", "give-up"}
