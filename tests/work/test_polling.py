"""A worker without a broker finds its rows itself, and the sweep leaves them to it for a while."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from gateway.celery import PollStep
from gateway.lanes import make_poller, make_sweep
from sendouts.intake.store import seal_hook, store
from sendouts.models import Webhook
from tests.acceptance.deployment import wait_until
from work import pulses
from work.models import Pulse
from work.sweep import loop as work_sweep
from work.sweep.row_poller import RowPoller, polling

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_signs() -> None:
    pulses._signed.clear()


def arrive() -> None:
    """Store a hook."""
    store([seal_hook(b'{"event": "x"}', "application/json", timezone.now())])


def is_read() -> bool:
    """Whether the hook, which is none of ours, was read."""
    return Webhook.objects.filter(outcome="other").exists()


@pytest.fixture
def poller() -> Iterator[RowPoller]:
    made = make_poller({"small"})
    yield made
    made.end()


def test_a_worker_polls_from_the_loss_of_its_broker_until_the_next_connection(poller: RowPoller) -> None:
    arrive()
    poller.begin()
    wait_until(is_read, 30, "the hook is read")
    assert polling() == {pulses.SMALL}
    poller.pause()
    begun = threading.active_count()
    poller.begin()
    assert threading.active_count() == begun, "one thread polls"


def test_a_worker_polls_for_its_own_kinds_of_rows_only() -> None:
    arrive()
    made = make_poller({"files", "downloads"})
    made.round()
    made.end()
    assert not is_read() and polling() == {pulses.FILES, pulses.DOWNLOADS}


def test_the_sweep_leaves_rows_to_a_worker_that_polls_and_takes_what_stays_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work_sweep, "nudge", lambda *_, **__: False)
    arrive()
    pulses.write(pulses.POLLS + pulses.SMALL)
    sweep = make_sweep()
    taken: list[Any] = []
    monkeypatch.setattr(sweep._threads, "submit", lambda kind, name, ids, run: taken.append(name))
    for _ in range(work_sweep.POLLED_ROUNDS):
        sweep.round()
    assert "hooks" not in taken
    sweep.round()
    assert "hooks" in taken


def test_a_worker_that_polled_some_time_ago_is_left_nothing() -> None:
    pulses.write(pulses.POLLS + pulses.SMALL)
    Pulse.objects.update(at=timezone.now() - timedelta(minutes=1))
    assert polling() == set()


def test_the_worker_of_celery_begins_pauses_and_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    fake = SimpleNamespace(**{name: lambda name=name: said.append(name) for name in ("begin", "pause", "end")})
    monkeypatch.setattr("gateway.lanes.make_poller", lambda queues: fake)
    consumer: Any = SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from={}))))
    step = PollStep(consumer)
    step.start(consumer)
    step.stop(consumer)
    assert said == ["pause", "begin"]
    step._shut_down()
    step.stop(consumer)
    step.shutdown(consumer)
    assert said == ["pause", "begin", "end"]
