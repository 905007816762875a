"""Rejections and the release: each answer stored, repeated where it may be, never a release in doubt."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import Q

from sendouts.models import Answer, Batch, Chunk
from sendouts.stages import chunks as delivery_chunks
from sendouts.stages import delivery
from tests.gate import Gate
from work import claims


def fault(kind: str, on: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "on": on, **more}


@pytest.mark.parametrize(("kind", "repeat"), [("reset_after", 410), ("reset_after", 409), ("reset_before", 200)])
def test_a_lost_answer_is_repeated_and_gone_confirms_it(gate: Gate, kind: str, repeat: int) -> None:
    gate.project()
    faults = {"faults": [fault(kind, "reject", share=0.5, times=1)], "repeat_status": repeat}
    sent = gate.fire(contacts=200, faults=faults)
    gate.work(rounds=3)
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["violations"]) == ("finished", 20, [])
    assert seen["faults"][kind] > 0


def test_an_answer_that_asks_for_another_time_does_not_undo_the_doubt_of_a_lost_one(gate: Gate) -> None:
    gate.project()
    faults = [fault("reset_after", "reject", times=1), fault("status", "reject", status=503, times=1)]
    sent = gate.fire(contacts=50, faults={"faults": faults, "repeat_status": 410})
    gate.work(rounds=3)
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["violations"]) == ("finished", 5, [])
    assert seen["faults"] == {"reset_after": 5, "status": 5}


def test_gone_at_the_first_attempt_is_no_confirmation(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=20, faults={"faults": [fault("status", "reject", status=410)]})
    gate.work(rounds=3)
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.confirmed) == ("accepted", "unconfirmed", 0)
    seen = gate.platform.sendout(sent["id"])
    assert (seen["calls"]["finish"], seen["calls"]["reject"]) == (0, 2)


@pytest.mark.parametrize("repeat", [409, 410])
def test_a_lost_release_is_repeated_once_and_recorded(gate: Gate, repeat: int) -> None:
    gate.project()
    faults = {"faults": [fault("reset_after", "finish", total=1)], "repeat_status": repeat}
    sent = gate.fire(faults=faults)
    gate.work(rounds=2)
    batch = gate.batch()
    assert (batch.status, batch.outcome, batch.finish_attempts) == ("finished", "released", 2)
    assert gate.words()[-3:] == ["finish_sent", "finish_repeated", "finished"]
    seen = gate.platform.sendout(sent["id"])
    assert (seen["calls"]["finish_repeat"], seen["violations"]) == (1, [])


def test_gone_is_enough_where_nobody_is_left_to_send_to(gate: Gate) -> None:
    gate.project()
    gate.fire("single", no_consent=1.0, faults={"faults": [fault("status", "finish", status=410)]})
    gate.work()
    assert (gate.batch().status, gate.batch().outcome) == ("finished", "empty")


@pytest.mark.parametrize("then", [[], [fault("status", "reject", status=500, times=1)]])
def test_after_a_kill_gone_confirms_what_may_have_been_sent(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, then: list[dict[str, Any]]
) -> None:
    gate.project()
    sent = gate.fire(contacts=100, faults={"repeat_status": 410})

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(delivery, "_store", killed)
        with pytest.raises(SystemExit):
            gate.work()
    # What a killed process leaves: answers that nobody stored, marked chunks, a claim that runs out.
    Chunk.objects.update(sending=True)
    gate.platform.excuse(sent["id"])
    gate.platform.faults(then)
    claims.drop_all(Batch)
    gate.work(rounds=2)
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["violations"]) == ("finished", 10, [])


def test_answers_are_kept_where_the_database_fails_at_the_next_rejections(
    gate: Gate, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHUNK_ROWS = 20
    gate.project()
    sent = gate.fire(contacts=400)
    original, read = delivery_chunks.conditions_of, []

    def fails_once(chunks: Sequence[tuple[Batch, Chunk]]) -> Iterator[Q]:
        read.append(len(chunks))
        if len(read) == 2:
            raise OperationalError
        return original(chunks)

    monkeypatch.setattr(delivery_chunks, "conditions_of", fails_once)
    with pytest.raises(OperationalError):
        gate.work()
    assert gate.batch().confirmed == sum(row.answer == Answer.CONFIRMED for row in gate.decisions()) > 0
    claims.drop_all(Batch)
    gate.work(rounds=2)
    report = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, report["rejected"], report["violations"]) == ("finished", 40, [])


SAYS_NO = [
    {"body": '{"status":"error","message":"message is already being sent"}', "type": "application/json"},
    {"body": "<html><title>Log in</title></html>"},
]


@pytest.mark.parametrize("said", SAYS_NO)
@pytest.mark.parametrize("kind", ["batch", "single"])
def test_a_rejection_that_says_no_under_200_lets_nobody_through_and_is_repeated(
    gate: Gate, kind: str, said: dict[str, str]
) -> None:
    gate.project()
    faults = [fault("status", "reject", status=200, times=2, **said)]
    sent = gate.fire(kind, contacts=20, no_consent=0.5, faults={"faults": faults})
    gate.work()
    assert not gate.platform.sendout(sent["id"])["calls"]["finish"] or kind == "single"
    for batch in Batch.objects.all():
        assert (batch.status, batch.confirmed) == ("accepted", 0) if batch.rejected else batch.status == "finished"
    gate.work(rounds=4)
    seen = gate.platform.sendout(sent["id"])
    assert (seen["violations"], seen["rejected"], seen["finished"]) == ([], 10, seen["deliveries"])


@pytest.mark.parametrize("said", SAYS_NO)
def test_a_platform_that_goes_on_saying_no_under_200_is_told_of_and_never_finished(
    gate: Gate, said: dict[str, str]
) -> None:
    gate.project()
    sent = gate.fire(contacts=20, faults={"faults": [fault("status", "reject", status=200, **said)]})
    gate.work(rounds=6)
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.confirmed) == ("accepted", "unconfirmed", 0)
    assert batch.attention_data == {"rows": 2, "said_no": True} and batch.due_at is not None
    assert gate.platform.sendout(sent["id"])["calls"]["finish"] == 0


@pytest.mark.parametrize("said", SAYS_NO)
def test_a_release_that_says_no_under_200_is_repeated_and_gone_then_confirms_nothing(
    gate: Gate, said: dict[str, str]
) -> None:
    gate.project()
    faults = [fault("status", "finish", status=200, total=1, **said), fault("status", "finish", status=410, total=1)]
    gate.fire(faults={"faults": faults})
    gate.work(rounds=3)
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.finish_lost) == ("delivered", "finish_unconfirmed", False)


def test_a_release_that_said_no_once_is_confirmed_by_the_next_answer(gate: Gate, settings: Any) -> None:
    settings.SYMPLIFY_CONFIRM_BODY = "released"
    gate.project()
    faults = [
        fault("status", "finish", status=200, total=2, body="later"),
        fault("status", "finish", status=200, body=""),
    ]
    yes = fault("status", "finish", status=200, total=1, body="it is released", effect=True)
    gate.fire(no_consent=0.0, faults={"faults": [faults[0], yes, faults[1]]})
    gate.work(rounds=4)
    batch = gate.batch()
    assert (batch.status, batch.outcome, batch.finish_attempts) == ("finished", "released", 3)
