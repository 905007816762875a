"""What workers are nudged to do: the rows decide, and one nudge serves all that wait."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from sendouts import claims, tasks
from sendouts.models import Batch, Webhook
from tests.sendouts.gate import Gate


@pytest.fixture(autouse=True)
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    found: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(tasks, "nudge", lambda task, ids: found.append((task, list(ids))))
    return found


def test_a_nudge_for_one_hook_takes_along_those_that_wait(gate: Gate) -> None:
    gate.project()
    sent = gate.fire("single", hooks=10)
    first = Webhook.objects.earliest("pk")
    tasks.plan([first.pk])
    assert gate.platform.sendout(sent["id"])["finished"] == 10
    tasks.plan([first.pk])
    assert Batch.objects.count() == 10


def test_what_somebody_is_at_work_on_or_waits_for_another_attempt_is_left_alone(gate: Gate) -> None:
    gate.project()
    gate.fire("single", hooks=3)
    held, later, due = Webhook.objects.order_by("pk")
    claims.take(Webhook, [held.pk])
    Webhook.objects.filter(pk=later.pk).update(due_at=timezone.now() + timedelta(minutes=1))
    tasks.plan([])
    assert list(Webhook.objects.filter(outcome="planned").values_list("pk", flat=True)) == [due.pk]


def test_contact_files_are_left_to_their_own_workers(gate: Gate, nudged: list[Any]) -> None:
    gate.project()
    gate.fire()
    tasks.plan([])
    assert nudged == [("sendouts.advance_files", [gate.batch().pk])] and gate.batch().status == "planned"
