"""What people decide on held batches, bound to what they saw."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, connection
from django.utils import timezone, translation

from sendouts.models import Answer, Batch, DecisionVerdict, Event
from sendouts.verbs import (
    Accept,
    ChangeDecisions,
    GiveUp,
    Reject,
    RunAgain,
    TakeOn,
    TryAgain,
)
from sendouts.verbs.base import NotDone
from tests.gate import CONSENT, Gate, carry_out, person, reviewer
from work import claims


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def held(gate: Gate, **wanted: Any) -> tuple[Batch, dict[str, Any]]:
    gate.project(review="always")
    sent = gate.fire(**({"contacts": 20} | wanted))
    gate.work()
    batch = gate.batch()
    assert batch.status == "in_review"
    return batch, sent


def do(verb: Any, batch: Batch, user: User | None = None, **more: Any) -> Any:
    return carry_out(verb, batch, user or reviewer(), **{"note": "Checked."} | more)


def test_an_accepted_batch_is_released_and_says_who(gate: Gate) -> None:
    batch, sent = held(gate)
    user = reviewer("anna")
    do(Accept(), batch, user, note="Numbers are as usual.")
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (18, 2, [])
    event = Event.objects.get(batch=batch, new="accepted")
    assert (event.user, event.note, event.old) == (user, "Numbers are as usual.", "in_review")


def test_a_refused_batch_rejects_every_contact_and_then_finishes(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 6
    batch, sent = held(gate)
    do(Reject(), batch)
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["calls"]["finish"]) == (0, 20, 1)
    assert (gate.batch().status, gate.batch().outcome, gate.batch().rejected) == ("finished", "refused", 20)
    assert {row.verdict for row in gate.decisions()} == {DecisionVerdict.REJECTED}
    assert {row.decided_by for row in gate.decisions() if row.reason == "refused"} == {User.objects.get()}


def test_a_changed_decision_counts_and_names_the_person(gate: Gate) -> None:
    batch, sent = held(gate)
    user = reviewer()
    first, tenth = gate.decisions()[0], gate.decisions()[9]
    do(ChangeDecisions([first.pk], DecisionVerdict.REJECTED), batch, user)
    batch = gate.batch()
    assert (batch.accepted, batch.rejected) == (17, 3)
    do(ChangeDecisions([tenth.pk], DecisionVerdict.ACCEPTED), batch, user)
    batch = gate.batch()
    assert (batch.accepted, batch.rejected) == (18, 2)
    assert gate.decisions()[0].decided_by == user
    do(Accept(), batch, user)
    gate.work()
    assert gate.platform.sendout(sent["id"])["rejected"] == 2
    assert gate.words().count("changed") == 2


def test_undecided_contacts_follow_the_persons_choice(gate: Gate) -> None:
    rows = [{"contactId": "A", "properties": {}}, {"contactId": "B", "properties": {"consent": True}}]
    batch, sent = held(gate, rows=rows, contacts=2, due="none")
    user = reviewer()
    do(Accept(undecided="accept"), batch, user)
    gate.work()
    assert gate.platform.sendout(sent["id"])["accepted"] == 2
    assert gate.decisions()[0].decided_by == user and gate.decisions()[1].decided_by is None
    assert Event.objects.get(new="accepted").data == {"undecided": "accepted", "contacts": 1}


def test_undecided_contacts_are_rejected_where_nobody_chose(gate: Gate) -> None:
    rows = [{"contactId": "A", "properties": {}}, {"contactId": "B", "properties": {"consent": True}}]
    batch, sent = held(gate, rows=rows, contacts=2, due="none")
    do(Accept(), batch)
    gate.work()
    assert gate.platform.sendout(sent["id"])["rejected"] == 1


def test_what_a_person_does_is_bound_to_what_they_saw(gate: Gate) -> None:
    batch, _ = held(gate)
    do(
        ChangeDecisions([gate.decisions()[0].pk], DecisionVerdict.REJECTED),
        batch,
        reviewer("anna"),
    )
    with pytest.raises(NotDone, match="17 now get it, 3 do not") as refused:
        do(Accept(), batch, reviewer("ben"))
    assert refused.value.code == "changed"
    assert gate.batch().status == "in_review"


def test_the_second_of_two_people_is_told_who_was_first(gate: Gate) -> None:
    batch, _ = held(gate)
    do(Accept(), batch, reviewer("anna"))
    with pytest.raises(NotDone, match="anna has just accepted this batch"):
        do(Reject(), batch, reviewer("ben"))


def test_too_late_is_said(gate: Gate) -> None:
    batch, _ = held(gate)
    with pytest.raises(NotDone, match="The deadline passed at"):
        do(Accept(), batch, now=batch.deadline + timedelta(seconds=1))


def test_a_batch_whose_file_is_not_complete_is_never_accepted_but_may_be_refused(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=200, faults={"faults": [{"kind": "cut", "on": "download"}]})
    gate.work(rounds=4)
    batch = gate.batch()
    with pytest.raises(NotDone, match="not complete"):
        do(Accept(), batch, reviewer("anna"))
    do(Reject(), batch, reviewer("ben"))
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention) == ("refused", "refusal_stops")
    seen = gate.platform.sendout(sent["id"])
    assert seen["calls"]["finish"] == 0 and seen["rejected"] == batch.total > 0


def test_unread_rows_without_an_address_must_be_taken_on(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=20, format="ndjson", raw_lines=[[3, '{"contactId": "half']])
    gate.work()
    batch = gate.batch()
    with pytest.raises(NotDone, match="1 row could not be read"):
        do(Accept(), batch, reviewer("anna"))
    with pytest.raises(NotDone) as refused:
        do(Accept(take_on=True), batch, reviewer("ben"), note="I answer for it.")
    assert refused.value.code == "not_allowed"
    boss = person("boss", "view_batch", "review_batch", "take_on_batch")
    with pytest.raises(NotDone, match="note"):
        do(Accept(take_on=True), batch, boss, note="")
    do(Accept(take_on=True), batch, boss)
    gate.work()
    assert (gate.batch().status, gate.batch().unread_taken_on) == ("finished", 1)
    assert gate.platform.sendout(sent["id"])["violations"] == []


def test_an_unread_row_with_an_address_is_rejected(gate: Gate) -> None:
    gate.project()
    rows = [{"contactId": "A", "properties": {"consent": True}}, {"contactId": "", "properties": {"consent": True}}]
    sent = gate.fire(rows=rows, due="none")
    gate.work()
    assert (gate.batch().attention, gate.batch().unread) == ("unread_rows", 1)
    do(Accept(), gate.batch())
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], gate.batch().status) == (1, 1, "finished")


def test_unread_rows_are_let_through_only_by_who_may_take_on(gate: Gate) -> None:
    gate.project()
    rows = [{"contactId": "A", "properties": {"consent": True}}, {"contactId": "", "properties": {"consent": True}}]
    sent = gate.fire(rows=rows, due="none")
    gate.work()
    with pytest.raises(NotDone) as refused:
        do(Accept(undecided="accept"), gate.batch(), reviewer())
    assert refused.value.code == "not_allowed"
    do(Accept(undecided="accept"), gate.batch(), person("boss", "review_batch", "take_on_batch"))
    gate.work()
    assert gate.platform.sendout(sent["id"])["accepted"] == 2


def test_run_again_takes_todays_definitions(gate: Gate) -> None:
    project = gate.project(consent=False)
    sent = gate.fire(actions=["vip-2026"])
    gate.work()
    assert "unknown_action" in gate.batch().held_for
    gate.define(project, "VIP-2026 ", config=CONSENT)
    do(RunAgain(), gate.batch())
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["calls"]["download"]) == ("finished", 10, 2)


def test_giving_up_sends_nothing_more(gate: Gate) -> None:
    batch, sent = held(gate)
    do(GiveUp(), batch)
    gate.work()
    assert (gate.batch().status, gate.batch().timed_out) == ("abandoned", 20)
    assert gate.platform.sendout(sent["id"])["waiting"] == 20


def test_what_cannot_be_confirmed_is_taken_on_with_permission_numbers_and_note(gate: Gate) -> None:
    gate.project()
    faults = [{"kind": "status", "on": "reject", "status": 404, "share": 0.5, "times": 99}]
    gate.fire(contacts=200, due="none", faults={"faults": faults})
    gate.work(rounds=3)
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.due_at) == ("accepted", "unconfirmed", None)
    missing = batch.attention_data["rows"]
    assert 0 < missing == batch.rejected - batch.confirmed
    with pytest.raises(NotDone):
        do(TakeOn(), batch, reviewer())
    do(TakeOn(), batch, person("boss", "take_on_batch"))
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.taken_on) == ("finished", missing)
    assert [row.answer for row in gate.decisions()].count(Answer.TAKEN_ON) == missing
    assert Event.objects.get(word="taken_on").data == {"rejections": missing}


def test_what_a_worker_is_trying_at_this_moment_is_not_tried_beside_it(gate: Gate) -> None:
    gate.project()
    fault = {"kind": "status", "on": "finish", "status": 409, "share": 1.0, "times": 1}
    sent = gate.fire("single", no_consent=0, faults={"faults": [fault]})
    gate.work()
    assert (gate.batch().status, gate.batch().attention) == ("delivered", "finish_unconfirmed")
    Batch.objects.update(due_at=timezone.now())
    worker, ada = claims.take(Batch, [gate.batch().pk]), reviewer()
    with pytest.raises(NotDone) as refused:
        do(TryAgain(), gate.batch(), ada)
    assert refused.value.code == "busy"
    assert gate.batch().claim_id == worker.id, "the claim is still the worker's"
    worker.release()
    do(TryAgain(), gate.batch(), ada)
    gate.work()
    assert gate.platform.sendout(sent["id"])["calls"]["finish"] == 2


@pytest.mark.django_db(transaction=True)
def test_two_people_at_the_same_moment_and_one_wins(platform: Any, _mailbox: Any) -> None:
    gate = Gate(platform, _mailbox.bodies)
    batch, sent = held(gate)
    people = [reviewer("anna"), reviewer("ben")]
    start = threading.Barrier(2)
    said: dict[str, str] = {}

    def decide(user: User, verb: Any) -> None:
        start.wait()
        try:
            with translation.override("en"):
                do(verb, batch, user)
            said[user.username] = "done"
        except NotDone as refused:
            said[user.username] = refused.code
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=decide, args=pair) for pair in zip(people, (Accept(), Reject()), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(said.values()) == ["done", "moved_on"]
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert gate.batch().status == "finished" and seen["violations"] == [] and seen["waiting"] == 0
