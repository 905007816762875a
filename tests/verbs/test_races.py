"""Races that people make, in real threads: exactly one wins, the other is told, and nobody is counted or sent to wrongly."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from actions.models import ActionDefinition
from sendouts import lifecycle
from sendouts.models import Answer, Batch, Decision, DecisionVerdict
from sendouts.verbs import Accept, ChangeDecisions, GiveUp, Reject, RunAgain, StopRelease
from tests.acceptance.deployment import wait_until
from tests.gate import CONSENT, Gate
from tests.stages.invariants import hold, hold_at_the_platform
from tests.verbs.racing import ROUNDS, Rounds, race, verb

pytestmark = pytest.mark.django_db(transaction=True)


def changing(batch: Batch, row: int, verdict: DecisionVerdict, user: User) -> Callable[[], Any]:
    return verb(ChangeDecisions([batch.first_decision + row], verdict), batch, user)


def test_accept_and_refuse_at_once_and_one_wins(gate: Gate, anna: User, ben: User) -> None:
    rounds = Rounds(gate)
    for _ in range(ROUNDS):
        batch, sent = rounds.fire()
        said = race(verb(Accept(), batch, anna), verb(Reject(), batch, ben))
        assert sorted(said) == ["done", "moved_on"]
        ended = rounds.check(sent)
        assert (ended.status, ended.outcome) == ("finished", "released" if said[0] == "done" else "refused")


@pytest.mark.parametrize("do", [Accept(), Reject(), GiveUp(), RunAgain(), StopRelease()])
def test_a_double_click_acts_once(gate: Gate, anna: User, do: Any) -> None:
    rounds = Rounds(gate)
    for _ in range(ROUNDS // 2):
        batch, sent = rounds.fire()
        if isinstance(do, StopRelease):
            verb(Accept(), batch, anna)()
            batch = rounds.last()
        said = race(*[verb(do, batch, anna)] * 3)
        # A second “run again” finds the batch in a status that allows it, and numbers that are not those of the page.
        other = "changed" if isinstance(do, RunAgain) else "moved_on"
        assert sorted(said) == sorted(["done", other, other])
        ended = rounds.check(sent)
        assert (ended.status == "in_review") == isinstance(do, RunAgain | StopRelease)


def test_accept_while_a_decision_is_changed_is_one_or_the_other(gate: Gate, anna: User, ben: User) -> None:
    rounds = Rounds(gate)
    for _ in range(ROUNDS):
        batch, sent = rounds.fire()
        said = race(verb(Accept(), batch, anna), changing(batch, 0, DecisionVerdict.REJECTED, ben))
        assert sorted(said) in (["changed", "done"], ["done", "moved_on"])
        if said[0] == "done":
            assert rounds.check(sent).rejected == 2
        else:
            assert said == ["changed", "done"]
            assert rounds.check(sent).status == "in_review" and rounds.last().rejected == 3


def test_stop_against_the_first_rejections_sent(gate: Gate, anna: User, settings: Any) -> None:
    settings.CHUNK_ROWS, settings.SYMPLIFY_CONCURRENCY = 10, 4
    rounds = Rounds(gate)
    gate.platform.faults(latency=0.005)
    stopped = 0
    for number in range(ROUNDS):
        batch, sent = rounds.fire(contacts=200, no_consent=0.3)
        verb(Accept(), batch, anna)()
        batch = rounds.last()

        def stop_after(count: int = number, batch: Batch = batch, sent: Any = sent) -> None:
            # At another point each time: before the first rejection, and after more and more of them.
            wait_until(
                lambda: gate.platform.sendout(sent["id"])["calls"]["reject"] >= count * 2, 20, "rejections leave"
            )
            verb(StopRelease(), batch, anna, revision=None)()

        said = race(lambda batch=batch: rounds.advance(batch), stop_after)
        assert said[0] == "done" and said[1] in {"done", "released", "moved_on"}
        # The client of the worker that lost its claim may have left connections open, whose answers it did not read.
        gate.platform.excuse(sent["id"])
        if said[1] == "done":
            stopped += 1
            batch = rounds.check(sent)
            assert batch.status == "in_review"
            open_again = Decision.objects.filter(
                pk__gte=batch.first_decision, verdict=DecisionVerdict.REJECTED, answer=Answer.NONE
            ).first()
            if open_again is not None:
                changing(batch, open_again.row, DecisionVerdict.ACCEPTED, anna)()
            verb(Accept(), rounds.last(), anna)()
        ended = rounds.last()
        rounds.advance(ended)
        ended = rounds.last()
        hold([ended])
        seen = gate.platform.sendout(sent["id"])
        assert (ended.status, seen["rejected"], seen["accepted"]) == ("finished", ended.rejected, ended.accepted)
        assert {each["kind"] for each in seen["violations"]} <= {"released_due"} and seen["calls"]["finish"] == 1
        assert seen["released_due"] == (said[1] == "done" and open_again is not None), "only whom a person put back"
    assert stopped > ROUNDS // 4


def test_stop_against_the_release_itself(gate: Gate, anna: User) -> None:
    rounds = Rounds(gate)
    for _ in range(ROUNDS):
        batch, sent = rounds.fire(no_consent=0, due="none")
        verb(Accept(), batch, anna)()
        batch = rounds.last()
        said = race(lambda batch=batch: rounds.advance(batch), verb(StopRelease(), batch, anna, revision=None))
        ended = rounds.last()
        if said[1] == "done":
            assert ended.status == "in_review" and gate.platform.sendout(sent["id"])["calls"]["finish"] == 0
        else:
            assert said[1] in {"released", "moved_on"} and ended.status == "finished"
        hold([ended])
        hold_at_the_platform(gate.platform, sent, ended)


def test_run_again_while_a_worker_still_stores_chunks(gate: Gate, anna: User, settings: Any) -> None:
    settings.CHUNK_ROWS = 5
    rounds = Rounds(gate, review="never")
    for number in range(ROUNDS):
        batch, sent = rounds.fire(work=False, contacts=100)

        def again(batch: Batch = batch, chunks: int = number) -> None:
            wait_until(lambda: batch.chunks.count() >= min(chunks, 15), 20, "chunks are stored")
            verb(RunAgain(), batch, anna, revision=None)()

        said = race(lambda batch=batch: rounds.advance(batch), again)
        assert said[0] == "done" and said[1] in {"done", "moved_on"}
        ended = rounds.check(sent)
        assert (ended.status, ended.total, ended.rejected) == ("finished", 100, 10)


@pytest.mark.parametrize("declared", ["accept", "reject", "leave"])
def test_at_the_moment_of_the_deadline_one_wins(gate: Gate, anna: User, declared: str) -> None:
    rounds = Rounds(gate, at_deadline=declared)
    for _ in range(ROUNDS // 2):
        batch, sent = rounds.fire()
        # The clock acts now, and the deadline is now for whoever looks after it.
        Batch.objects.filter(pk=batch.pk).update(due_at=None if declared == "leave" else timezone.now())
        batch = rounds.last()
        said = race(
            verb(Accept(), batch, anna),
            lambda batch=batch: rounds.advance(batch),
            lambda batch=batch: lifecycle.expire(batch.deadline, [batch.pk]),
        )
        assert said[0] in {"done", "moved_on"} and said[1:] == ["done", "done"]
        ended = rounds.check(sent)
        acted = gate.platform.sendout(sent["id"])
        assert ended.status in {"finished", "expired"}
        if ended.status == "expired":
            assert acted["calls"]["finish"] == 0
        elif said[0] != "done":
            assert ended.outcome == {"accept": "released", "reject": "refused"}[declared]


def test_a_change_at_the_moment_of_the_clock_is_counted_or_refused(gate: Gate, anna: User) -> None:
    rounds = Rounds(gate, at_deadline="accept")
    for _ in range(ROUNDS):
        batch, sent = rounds.fire()
        moment = timezone.now() - timedelta(seconds=1)
        Batch.objects.filter(pk=batch.pk).update(
            due_at=moment, received_at=moment, deadline=moment + timedelta(minutes=1)
        )
        batch = rounds.last()
        said = race(lambda batch=batch: rounds.advance(batch), changing(batch, 0, DecisionVerdict.REJECTED, anna))
        assert said[0] == "done" and said[1] in {"done", "moved_on"}
        Batch.objects.filter(pk=batch.pk, status="in_review").update(due_at=moment)
        ended = rounds.check(sent)
        assert (ended.status, ended.rejected) == ("finished", 3 if said[1] == "done" else 2)


def test_a_definition_changed_while_a_batch_is_screened_changes_the_next_batch_only(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 5
    rounds = Rounds(gate, review="never")
    for number in range(ROUNDS):
        ActionDefinition.objects.update(config=CONSENT)
        batch, sent = rounds.fire(work=False, contacts=60)

        def redefine(batch: Batch = batch, chunks: int = number) -> None:
            wait_until(lambda: batch.chunks.count() >= min(chunks, 8), 20, "chunks are stored")
            definition = ActionDefinition.objects.get()
            definition.config = CONSENT | {"reject_if": {"equals": True}}
            definition.save()

        said = race(lambda batch=batch: rounds.advance(batch), redefine)
        assert said == ["done", "done"]
        ended = rounds.check(sent)
        assert (ended.status, ended.rejected) == ("finished", 6)
    batch, sent = rounds.fire(due="all")
    assert (batch.status, batch.rejected) == ("finished", 18)
