"""Stopping a release before finishUri: what had left is final, everything else is open again."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone, translation

from sendouts.models import Answer, Batch, Chunk, Decision, DecisionVerdict, Event, Status
from sendouts.stages import advance, chunks, delivery
from sendouts.verbs import Accept, ChangeDecisions, Reject, RunAgain, StopRelease
from sendouts.verbs.base import NotDone
from tests.gate import Gate, carry_out, person, reviewer
from work import claims


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def held(gate: Gate, **wanted: Any) -> tuple[Batch, dict[str, Any]]:
    gate.project(review="always", **wanted.pop("policy", {}))
    sent = gate.fire(**({"contacts": 20} | wanted))
    gate.work()
    assert gate.batch().status == "in_review"
    return gate.batch(), sent


def do(gate: Gate, verb: Any, user: User | None = None, **more: Any) -> Any:
    batch = gate.batch()
    user = user or User.objects.filter(username="reviewer").first() or reviewer()
    return carry_out(verb, batch, user, **more)


def change(gate: Gate, row: int, verdict: DecisionVerdict) -> None:
    do(gate, ChangeDecisions([gate.decisions()[row].pk], verdict))


def die_while_sending(gate: Gate, monkeypatch: pytest.MonkeyPatch, marked_at_once: int = 1) -> None:
    """Leave what a worker leaves that is killed after the first chunks were sent, before it stored an answer."""
    monkeypatch.setattr(chunks, "MARKED_AT_ONCE", marked_at_once)

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(delivery, "_collect", killed)
        with pytest.raises(SystemExit):
            gate.work()
    assert Chunk.objects.filter(sending=True).exists()


def adds_up(gate: Gate) -> None:
    batch, rows = gate.batch(), gate.decisions()
    verdicts = [row.verdict for row in rows if not (row.unread and row.verdict == DecisionVerdict.UNDECIDED)]
    counts = (batch.accepted, batch.rejected, batch.undecided)
    assert counts == tuple(
        verdicts.count(word) for word in (DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED, DecisionVerdict.UNDECIDED)
    )
    assert sum(counts) + batch.unread == batch.total
    assert batch.confirmed == sum(row.answer == Answer.CONFIRMED for row in rows)


def test_an_acceptance_of_which_nothing_has_left_is_as_if_it_had_not_been(gate: Gate) -> None:
    _, sent = held(gate)
    do(gate, Accept())
    do(gate, StopRelease(), note="Wrong one.")
    after = gate.batch()
    assert (after.status, after.final, after.decided_at, after.claim_id) == ("in_review", 0, None, None)
    assert (after.accepted, after.rejected, after.held_for) == (18, 2, ["always", "stopped"])
    event = Event.objects.last()
    assert event is not None and event.user is not None
    assert (event.old, event.new, event.note, event.user.username) == (
        "accepted",
        "in_review",
        "Wrong one.",
        "reviewer",
    )
    change(gate, 9, DecisionVerdict.ACCEPTED)
    adds_up(gate)
    do(gate, Accept())
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["calls"]["finish"]) == (19, 1, 1)


def test_what_may_have_left_when_the_worker_died_is_final_and_confirmed_later(
    gate: Gate, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHUNK_ROWS, settings.SYMPLIFY_CONCURRENCY = 10, 2
    # Slow enough that the worker dies before the last chunk has its turn.
    _, sent = held(gate, contacts=200, faults={"repeat_status": 410, "latency": 0.05})
    do(gate, Accept())
    die_while_sending(gate, monkeypatch)
    assert Chunk.objects.filter(sending=False).exists()
    do(gate, StopRelease())
    adds_up(gate)
    marked = [row for row in gate.decisions() if row.answer == Answer.LOST]
    assert 0 < len(marked) == gate.batch().final < 20
    assert not Chunk.objects.filter(sending=True).exists()
    with pytest.raises(NotDone, match="sent before the release was stopped") as refused:
        change(gate, marked[0].row, DecisionVerdict.ACCEPTED)
    assert refused.value.code == "final"
    with pytest.raises(NotDone, match="the checks cannot run again"):
        do(gate, RunAgain())
    # Whoever is rejected now, in a chunk that was being sent, has not been sent: “gone” must not confirm it.
    change(gate, marked[0].row - 1, DecisionVerdict.REJECTED)
    open_again = next(
        row for row in gate.decisions() if row.verdict == DecisionVerdict.REJECTED and row.answer == Answer.NONE
    )
    change(gate, open_again.row, DecisionVerdict.ACCEPTED)
    gate.platform.excuse(sent["id"])
    do(gate, Accept())
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert gate.batch().status == "finished"
    assert seen["rejected"] == gate.batch().rejected == gate.batch().confirmed
    adds_up(gate)


def test_a_rejected_batch_goes_back_to_what_was_said_but_for_what_was_sent(
    gate: Gate, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHUNK_ROWS, settings.SYMPLIFY_CONCURRENCY = 10, 2
    _, sent = held(gate, contacts=200, due="all")
    before = {row.pk: (row.verdict, row.reason, row.text) for row in gate.decisions()}
    do(gate, Reject())
    assert (gate.batch().accepted, gate.batch().rejected) == (0, 200)
    die_while_sending(gate, monkeypatch)
    do(gate, StopRelease())
    adds_up(gate)
    rows = gate.decisions()
    final = [row for row in rows if row.answer != Answer.NONE]
    assert 0 < len(final) == gate.batch().final < 200
    assert all(row.verdict == DecisionVerdict.REJECTED for row in final)
    assert all((row.verdict, row.reason, row.text) == before[row.pk] for row in rows if row.answer == Answer.NONE)
    assert gate.batch().accepted > 0 and gate.batch().outcome == ""
    do(gate, Accept())
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, gate.batch().outcome) == ("finished", "released")
    assert seen["accepted"] == gate.batch().accepted and seen["rejected"] == gate.batch().confirmed


def test_a_row_that_was_turned_and_not_sent_stays_rejected_is_counted_and_can_be_put_back(gate: Gate) -> None:
    held(gate)
    do(gate, Reject())
    row = gate.decisions()[0]
    Decision.objects.filter(pk=row.pk).update(verdict=DecisionVerdict.REJECTED, reason="refused")
    do(gate, StopRelease())
    event = Event.objects.last()
    assert event is not None and event.data == {"refused": 1}
    assert gate.batch().rejected == 3
    change(gate, 0, DecisionVerdict.ACCEPTED)
    assert gate.batch().accepted == 18


def test_what_the_acceptance_chose_for_the_undecided_is_open_again(gate: Gate) -> None:
    rows = [{"contactId": "A", "properties": {}}, {"contactId": "B", "properties": {"consent": True}}]
    held(gate, rows=rows, contacts=2, due="none")
    do(gate, Accept(undecided="accept"))
    assert gate.batch().accepted == 2
    do(gate, StopRelease())
    assert (gate.batch().accepted, gate.batch().undecided) == (1, 1)
    assert (gate.decisions()[0].reason, gate.decisions()[0].decided_by) == ("stopped", None)
    adds_up(gate)


def test_what_a_person_had_changed_before_the_acceptance_stays(gate: Gate) -> None:
    held(gate)
    change(gate, 0, DecisionVerdict.REJECTED)
    do(gate, Accept())
    do(gate, StopRelease())
    assert (gate.batch().rejected, gate.decisions()[0].verdict) == (3, DecisionVerdict.REJECTED)
    assert gate.decisions()[0].decided_by == User.objects.get()


def test_unread_rows_that_were_taken_on_must_be_taken_on_again(gate: Gate) -> None:
    gate.project()
    gate.fire(contacts=20, format="ndjson", raw_lines=[[3, '{"contactId": "half']])
    gate.work()
    lifted = gate.batch().attention_data
    boss = person("boss", "view_batch", "review_batch", "take_on_batch")
    do(gate, Accept(take_on=True), boss)
    do(gate, StopRelease())
    batch = gate.batch()
    assert (batch.attention, batch.attention_data, batch.unread, batch.unread_taken_on) == ("unread_rows", lifted, 1, 0)
    adds_up(gate)
    with pytest.raises(NotDone, match="1 row could not be read"):
        do(gate, Accept())
    do(gate, Accept(take_on=True), boss)
    gate.work()
    assert (gate.batch().status, gate.batch().unread_taken_on) == ("finished", 1)


def without_finishing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advance, "STAGES", advance.STAGES[:-1])


def test_a_batch_whose_rejections_are_all_confirmed_can_still_be_stopped_before_its_release(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, sent = held(gate)
    do(gate, Accept())
    with monkeypatch.context() as stopped:
        without_finishing(stopped)
        gate.work()
    assert gate.batch().status == "delivered"
    do(gate, StopRelease())
    batch = gate.batch()
    assert (batch.status, batch.final, batch.confirmed, batch.outcome) == ("in_review", 2, 2, "")
    change(gate, 0, DecisionVerdict.REJECTED)
    do(gate, Accept())
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["calls"]["finish"], seen["violations"]) == (17, 3, 1, [])
    adds_up(gate)


def test_once_the_release_was_called_nothing_is_stopped(gate: Gate) -> None:
    held(gate, faults={"faults": [{"kind": "status", "on": "finish", "status": 500, "times": 99}]})
    do(gate, Accept())
    gate.work()
    assert gate.batch().status == "delivered"
    with pytest.raises(NotDone, match="already called") as refused:
        do(gate, StopRelease())
    assert refused.value.code == "released"
    assert gate.batch().status == "delivered"


def test_after_a_stop_the_clock_acts_as_declared(gate: Gate) -> None:
    held(gate, policy={"at_deadline": "accept"})
    do(gate, Accept())
    do(gate, StopRelease())
    assert gate.batch().due_at is not None and gate.batch().due_at > timezone.now()


def test_a_stop_after_the_moment_of_the_clock_is_not_undone_by_it(gate: Gate) -> None:
    held(gate, policy={"at_deadline": "accept"})
    # The margin of an hour is five minutes: with three left the clock would accept at once.
    Batch.objects.update(
        received_at=timezone.now() - timedelta(minutes=57), deadline=timezone.now() + timedelta(minutes=3)
    )
    do(gate, Accept())
    do(gate, StopRelease())
    gate.work()
    assert (gate.batch().status, gate.batch().due_at) == ("in_review", None)
    change(gate, 0, DecisionVerdict.REJECTED)
    gate.work()
    assert gate.batch().status == "in_review"


def test_a_stopped_release_does_not_go_on_by_itself_when_checks_that_run_again_find_nothing(gate: Gate) -> None:
    gate.project(consent=False, review="never", at_deadline="accept")
    gate.fire(contacts=20)
    gate.work()
    do(gate, Accept())
    do(gate, StopRelease())
    gate.define(gate.batch().project)
    do(gate, RunAgain(), note="")
    gate.work()
    assert (gate.batch().status, gate.batch().held_for) == ("in_review", ["stopped"])


def test_a_second_click_is_told_that_the_release_is_stopped(gate: Gate) -> None:
    held(gate)
    do(gate, Accept())
    do(gate, StopRelease(), reviewer("anna"))
    with pytest.raises(NotDone, match="anna has just stopped the release"):
        do(gate, StopRelease())


def test_a_single_is_stopped_alone(gate: Gate) -> None:
    gate.project(review="always")
    gate.fire("single", hooks=5, no_consent=1)
    gate.work()
    stopped, *others = Batch.objects.order_by("pk")
    user = reviewer()
    for batch in (stopped, *others):
        carry_out(Accept(), batch, user)
    stopped.refresh_from_db()
    carry_out(StopRelease(), stopped, user)
    gate.work()
    assert Batch.objects.filter(status=Status.FINISHED).count() == 4
    assert Batch.objects.get(pk=stopped.pk).status == "in_review"


def test_who_looked_at_an_older_state_is_told_who_did_what(gate: Gate) -> None:
    batch, _ = held(gate)
    anna, ben = reviewer("anna"), reviewer("ben")
    seen = batch.revision
    do(
        gate,
        ChangeDecisions([gate.decisions()[9].pk], DecisionVerdict.ACCEPTED),
        anna,
    )
    do(gate, Accept(), anna)
    do(gate, StopRelease(), anna)
    with pytest.raises(
        NotDone, match=r"anna: 1 contact put back at .*; anna: accepted at .*; anna: release stopped at"
    ):
        do(gate, Accept(), ben, revision=seen)
    do(gate, Reject(), ben)
    do(gate, StopRelease(), ben)
    with pytest.raises(NotDone, match="several other changes; anna: release stopped"):
        do(gate, Accept(), anna, revision=seen)


def test_a_claim_that_a_stop_takes_away_is_not_given_back_by_the_stale_worker(gate: Gate) -> None:
    held(gate)
    do(gate, Accept())
    claim = claims.take(Batch, [gate.batch().pk])
    do(gate, StopRelease())
    stale = Batch.objects.select_related("project", "sendout", "plan").get()
    stale.status = Status.ACCEPTED
    with pytest.raises(claims.ClaimLost):
        delivery.deliver(claim, [stale], timezone.now())
    assert gate.batch().confirmed == 0 and not Chunk.objects.filter(sending=True).exists()
