"""What people decide on batches in review, and what it leaves: counts, decisions and events."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from sendouts.models import Answer, Batch, Decision, DecisionVerdict, Event, Status
from sendouts.models.decision import rows_of
from sendouts.verbs import Accept, ChangeDecisions, Reject, RunAgain, TakeOn, TryAgain
from sendouts.verbs.base import NotDone
from tests.factories import batch
from tests.gate import CONSENT, Gate, carry_out, person, reviewer
from tests.stages.rows import now_of, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def do(verb: Any, made: Batch, user: User | None = None, **more: Any) -> Batch:
    carry_out(verb, made, user or reviewer(), **{"note": "Checked."} | more)
    return now_of(made)


def refused(verb: Any, made: Batch, user: User, match: str | None = None, **more: Any) -> str:
    with pytest.raises(NotDone, match=match) as found:
        do(verb, made, user, **more)
    return found.value.code


def decisions(made: Batch) -> list[Decision]:
    return list(Decision.objects.filter(rows_of(made.pk)).order_by("pk"))


def boss() -> User:
    return person("boss", "view_batch", "review_batch", "take_on_batch")


def test_a_refused_batch_rejects_every_contact_and_then_finishes(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 6
    gate.project(review="always")
    sent = gate.fire(contacts=20)
    gate.work()
    do(Reject(), gate.batch())
    gate.work()
    seen, ended = gate.platform.sendout(sent["id"]), gate.batch()
    assert (seen["accepted"], seen["rejected"], seen["calls"]["finish"]) == (0, 20, 1)
    assert (ended.status, ended.outcome, ended.rejected) == ("finished", "refused", 20)
    assert {row.verdict for row in gate.decisions()} == {DecisionVerdict.REJECTED}
    assert {row.decided_by for row in gate.decisions() if row.reason == "refused"} == {User.objects.get()}


def test_a_changed_decision_counts_and_names_the_person() -> None:
    made, user = batch(accepted=18, rejected=2), reviewer()
    rejected, accepted = decisions(made)[0], decisions(made)[2]
    made = do(ChangeDecisions([accepted.pk], DecisionVerdict.REJECTED), made, user)
    assert (made.accepted, made.rejected) == (17, 3)
    made = do(ChangeDecisions([rejected.pk], DecisionVerdict.ACCEPTED), made, user)
    assert (made.accepted, made.rejected) == (18, 2)
    assert decisions(made)[0].decided_by == user
    assert Event.objects.filter(batch=made, word="changed").count() == 2


@pytest.mark.parametrize(("verb", "became"), [(Accept(undecided="accept"), "accepted"), (Accept(), "rejected")])
def test_undecided_contacts_follow_the_persons_choice_and_are_rejected_without_one(verb: Accept, became: str) -> None:
    user = reviewer()
    made = do(verb, batch(accepted=1, undecided=1), user)
    assert (made.status, made.accepted, made.rejected) == ("accepted", 1 + (became == "accepted"), became == "rejected")
    first, second = decisions(made)
    assert (first.decided_by, second.decided_by) == (user, None)
    event = Event.objects.get(batch=made, new="accepted")
    assert (event.user, event.note, event.old) == (user, "Checked.", "in_review")
    assert event.data == {"undecided": became, "contacts": 1}


def test_what_a_person_does_is_bound_to_what_they_saw() -> None:
    made, anna = batch(accepted=18, rejected=2), reviewer("anna")
    do(ChangeDecisions([decisions(made)[2].pk], DecisionVerdict.REJECTED), made, anna)
    assert refused(Accept(), made, reviewer("ben"), "17 now get it, 3 do not") == "changed"
    assert now_of(made).status == "in_review"


def test_the_second_of_two_people_is_told_who_was_first() -> None:
    made = batch(accepted=1)
    do(Accept(), made, reviewer("anna"))
    refused(Reject(), made, reviewer("ben"), "anna has just accepted this batch")


def test_too_late_is_said() -> None:
    made = batch(accepted=1)
    refused(Accept(), made, reviewer(), "The deadline passed at", now=made.deadline + timedelta(seconds=1))


def test_unread_rows_without_an_address_must_be_taken_on() -> None:
    made = batch(accepted=1, unread=1, addresses=False, attention="unread_rows")
    refused(Accept(), made, reviewer("anna"), "1 row could not be read")
    assert refused(Accept(take_on=True), made, reviewer("ben")) == "not_allowed"
    refused(Accept(take_on=True), made, manager := boss(), "note", note="")
    made = do(Accept(take_on=True), made, manager)
    assert (made.status, made.accepted, made.unread, made.unread_taken_on) == ("accepted", 2, 0, 1)
    event = Event.objects.get(batch=made, new="accepted")
    assert event.data == {"taken_on": 1, "lifted": {"attention": "unread_rows", "data": {}}}


def test_unread_rows_are_let_through_only_by_who_may_take_on() -> None:
    made = batch(accepted=1, unread=1, attention="unread_rows")
    assert refused(Accept(undecided="accept"), made, reviewer("anna")) == "not_allowed"
    assert do(Accept(undecided="accept"), made, boss()).accepted == 2
    other = do(Accept(), batch(accepted=1, unread=1), reviewer("ben"))
    assert (other.accepted, other.rejected, other.unread) == (1, 1, 0), "with an address it is rejected"


def test_what_cannot_be_confirmed_is_taken_on_with_permission_numbers_and_note() -> None:
    made = batch(Status.ACCEPTED, accepted=1, rejected=5, confirmed=3, attention="unconfirmed")
    for row, answer in zip(decisions(made), [Answer.CONFIRMED] * 3 + [Answer.REFUSED, Answer.NONE], strict=False):
        Decision.objects.filter(pk=row.pk).update(answer=answer)
    assert refused(TakeOn(), made, reviewer()) == "not_allowed"
    made = do(TakeOn(), made, boss())
    assert (made.taken_on, made.attention, made.due_at is None) == (2, "", False)
    assert [row.answer for row in decisions(made)].count(Answer.TAKEN_ON) == 2
    assert Event.objects.get(word="taken_on").data == {"rejections": 2}


def test_what_a_worker_is_trying_at_this_moment_is_not_tried_beside_it() -> None:
    worker, made = take(batch(Status.DELIVERED, accepted=1, attention="finish_unconfirmed"))
    assert refused(TryAgain(), made, ada := reviewer()) == "busy"
    assert now_of(made).claim_id == worker.id, "the claim is still the worker's"
    worker.release()
    assert do(TryAgain(), made, ada).attention == ""


def test_run_again_takes_todays_definitions(gate: Gate) -> None:
    project = gate.project(consent=False)
    sent = gate.fire(actions=["vip-2026"])
    gate.work()
    assert "unknown_action" in gate.batch().held_for
    gate.define(project, "VIP-2026 ", config=CONSENT)
    do(RunAgain(), gate.batch())
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["calls"]["download"]) == ("finished", 10, 1)
