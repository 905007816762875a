"""Stopping a release before finishUri: what had left is final, everything else is open again."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from sendouts.models import Answer, Batch, Chunk, Decision, DecisionVerdict, Event, Status
from sendouts.stages import advance, chunks, delivery, review
from sendouts.verbs import Accept, ChangeDecisions, Reject, RunAgain, StopRelease
from sendouts.verbs.base import Verb
from tests.factories import batch
from tests.gate import Gate, carry_out, person
from tests.verbs.rows import adds_up, decision, do, near_the_deadline, refusal
from work import claims

pytestmark = pytest.mark.django_db


def held(gate: Gate, **wanted: Any) -> dict[str, Any]:
    gate.project(review="always")
    sent = gate.fire(**({"contacts": 20} | wanted))
    gate.work()
    assert gate.batch().status == "in_review"
    return sent


def change(made: Batch, row: int, verdict: DecisionVerdict, user: User) -> Batch:
    return do(ChangeDecisions([made.first_decision + row], verdict), made, user)


def stopped(made: Batch, user: User, verb: Verb[Any] | None = None) -> Batch:
    """A held batch after an acceptance that is stopped before anything has left."""
    return do(StopRelease(), do(verb or Accept(), made, user), user)


def die_while_sending(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what a worker leaves that is killed after the first chunks were sent, before it stored an answer."""
    monkeypatch.setattr(chunks, "MARKED_AT_ONCE", 1)

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(delivery, "_collect", killed)
        with pytest.raises(SystemExit):
            gate.work()
    assert Chunk.objects.filter(sending=True).exists()


def test_an_acceptance_of_which_nothing_has_left_is_as_if_it_had_not_been(anna: User) -> None:
    made = batch(accepted=3, rejected=2, held_for=["always"])
    after = do(StopRelease(), do(Accept(), made, anna), anna, note="Wrong one.")
    assert (after.status, after.final, after.decided_at, after.claim_id) == ("in_review", 0, None, None)
    assert (after.accepted, after.rejected, after.held_for) == (3, 2, ["always", "stopped"])
    event = Event.objects.last()
    assert (event.old, event.new, event.note, event.user) == ("accepted", "in_review", "Wrong one.", anna)
    assert change(after, 0, DecisionVerdict.ACCEPTED, anna).accepted == 4
    adds_up(made)


def test_what_may_have_left_when_the_worker_died_is_final_and_confirmed_later(
    gate: Gate, anna: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHUNK_ROWS, settings.SYMPLIFY_CONCURRENCY = 10, 2
    # Slow enough that the worker dies before the last chunk has its turn.
    sent = held(gate, contacts=200, faults={"repeat_status": 410, "latency": 0.05})
    do(Accept(), gate.batch(), anna)
    die_while_sending(gate, monkeypatch)
    assert Chunk.objects.filter(sending=False).exists()
    made = do(StopRelease(), gate.batch(), anna)
    adds_up(made)
    marked = [row for row in gate.decisions() if row.answer == Answer.LOST]
    assert 0 < len(marked) == made.final < 20
    assert not Chunk.objects.filter(sending=True).exists()
    final = refusal(ChangeDecisions([marked[0].pk], DecisionVerdict.ACCEPTED), made, anna)
    assert final.code == "final" and "sent before the release was stopped" in str(final)
    assert "the checks cannot run again" in str(refusal(RunAgain(), made, anna))
    # Whoever is rejected now, in a chunk that was being sent, has not been sent: “gone” must not confirm it.
    change(made, marked[0].row - 1, DecisionVerdict.REJECTED, anna)
    unsent = [row for row in gate.decisions() if row.verdict == DecisionVerdict.REJECTED and row.answer == Answer.NONE]
    change(made, unsent[0].row, DecisionVerdict.ACCEPTED, anna)
    gate.platform.excuse(sent["id"])
    do(Accept(), made, anna)
    gate.work()
    assert gate.batch().status == "finished"
    assert gate.platform.sendout(sent["id"])["rejected"] == gate.batch().rejected == gate.batch().confirmed
    adds_up(made)


def test_a_rejected_batch_goes_back_to_what_was_said_but_for_what_was_sent(
    gate: Gate, anna: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHUNK_ROWS, settings.SYMPLIFY_CONCURRENCY = 10, 2
    sent = held(gate, contacts=200, due="all")
    before = {row.pk: (row.verdict, row.reason, row.text) for row in gate.decisions()}
    rejected = do(Reject(), gate.batch(), anna)
    assert (rejected.accepted, rejected.rejected) == (0, 200)
    die_while_sending(gate, monkeypatch)
    made = do(StopRelease(), gate.batch(), anna)
    adds_up(made)
    rows = gate.decisions()
    final = [row for row in rows if row.answer != Answer.NONE]
    assert 0 < len(final) == made.final < 200
    assert all(row.verdict == DecisionVerdict.REJECTED for row in final)
    assert all((row.verdict, row.reason, row.text) == before[row.pk] for row in rows if row.answer == Answer.NONE)
    assert made.accepted > 0 and made.outcome == ""
    do(Accept(), made, anna)
    gate.work()
    seen, ended = gate.platform.sendout(sent["id"]), gate.batch()
    assert (ended.status, ended.outcome) == ("finished", "released")
    assert (seen["accepted"], seen["rejected"]) == (ended.accepted, ended.confirmed)


def test_a_batch_whose_rejections_are_all_confirmed_can_still_be_stopped_before_its_release(
    gate: Gate, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = held(gate)
    do(Accept(), gate.batch(), anna)
    with monkeypatch.context() as unfinished:
        unfinished.setattr(advance, "STAGES", advance.STAGES[:-1])
        gate.work()
    assert gate.batch().status == "delivered"
    made = do(StopRelease(), gate.batch(), anna)
    assert (made.status, made.final, made.confirmed, made.outcome) == ("in_review", 2, 2, "")
    change(made, 0, DecisionVerdict.REJECTED, anna)
    do(Accept(), made, anna)
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["calls"]["finish"], seen["violations"]) == (17, 3, 1, [])
    adds_up(made)


def test_a_row_that_was_turned_and_not_sent_stays_rejected_is_counted_and_can_be_put_back(anna: User) -> None:
    made = do(Reject(), batch(accepted=3, rejected=2), anna)
    Decision.objects.filter(pk=made.first_decision + 4).update(verdict=DecisionVerdict.REJECTED, reason="refused")
    made = do(StopRelease(), made, anna)
    assert Event.objects.last().data == {"refused": 1}
    assert made.rejected == 3
    assert change(made, 4, DecisionVerdict.ACCEPTED, anna).accepted == 3


def test_what_the_acceptance_chose_for_the_undecided_is_open_again_and_what_a_person_changed_stays(anna: User) -> None:
    made = change(batch(accepted=2, undecided=1), 1, DecisionVerdict.REJECTED, anna)
    made = stopped(made, anna, Accept(undecided="accept"))
    assert (made.accepted, made.undecided, made.rejected) == (1, 1, 1)
    assert (decision(made, 0).reason, decision(made, 0).decided_by) == ("stopped", None)
    assert decision(made, 1).decided_by == anna
    adds_up(made)


def test_unread_rows_that_were_taken_on_must_be_taken_on_again(anna: User) -> None:
    boss = person("boss", "view_batch", "review_batch", "take_on_batch")
    trouble = {"attention": "unread_rows", "attention_data": {"rows": 1, "code": "no_id"}}
    made = stopped(batch(accepted=2, unread=1, addresses=False, **trouble), boss, Accept(take_on=True))
    assert {name: getattr(made, name) for name in trouble} == trouble
    assert (made.unread, made.unread_taken_on) == (1, 0)
    adds_up(made)
    assert "1 row could not be read" in str(refusal(Accept(), made, anna))
    assert do(Accept(take_on=True), made, boss).unread_taken_on == 1


def test_once_the_release_was_called_nothing_is_stopped(anna: User) -> None:
    made = batch(Status.DELIVERED, accepted=2, finish_sent_at=timezone.now())
    refused = refusal(StopRelease(), made, anna)
    assert refused.code == "released" and "already called" in str(refused)


def test_after_a_stop_the_clock_acts_as_declared_unless_its_moment_has_passed(anna: User) -> None:
    early = stopped(batch(accepted=2, rejected=1, at_deadline="accept"), anna)
    assert early.due_at is not None and early.due_at > timezone.now()
    late = batch(accepted=2, rejected=1, at_deadline="accept")
    near_the_deadline(late)
    late = stopped(late, anna)
    assert late.due_at is None
    assert change(late, 0, DecisionVerdict.ACCEPTED, anna).due_at is None


def test_a_stopped_release_does_not_go_on_by_itself_when_checks_that_run_again_find_nothing(anna: User) -> None:
    made = stopped(batch(accepted=2), anna)
    again = do(RunAgain(), made, anna)
    assert (again.status, again.held_for, again.total) == ("planned", ["stopped"], 0)
    again.total = again.accepted = 2
    assert review.reasons_to_hold(again) == ["stopped"]


def test_who_looked_at_an_older_state_is_told_who_did_what(anna: User, ben: User) -> None:
    made = change(batch(accepted=3, rejected=1), 0, DecisionVerdict.ACCEPTED, anna)
    accepted = do(Accept(), made, anna)
    made = do(StopRelease(), accepted, anna)
    second_click = refusal(StopRelease(), made, ben, revision=accepted.revision)
    assert "anna has just stopped the release" in str(second_click)
    told = str(refusal(Accept(), made, ben, revision=1))
    for happened in ("anna: 1 contact put back at ", "; anna: accepted at ", "; anna: release stopped at "):
        assert happened in told
    made = stopped(made, ben, Reject())
    assert "several other changes; anna: release stopped" in str(refusal(Accept(), made, anna, revision=1))


def test_a_claim_that_a_stop_takes_away_is_not_given_back_by_the_stale_worker(anna: User) -> None:
    made = do(Accept(), batch(accepted=2, rejected=1), anna)
    claim = claims.take(Batch, [made.pk])
    carry_out(StopRelease(), made, anna)
    with pytest.raises(claims.ClaimLost):
        delivery.deliver(claim, [made], timezone.now())
    assert not Chunk.objects.filter(sending=True).exists()
