"""A platform that takes no calls: batches wait for its next probe, nobody is released, and people are told."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone, translation

from outbound import breaker as breaker_module
from outbound.breaker import Breaker, breakers
from sendouts.models import Answer, Batch, Chunk, Decision
from sendouts.outlook import forecast
from sendouts.stages import delivery
from sendouts.wording import batch_sentences
from simulator.client import Report
from tests.gate import Gate, finish_uri
from work import claims


@pytest.fixture(autouse=True)
def _opens_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ten failures open it, however quickly they came; a probe is due only when a test says so."""
    monkeypatch.setattr(breaker_module, "SECONDS", 0.0)
    monkeypatch.setattr(breaker_module, "FIRST_PROBE", 600.0)
    monkeypatch.setattr(breaker_module, "LONGEST_PROBE", 600.0)
    with translation.override("en"):
        yield


def of_platform(gate: Gate) -> Breaker:
    return breakers.of("127.0.0.1", int(finish_uri(gate.batch()).split(":")[2].split("/")[0]))


def failing(on: str, status: int = 500) -> Report:
    return {"faults": [{"kind": "status", "on": on, "status": status}]}


def open_it(gate: Gate) -> None:
    for _ in range(10):
        of_platform(gate).failed(0.0)
    assert of_platform(gate).is_open


def let_probe_pass(gate: Gate) -> None:
    of_platform(gate)._probe_at = 0.0


def rejects(gate: Gate, sent: Report) -> int:
    return int(gate.platform.sendout(sent["id"])["calls"]["reject"])


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_storm_opens_it_and_the_batch_is_left_until_the_next_probe(gate: Gate, status: int) -> None:
    gate.project()
    sent = gate.fire(contacts=5_000, faults=failing("reject", status))
    gate.work()
    batch = gate.batch()
    assert batch.status == "accepted" and batch.due_at is not None
    assert 110 < (batch.due_at - timezone.now()).total_seconds() <= 120, "the probe's moment, never later than this"
    asked = rejects(gate, sent)
    assert 10 <= asked < 200, "of 500 rejections"
    assert Decision.objects.filter(answer=Answer.RETRY).count() == asked, "what was held back is not stored"
    gate.work(rounds=2)
    assert rejects(gate, sent) == asked, "nothing is sent while it is open"


def test_when_it_is_due_one_probe_passes_and_no_more(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=1_000, faults=failing("reject"))
    gate.work()
    asked = rejects(gate, sent)
    let_probe_pass(gate)
    gate.work()
    assert rejects(gate, sent) == asked + 1


def test_a_probe_that_is_answered_lets_the_rest_pass(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=1_000, faults={"faults": [{**failing("reject")["faults"][0], "total": 40}]})
    gate.work()
    for _ in range(40):
        if of_platform(gate).is_open:
            let_probe_pass(gate)
        gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["violations"]) == ("finished", 100, [])


def test_people_are_told_after_the_quiet_passes_and_why(gate: Gate) -> None:
    gate.project()
    gate.fire(contacts=1_000)
    gate.plan()
    open_it(gate)
    Batch.objects.update(due_at=timezone.now())
    # The download waits for the platform, too.
    gate.work(rounds=3)
    assert (gate.batch().attention, gate.batch().status) == ("", "planned")
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention) == ("planned", "no_download")
    assert "takes no calls at the moment" in batch_sentences.attention(batch)
    of_platform(gate).succeeded()
    gate.work()
    assert gate.batch().status == "finished"


def test_rejections_held_back_four_times_are_told_and_go_out_when_it_answers(gate: Gate) -> None:
    gate.project(review="always")
    sent = gate.fire(contacts=200)
    gate.work()
    Batch.objects.update(status="accepted", due_at=timezone.now())
    open_it(gate)
    gate.work(rounds=3)
    assert gate.batch().attention == ""
    gate.work()
    batch = gate.batch()
    assert (batch.attention, batch.attention_data) == ("unconfirmed", {"rows": 20, "held": True})
    assert "takes no calls at the moment" in batch_sentences.attention(batch)
    assert rejects(gate, sent) == 0
    of_platform(gate).succeeded()
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["violations"]) == ("finished", 20, [])


def test_the_release_waits_without_an_intent(gate: Gate) -> None:
    gate.project(review="always")
    sent = gate.fire(contacts=20)
    gate.work()
    columns: dict[str, Any] = {"rejected": 0, "accepted": 20, "due_at": timezone.now(), "outcome": "released"}
    Batch.objects.update(status="delivered", **columns)
    open_it(gate)
    gate.work(rounds=4)
    batch = gate.batch()
    assert (batch.finish_sent_at, batch.finish_attempts, batch.attention) == (None, 0, "finish_unconfirmed")
    assert batch_sentences.attention(batch) == "The release was not called yet; Symplify takes no calls at the moment."
    of_platform(gate).succeeded()
    gate.work()
    assert (gate.batch().status, gate.platform.sendout(sent["id"])["calls"]["finish"]) == ("finished", 1)


def test_the_forecast_knows_of_the_silence(gate: Gate) -> None:
    gate.project(review="always")
    gate.fire(contacts=100)
    gate.work()
    Batch.objects.update(status="accepted", due_at=timezone.now())
    open_it(gate)
    gate.work()
    silent_until = forecast.lately(timezone.now()).silent_until
    assert silent_until is not None and 590 < (silent_until - timezone.now()).total_seconds() <= 600


def test_doubt_of_a_kill_survives_being_held_back(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.project(review="always")
    sent = gate.fire(contacts=100, faults={"repeat_status": 410})
    gate.work()
    Batch.objects.update(status="accepted", due_at=timezone.now())

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(delivery, "_store", killed)
        with pytest.raises(SystemExit):
            gate.work()
    assert rejects(gate, sent) == 10
    Chunk.objects.update(sending=True)
    gate.platform.excuse(sent["id"])
    claims.drop_all(Batch)
    open_it(gate)
    gate.work(rounds=2)
    assert Chunk.objects.filter(sending=True).count() == 1
    of_platform(gate).succeeded()
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["violations"]) == ("finished", 10, [])


def test_doubt_of_a_lost_answer_survives_an_answer_of_not_now(gate: Gate) -> None:
    gate.project()
    faults = [
        {"kind": "reset_after", "on": "reject", "share": 1.0, "times": 1},
        {"kind": "status", "on": "reject", "status": 503, "share": 1.0, "times": 2},
    ]
    sent = gate.fire(contacts=50, faults={"faults": faults, "repeat_status": 410})
    for _ in range(4):
        gate.work()
        of_platform(gate).succeeded()
    seen = gate.platform.sendout(sent["id"])
    assert seen["faults"]["reset_after"] == 5 and seen["faults"]["status"] >= 5
    assert (gate.batch().status, seen["rejected"], seen["violations"]) == ("finished", 5, [])
