"""Races with a change of many decisions, in real threads: it is whole or it is not, and nobody decides on half of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from sendouts import lifecycle
from sendouts.models import Batch, BulkChange, Decision, DecisionVerdict, Event
from sendouts.models.decision import rows_of
from sendouts.verbs import Accept, CancelChange, ChangeAlike, PutOnHold, change_many
from sendouts.verbs.change_many import Which
from tests.gate import Gate
from tests.lanes import work_on
from tests.stages.invariants import hold
from tests.verbs.racing import ROUNDS, Rounds, race, verb

pytestmark = pytest.mark.django_db(transaction=True)
CONSENT = Which(DecisionVerdict.REJECTED, ("rule", "consent-check"))


@pytest.fixture(autouse=True)
def _by_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_many, "AT_ONCE", 0)
    monkeypatch.setattr(change_many, "PIECE", 5)


def begin(batch: Batch, user: User, **more: Any) -> Any:
    return verb(ChangeAlike(CONSENT, DecisionVerdict.ACCEPTED), batch, user, **more)


def work(batch: Batch) -> Any:
    """Whatever a worker finds of the batch's changes."""
    return lambda: work_on("changes", list(BulkChange.objects.filter(batch=batch).values_list("pk", flat=True)))


def put_back(batch: Batch) -> int:
    return Decision.objects.filter(rows_of(batch.pk), reason="person", verdict=DecisionVerdict.ACCEPTED).count()


def test_a_change_and_an_acceptance_at_once_and_one_wins(gate: Gate, anna: User, ben: User) -> None:
    rounds = Rounds(gate)
    for _ in range(ROUNDS):
        batch, sent = rounds.fire(no_consent=0.2, due="none")
        said = race(begin(batch, anna), verb(Accept(), batch, ben))
        # Who comes second finds the change under way, or a batch that has moved on.
        assert sorted(said) in (["changing", "done"], ["done", "moved_on"])
        if said[0] == "done":
            assert rounds.last().status == "in_review"
            work(batch)()
            assert put_back(batch) == 4
            verb(Accept(), rounds.last(), ben)()
        ended = rounds.check(sent)
        assert (ended.status, ended.accepted) == ("finished", 20 if said[0] == "done" else 16)


def test_an_acceptance_while_pieces_are_changed_sees_none_or_all_of_them(gate: Gate, anna: User, ben: User) -> None:
    rounds = Rounds(gate)
    for _ in range(ROUNDS):
        batch, sent = rounds.fire(no_consent=0.2, due="none")
        begin(batch, anna)()
        batch = rounds.last()
        said = race(work(batch), verb(Accept(), batch, ben, revision=None))
        assert said[0] == "done" and said[1] in {"done", "changing"}
        work(batch)()
        if said[1] != "done":
            verb(Accept(), rounds.last(), ben)()
        assert rounds.check(sent).accepted == 20


def test_two_workers_at_one_change_do_it_once(gate: Gate, anna: User) -> None:
    rounds = Rounds(gate)
    for _ in range(ROUNDS):
        batch, sent = rounds.fire(no_consent=0.2, due="none")
        begin(batch, anna)()
        assert race(work(batch), work(batch), work(batch)) == ["done"] * 3
        work(batch)()
        bulk = BulkChange.objects.get(batch=batch)
        assert (bulk.state, bulk.changed, put_back(batch)) == ("done", 4, 4)
        hold([rounds.last()])
        assert Event.objects.filter(batch=batch, word="change_ended").count() == 1
        verb(Accept(), rounds.last(), anna)()
        rounds.check(sent)


def test_a_change_that_is_stopped_while_it_is_worked_on_stands_where_it_stopped(
    gate: Gate, anna: User, ben: User
) -> None:
    rounds = Rounds(gate)
    states = set()
    for _ in range(ROUNDS):
        batch, sent = rounds.fire(no_consent=0.3, due="none")
        begin(batch, anna)()
        said = race(work(batch), verb(CancelChange(), batch, ben, revision=None))
        assert said[0] == "done" and said[1] in {"done", "nothing"}
        work(batch)()
        bulk = BulkChange.objects.get(batch=batch)
        states.add(bulk.state)
        assert bulk.state == ("cancelled" if said[1] == "done" else "done")
        assert bulk.changed == put_back(batch)
        hold([rounds.last()])
        verb(Accept(), rounds.last(), ben)()
        rounds.check(sent)
    assert states <= {"cancelled", "done"}


def test_two_people_begin_and_one_change_runs(gate: Gate, anna: User, ben: User) -> None:
    rounds = Rounds(gate)
    for _ in range(ROUNDS // 2):
        batch, sent = rounds.fire(no_consent=0.2, due="none")
        said = race(begin(batch, anna), begin(batch, ben), begin(batch, anna))
        assert sorted(said) == ["changing", "changing", "done"]
        assert BulkChange.objects.filter(batch=batch).count() == 1
        work(batch)()
        verb(Accept(), rounds.last(), anna)()
        rounds.check(sent)


@pytest.mark.parametrize("declared", ["accept", "reject"])
def test_a_change_at_the_moment_of_the_clock_is_begun_or_comes_too_late(gate: Gate, anna: User, declared: str) -> None:
    rounds = Rounds(gate, at_deadline=declared)
    for _ in range(ROUNDS):
        batch, sent = rounds.fire(no_consent=0.2, due="none")
        now = timezone.now()
        Batch.objects.filter(pk=batch.pk).update(
            due_at=now, received_at=now - timedelta(minutes=57), deadline=now + timedelta(minutes=3)
        )
        batch = rounds.last()
        said = race(lambda batch=batch: rounds.advance(batch), begin(batch, anna))
        assert said[0] == "done" and said[1] in {"done", "moved_on"}
        if said[1] == "done":
            assert (rounds.last().status, rounds.last().due_at) == ("in_review", None)
            work(batch)()
            # Its moment has passed: the clock acts now, on what the person made of it.
            assert rounds.last().due_at is not None
        ended = rounds.check(sent)
        accepted = 0 if declared == "reject" else 20 if said[1] == "done" else 16
        assert (ended.status, ended.accepted) == ("finished", accepted)


def test_a_change_at_the_deadline_ends_with_the_batch(gate: Gate, anna: User) -> None:
    rounds = Rounds(gate)
    for _ in range(ROUNDS):
        batch, sent = rounds.fire(no_consent=0.3, due="none")
        begin(batch, anna)()
        Batch.objects.filter(pk=batch.pk).update(deadline=timezone.now())
        batch = rounds.last()
        said = race(work(batch), lambda batch=batch: lifecycle.expire(timezone.now(), [batch.pk]))
        assert said == ["done", "done"]
        lifecycle.expire(timezone.now(), [batch.pk])
        work(batch)()
        bulk = BulkChange.objects.get(batch=batch)
        assert (bulk.state, bulk.changed) == ("overtaken", put_back(batch))
        ended = rounds.last()
        assert ended.status == "expired"
        assert gate.platform.sendout(sent["id"])["calls"]["finish"] == 0
        hold([ended])


def test_a_hold_at_the_moment_of_the_clock_is_put_or_comes_too_late(gate: Gate, anna: User) -> None:
    rounds = Rounds(gate, at_deadline="accept")
    for _ in range(ROUNDS):
        batch, sent = rounds.fire()
        Batch.objects.filter(pk=batch.pk).update(due_at=timezone.now())
        batch = rounds.last()
        said = race(lambda batch=batch: rounds.advance(batch), verb(PutOnHold(), batch, anna))
        assert said[0] == "done" and said[1] in {"done", "moved_on"}
        ended = rounds.last()
        assert (ended.status == "in_review") == (said[1] == "done")
        if said[1] == "done":
            assert ended.due_at is None
            verb(Accept(), ended, anna)()
        assert rounds.check(sent).status == "finished"
