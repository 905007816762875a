"""Every fault of a platform, at each of its three addresses, for good and then no more.

Whatever happens, nobody is released while a rejection is unconfirmed, nobody is wrongly rejected, and the batch ends
finished, or waits with a sentence, or expires. Once the fault is over, it goes on.
"""

import threading
import time
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from outbound.breaker import breakers
from sendouts import lifecycle
from sendouts.models import Batch, Webhook
from sendouts.verbs import TryAgain
from sendouts.wording import batch_sentences
from simulator.client import Report
from tests.gate import Gate, carry_out, reviewer
from tests.lanes import plan_hooks

DOWNLOAD = {
    "slow": {"kind": "slow", "seconds": 0.2},
    "slow beyond the time-out": {"kind": "slow", "seconds": 3},
    "hang": {"kind": "hang"},
    "drip": {"kind": "drip", "bytes": 2_000, "interval": 0.01},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "429 with seconds": {"kind": "status", "status": 429, "retry_after": 1},
    "429 with a date": {"kind": "status", "status": 429, "retry_after": "date", "seconds": 2},
    "404": {"kind": "status", "status": 404},
    "204": {"kind": "status", "status": 204},
    "reset before": {"kind": "reset_before"},
    "reset after": {"kind": "reset_after"},
    "redirect": {"kind": "redirect", "location": "/elsewhere"},
    "permanent redirect": {"kind": "redirect", "status": 308, "location": "http://169.254.169.254/"},
    "cut": {"kind": "cut", "at": 0.5},
    "cut, said to be whole": {"kind": "cut", "at": 0.5, "clean": True},
    "too long a length": {"kind": "wrong_length", "by": 10},
    "too short a length": {"kind": "wrong_length", "by": -10},
    "wrong type": {"kind": "wrong_type"},
    "corrupt gzip": {"kind": "corrupt_gzip", "at": 0.5},
    "corrupt gzip trailer": {"kind": "corrupt_gzip", "at": 1},
}
_SHARED = (
    *("slow", "slow beyond the time-out", "hang", "500", "503", "429 with seconds", "429 with a date", "404"),
    *("reset before", "reset after", "redirect", "permanent redirect", "wrong type", "too long a length"),
)
CALLS = {name: DOWNLOAD[name] for name in _SHARED} | {
    "hang without effect": {"kind": "hang", "effect": False},
    "drip": {"kind": "drip", "bytes": 1, "interval": 0.2},
    "500 after its effect": {"kind": "status", "status": 500, "effect": True},
    "409": {"kind": "status", "status": 409},
    "410": {"kind": "status", "status": 410},
    "cut": {"kind": "cut", "at": 0.5},
    "a storm of half": {"kind": "status", "status": 500, "share": 0.5},
}
# What does no harm however long it lasts.
HARMLESS = {(on, name) for on in ("download", "reject", "finish") for name in ("slow", "wrong type")} | {
    ("download", "drip")
}
MATRIX = [("download", name) for name in DOWNLOAD] + [(on, name) for on in ("reject", "finish") for name in CALLS]


SETTLE_SECONDS = 10


@pytest.fixture(autouse=True)
def _impatient(settings: Any) -> None:
    settings.SYMPLIFY_TIMEOUT = 0.5


def work(gate: Gate, rounds: int) -> None:
    gate.plan()
    for _ in range(rounds):
        # Silence is tested elsewhere: here each round asks the platform again.
        breakers.forget()
        gate.work()


def check(gate: Gate, sent: Report) -> Report:
    seen = gate.platform.sendout(sent["id"])
    assert (seen["violations"], seen["released_due"], seen["wrongly_rejected"]) == ([], 0, 0)
    batch = gate.batch()
    if seen["calls"]["finish"]:
        assert batch.finish_sent_at is not None and batch.confirmed == batch.rejected == 3
    assert batch.confirmed <= seen["rejected"]
    if batch.status != "finished":
        assert batch.attention and batch_sentences.attention(batch)
    return seen


@pytest.mark.parametrize(("on", "name"), MATRIX)
def test_a_fault_that_stays_and_then_passes(gate: Gate, on: str, name: str) -> None:
    gate.project()
    fault = (DOWNLOAD if on == "download" else CALLS)[name]
    gate.platform.faults([{**fault, "on": on}])
    sent = gate.fire(contacts=30, gzip="header")
    work(gate, 4)
    seen = check(gate, sent)
    assert seen["faults"] or name == "a storm of half", "it struck; a storm of half may spare a single call"
    if (on, name) in HARMLESS:
        assert gate.batch().status == "finished"
    elif gate.batch().status != "finished":
        assert seen["accepted"] == 0 or on == "finish", "only a finish of which nobody heard can have released anybody"
    gate.platform.faults()
    if gate.batch().status == "in_review":
        assert gate.batch().attention in {"no_proven_end", "unread_rows"}, (
            "a person decides, or has it downloaded again"
        )
        return
    if gate.batch().attention:
        carry_out(TryAgain(), gate.batch(), reviewer())
    until = time.monotonic() + SETTLE_SECONDS
    while not (gate.batch().status == "finished" or gate.batch().attention) and time.monotonic() < until:
        # A pause that the platform asked for may not be over.
        work(gate, 1)
    seen = check(gate, sent)
    assert (gate.batch().status, seen["accepted"], seen["rejected"]) == ("finished", 27, 3)


@pytest.mark.parametrize(("on", "name"), [("download", "503"), ("reject", "500"), ("finish", "hang")])
def test_at_the_deadline_of_a_batch_whose_fault_stays_the_rest_times_out(gate: Gate, on: str, name: str) -> None:
    gate.project()
    sent = gate.fire(contacts=60, faults={"faults": [{**CALLS[name], "on": on}]})
    work(gate, 4)
    seen = gate.platform.sendout(sent["id"])
    Batch.objects.update(deadline=timezone.now())
    lifecycle.expire(timezone.now())
    batch = gate.batch()
    assert (batch.status, batch.timed_out) == ("expired", batch.total - batch.confirmed)
    assert seen["accepted"] == 0 or on == "finish", "only a finish of which nobody heard can have released anybody"


def test_duplicate_hooks_at_the_same_moment_are_one_batch(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=30, faults={"faults": [{"kind": "duplicate_hook"}]})
    assert Webhook.objects.count() == 2
    work(gate, 1)
    seen = check(gate, sent)
    assert (gate.batch().status, seen["calls"]["finish"], seen["calls"]["download"]) == ("finished", 1, 1)
    assert sorted(Webhook.objects.values_list("outcome", flat=True)) == ["duplicate", "planned"]


@pytest.mark.django_db(transaction=True)
def test_duplicate_hooks_planned_by_two_workers_at_once_are_one_batch(platform: Any, _mailbox: Any) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory is one connection")
    gate = Gate(platform, _mailbox.bodies)
    gate.project()
    gate.platform.create("batch", contacts=10, project="Newsletter", journey="W", sendout="D", actions=[])
    body = gate.mailbox.pop()
    ids = gate.store(body, body) and list(Webhook.objects.values_list("pk", flat=True))
    start = threading.Barrier(2)

    def plan(pk: int) -> None:
        start.wait(10)
        try:
            plan_hooks([pk])
        finally:
            connection.close()

    threads = [threading.Thread(target=plan, args=(pk,)) for pk in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    Webhook.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    plan_hooks(ids)
    assert Batch.objects.count() == 1
    assert not Webhook.objects.filter(due_at__isnull=False).exists()
