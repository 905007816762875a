"""A platform that takes no calls: batches wait for its next probe, nobody is released, and people are told."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone, translation

from outbound import breaker as breaker_module
from outbound.breaker import Breaker, breakers
from outbound.fanout import Fanout
from sendouts.models import Answer, Batch, Decision
from sendouts.stages import callers
from sendouts.wording import batch_sentences
from simulator.client import Report
from tests.gate import Gate, finish_uri
from tests.lanes import work_on
from work import claims
from work.lanes import named

NO = {"contactId": "A-1", "properties": {"consent": False}}


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


def failing(**more: Any) -> Report:
    return {"faults": [{"kind": "status", "on": "reject", "status": 500, **more}]}


def open_it(gate: Gate) -> None:
    for _ in range(10):
        of_platform(gate).failed(0.0)
    assert of_platform(gate).is_open


def let_probe_pass(gate: Gate) -> None:
    of_platform(gate)._probe_at = 0.0


def rejects(gate: Gate, sent: Report) -> int:
    return int(gate.platform.sendout(sent["id"])["calls"]["reject"])


def test_a_storm_opens_it_and_one_call_passes_at_each_probe(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=3_000, faults=failing())
    gate.work()
    batch = gate.batch()
    assert batch.status == "accepted" and batch.due_at is not None
    assert 110 < (batch.due_at - timezone.now()).total_seconds() <= 120, "the probe's moment, never later than this"
    asked = rejects(gate, sent)
    assert 10 <= asked < 200, "of 300 rejections"
    assert Decision.objects.filter(answer=Answer.RETRY).count() == asked, "what was held back is not stored"
    gate.work(rounds=2)
    assert rejects(gate, sent) == asked, "nothing is sent while it is open"
    let_probe_pass(gate)
    gate.work()
    assert rejects(gate, sent) == asked + 1, "one probe, and no more"


def test_a_probe_that_is_answered_lets_the_rest_pass(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=300, faults=failing(total=14))
    for _ in range(8):
        gate.work()
        if of_platform(gate).is_open:
            let_probe_pass(gate)
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["rejected"], seen["violations"]) == ("finished", 30, [])


def test_a_download_waits_for_the_platform_and_people_are_told_why(gate: Gate) -> None:
    gate.project()
    gate.fire(contacts=100)
    gate.plan()
    open_it(gate)
    gate.work(rounds=3)
    assert (gate.batch().attention, gate.batch().status) == ("", "planned")
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention) == ("planned", "no_download")
    assert "takes no calls at the moment" in batch_sentences.attention(batch)
    of_platform(gate).succeeded()
    gate.work()
    assert gate.batch().status == "finished"


def test_what_the_platform_did_not_do_is_asked_again_by_workers_of_its_own(gate: Gate) -> None:
    gate.project()
    sent = gate.fire("single", rows=[NO], contacts=1, faults=failing(total=1))
    gate.plan()
    ids = [gate.batch().pk]
    work_on("singles", ids)
    batch = gate.batch()
    assert (batch.status, batch.attempts, batch.lane) == ("accepted", 1, "repeats")
    assert named("repeats").queue not in {named("singles").queue, named("files").queue}
    Batch.objects.update(due_at=claims.due_in())
    work_on("singles", ids)
    work_on("files", ids)
    assert rejects(gate, sent) == 1
    work_on("repeats", ids)
    assert (gate.batch().status, rejects(gate, sent)) == ("finished", 2)


def test_a_first_attempt_is_not_held_by_a_platform_that_says_nothing(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "SILENCE", 0.3)
    monkeypatch.setattr(breaker_module, "FAILURES", 1_000)
    asked: list[float] = []
    send = Fanout.send

    def watched(self: Fanout, calls: Any, **options: Any) -> Any:
        asked.append(options["patience"]())
        yield from send(self, calls, **options)

    monkeypatch.setattr(Fanout, "send", watched)
    gate.project()
    gate.fire("single", rows=[NO], contacts=1, faults={"faults": [{"kind": "hang", "on": "reject", "total": 1}]})
    gate.work(rounds=2)
    assert gate.batch().status == "finished"
    assert asked[:2] == [0.3, float("inf")], "the rejection and its repeat"
    assert len(asked) == 3 and asked[2] < 60, "the release"


def test_a_platform_that_answers_slowly_is_waited_for_once_it_is_known(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "SILENCE", 0.3)
    slow = {"faults": [{"kind": "slow", "on": "reject", "seconds": 0.8}]}
    gate.project()
    calls = []
    for name in ("first", "second"):
        sent = gate.fire("single", rows=[NO], contacts=1, sendout=name, faults=slow)
        gate.work(rounds=3)
        calls.append(rejects(gate, sent))
    assert calls == [2, 1]
    assert set(Batch.objects.values_list("status", flat=True)) == {"finished"}


def test_the_release_of_a_file_may_take_long_and_is_called_once(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "SILENCE", 0.3)
    gate.project()
    sent = gate.fire(contacts=3, faults={"faults": [{"kind": "slow", "on": "finish", "seconds": 0.8}]})
    gate.work()
    assert gate.batch().status == "finished"
    assert gate.platform.sendout(sent["id"])["calls"]["finish"] == 1


def test_some_batches_at_a_time_repeat_their_calls(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "REPEATS", 1)
    gate.project()
    for name in ("one", "two"):
        gate.fire(contacts=10, sendout=name)
    gate.plan()
    Batch.objects.update(status="delivered", attempts=1, due_at=claims.due_in())
    first, second = Batch.objects.order_by("pk").values_list("pk", flat=True)
    claim = claims.take(Batch, [first])
    assert list(callers.split_repeats([second])) == []
    claim.release()
    assert list(callers.split_repeats([first, second])) == [[first], [second]]
