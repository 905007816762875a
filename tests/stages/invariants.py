"""Invariants of every batch, whatever people and workers do to it, and in whatever order."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from sendouts.lifecycle import LEGAL
from sendouts.models import Answer, Batch, Decision, DecisionVerdict, Event, EventWord, Status
from sendouts.models.decision import rows_of
from simulator.client import Simulator

# The decisions of a rejected batch are turned while they are sent, so that its counts run ahead of them until then.
_TURNING = {Status.REFUSED, Status.EXPIRED, Status.ABANDONED}


def hold(batches: Iterable[Batch] | None = None) -> None:
    """Assert what must be true of these batches in the database, or of all of them."""
    for batch in Batch.objects.all() if batches is None else batches:
        events = list(Event.objects.filter(batch=batch).order_by("pk"))
        _events_are_a_legal_chain(batch, events)
        revisions_rise(batch, events)
        if batch.status != Status.PLANNED:
            counts_are_those_of_the_decisions(batch)
        if batch.finish_sent_at is not None:
            assert batch.file_complete and not batch.undecided + batch.unread
            assert batch.rejected == batch.confirmed + batch.taken_on
        assert (batch.claim_id is None) == (batch.claimed_until is None)
        assert not batch.ended_at or not batch.is_open


def _events_are_a_legal_chain(batch: Batch, events: list[Event]) -> None:
    moves = [event for event in events if event.word == EventWord.MOVED]
    assert [move.old for move in moves] == ["", *(move.new for move in moves[:-1])]
    assert all(move.new in LEGAL[Status(move.old)] for move in moves[1:])
    assert moves[-1].new == batch.status


def revisions_rise(batch: Batch, events: list[Event]) -> None:
    """Each change has one event and one number; what has none changed nothing that a person decides on."""
    told = [event.revision for event in events if event.revision]
    assert all(before < after for before, after in pairwise([1, *told]))
    assert batch.revision == 1 + len(told)


def counts_are_those_of_the_decisions(batch: Batch) -> None:
    rows = list(Decision.objects.filter(rows_of(batch.pk)))
    assert batch.accepted + batch.rejected + batch.undecided + batch.unread == batch.total == len(rows)
    assert batch.confirmed == sum(row.answer == Answer.CONFIRMED for row in rows)
    assert batch.taken_on == sum(row.answer == Answer.TAKEN_ON for row in rows)
    assert not any(row.verdict != DecisionVerdict.REJECTED for row in rows if row.answer != Answer.NONE)
    if batch.status not in _TURNING:
        seen = [row.verdict for row in rows if not (row.unread and row.verdict == DecisionVerdict.UNDECIDED)]
        assert batch.accepted == seen.count(DecisionVerdict.ACCEPTED)
        assert batch.rejected == seen.count(DecisionVerdict.REJECTED)
        assert batch.undecided == seen.count(DecisionVerdict.UNDECIDED)
    # Promise 3: accepted by every action, or by a named person.
    for row in rows:
        if row.verdict == DecisionVerdict.ACCEPTED and (row.reason or row.unread):
            assert row.decided_by_id is not None


def hold_at_the_platform(platform: Simulator, sent: Mapping[str, Any], batch: Batch) -> None:
    """Assert what the platform saw of a batch: nobody released who was to be rejected, and one release."""
    seen = platform.sendout(sent["id"])
    assert seen["violations"] == [] and seen["released_due"] == 0
    assert seen["calls"]["finish"] <= 1
    rejected = Decision.objects.filter(rows_of(batch.pk), verdict=DecisionVerdict.REJECTED).exclude(answer=Answer.NONE)
    assert batch.confirmed <= seen["rejected"] <= rejected.count()
    if batch.status == Status.FINISHED:
        assert (seen["accepted"], seen["rejected"], seen["waiting"]) == (batch.accepted, batch.rejected, 0)
    elif batch.is_open:
        assert seen["finished"] == 0
