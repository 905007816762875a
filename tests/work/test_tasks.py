"""What workers are nudged to do: the rows decide, and one nudge serves all that wait."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gateway import tasks
from gateway.celery import app
from gateway.lanes import make_sweep
from gateway.tasks import TASKS
from sendouts.models import Batch, BulkChange, DecisionVerdict, EffectRun, Webhook
from sendouts.verbs import ChangeAlike, change_many
from sendouts.verbs.change_many import Which
from tests.factories import batch
from tests.gate import Gate, carry_out, reviewer
from work import claims, pulses
from work.sweep import loop as work_sweep

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    found: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(tasks, "nudge", lambda task, ids: found.append((task, list(ids))))
    return found


def changing() -> tuple[Batch, BulkChange]:
    """A batch whose rejections a worker must turn into acceptances."""
    made = batch(accepted=2, rejected=7)
    verb = ChangeAlike(Which(DecisionVerdict.REJECTED), DecisionVerdict.ACCEPTED)
    return made, carry_out(verb, made, reviewer(), revision=None)


def test_a_nudge_for_one_hook_takes_along_those_that_wait(gate: Gate) -> None:
    gate.project()
    sent = gate.fire("single", hooks=4)
    first = Webhook.objects.earliest("pk")
    TASKS["hooks"]([first.pk])
    assert gate.platform.sendout(sent["id"])["finished"] == 4
    TASKS["hooks"]([first.pk])
    assert Batch.objects.count() == 4


def test_what_somebody_is_at_work_on_or_waits_for_another_attempt_is_left_alone(gate: Gate) -> None:
    gate.project()
    gate.fire("single", hooks=3)
    held, later, due = Webhook.objects.order_by("pk")
    claims.take(Webhook, [held.pk])
    Webhook.objects.filter(pk=later.pk).update(due_at=timezone.now() + timedelta(minutes=1))
    TASKS["hooks"]([])
    assert list(Webhook.objects.filter(outcome="planned").values_list("pk", flat=True)) == [due.pk]


def test_contact_files_are_left_to_their_own_workers(gate: Gate, nudged: list[Any]) -> None:
    gate.project()
    gate.fire()
    TASKS["hooks"]([])
    assert nudged == [("downloads", [gate.batch().pk])] and gate.batch().status == "planned"


def test_a_change_of_many_decisions_is_carried_on_by_the_workers_for_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_many, "AT_ONCE", 0)
    monkeypatch.setattr(change_many, "PIECE", 3)
    made, bulk = changing()
    assert app.amqp.router.route({}, "sendouts.change_many")["queue"].name == "files"
    TASKS["changes"]([bulk.pk])
    TASKS["changes"]([bulk.pk])
    made.refresh_from_db()
    assert (made.accepted, BulkChange.objects.get().state) == (9, "done")


def test_the_sweep_does_itself_what_no_worker_takes_up(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> None:
    monkeypatch.setattr(change_many, "AT_ONCE", 0)
    monkeypatch.setattr(work_sweep, "nudge", lambda *_, **__: True)
    made, bulk = changing()
    names = {"phase": "transfer", "identifier": "crm", "kind": "none", "on_failure": "hold"}
    run = EffectRun.objects.create(batch=made, step=0, due_at=timezone.now(), **names)
    sweep = make_sweep()
    for _ in range(3):
        sweep.round()
    sweep._threads.end()
    bulk.refresh_from_db()
    run.refresh_from_db()
    assert (bulk.state, run.due_at) == ("done", None)
    assert set(sweep._rounds._troubles) == {pulses.FILES, pulses.SERVICES}
