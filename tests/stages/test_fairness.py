"""One slow service, or one huge file, holds up nobody but those who need it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from actions.models import Sendout
from outbound.breaker import service_breakers
from sendouts.models import Batch, Tempo
from sendouts.stages import callers
from sendouts.stages.screening import contact_file
from tests.acceptance.deployment import wait_until
from tests.actions.helpers import Reply, Service, service
from tests.gate import Gate
from tests.lanes import advance_batches, download_files, work_on
from work import claims
from work.lanes import named

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gate(platform: Any, _mailbox: Any) -> Gate:
    return Gate(platform, _mailbox.bodies)


@contextmanager
def slow_service() -> Iterator[tuple[Service, threading.Event]]:
    """A service that consents to everybody, and answers nobody before the event is set."""
    go_on = threading.Event()

    def reply(_number: int, question: Any) -> Reply:
        go_on.wait(60)
        verdicts = dict.fromkeys(question["contacts"], True)
        return 200, {"Content-Type": "application/json"}, json.dumps({"verdicts": verdicts}).encode()

    with service(reply) as running:
        try:
            yield running, go_on
        finally:
            go_on.set()


@contextmanager
def worker(*batch_ids: int) -> Iterator[threading.Thread]:
    """Another worker, that takes these batches as far as they go."""

    def work() -> None:
        try:
            advance_batches(list(batch_ids))
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(60)
        assert not thread.is_alive()


def asking(gate: Gate, url: str, name: str = "Slow", **config: Any) -> None:
    """A sendout whose contacts are asked about at a service."""
    first = Sendout.objects.first()
    project = gate.project() if first is None else first.project
    sendout = Sendout.objects.create(project=project, journey="Welcome", name=name)
    gate.define(sendout, "ask", run="always", kind="consent_check", config={"url": url, "timeout": 60, **config})


def planned(gate: Gate, kind: str, name: str, **wanted: Any) -> list[int]:
    gate.fire(kind, sendout=name, due="none", **({"no_consent": 0} | wanted))
    return sorted(gate.plan())


def finished(ids: list[int]) -> Callable[[], bool]:
    return lambda: Batch.objects.filter(pk__in=ids, status="finished").count() == len(ids)


def due_again(ids: list[int]) -> None:
    Batch.objects.filter(pk__in=ids).update(due_at=claims.due_in())


def test_a_service_has_some_callers_and_no_more_and_the_rest_waits_as_rows(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "CALLERS_OF_ONE", 1)
    with slow_service() as (running, go_on), slow_service() as (prompt, at_once):
        at_once.set()
        asking(gate, running.url)
        asking(gate, prompt.url, "Prompt")
        slow = planned(gate, "single", "Slow", hooks=5)
        quick = planned(gate, "single", "Quick", hooks=20)
        with worker(*slow, *quick):
            wait_until(finished(quick), 30, "the others are through")
            wait_until(lambda: running.questions, 30, "the service is asked")
            assert Batch.objects.filter(pk__in=slow, status="planned").count() == 5
            singles = planned(gate, "single", "Slow", hooks=2)
            files = planned(gate, "batch", "Slow", contacts=10)
            download_files(files)
            more = [*singles, *files]
            others = planned(gate, "single", "Prompt", hooks=2)
            advance_batches([*more, *others])
            assert finished(others)() and len(running.questions) == 1
            waiting = Batch.objects.filter(pk__in=more, status="planned", claim_id=None, due_at__gt=Now())
            assert waiting.count() == 3, "and no sweep need look at them"
            go_on.set()
        assert finished(slow)()
        due_again(more)
        advance_batches(more)
        assert finished(more)()


def test_a_service_that_answers_has_more_callers(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "CALLERS_OF_ONE", 1)
    monkeypatch.setattr(callers, "PROMPT_SECONDS", 600.0)
    with slow_service() as (running, _go_on):
        asking(gate, running.url)
        first = planned(gate, "single", "Slow", hooks=2)
        second = planned(gate, "single", "Slow", hooks=2)
        claims.take(Batch, first)
        assert list(callers.split(second)) == []
        due_again(second)
        service_breakers.of("127.0.0.1", urlsplit(running.url).port or 0).succeeded()
        assert list(callers.split(second)) == [second]


def test_what_calls_a_service_is_worked_on_by_the_workers_for_services_only(gate: Gate) -> None:
    with slow_service() as (running, go_on):
        go_on.set()
        asking(gate, running.url)
        single = planned(gate, "single", "Slow")
        file = planned(gate, "batch", "Slow", contacts=10)
        download_files(file)
        due_again(file)
        assert {each.lane for each in Batch.objects.all()} == {"services"}
        assert named("services").queue not in {named("singles").queue, named("files").queue}
        work_on("singles", [*single, *file])
        work_on("files", [*single, *file])
        assert not running.questions and Batch.objects.filter(status="planned").count() == 2
        work_on("services", [*single, *file])
        assert len(running.questions) == 2 and finished([*single, *file])()


def test_past_its_time_a_batch_asks_nobody_and_is_worked_on_with_those_that_never_do(gate: Gate) -> None:
    with slow_service() as (running, _):
        asking(gate, running.url)
        single = planned(gate, "single", "Slow")
        now = timezone.now()
        times = {"received_at": now - timedelta(hours=1), "deadline": now + timedelta(minutes=1), "asks_until": now}
        Batch.objects.update(**times)
        assert Batch.objects.get().lane == "singles"
        work_on("services", single)
        assert Batch.objects.get().status == "planned"
        work_on("singles", single)
        batch = Batch.objects.get()
        assert (batch.status, batch.undecided, running.questions) == ("in_review", 1, [])


def test_a_slow_service_that_fills_its_places_leaves_other_batches_theirs(gate: Gate) -> None:
    with slow_service() as (running, go_on), slow_service() as (prompt, at_once):
        at_once.set()
        asking(gate, running.url, "Slow", page_size=10, parallel=16)
        other = Sendout.objects.create(project=Sendout.objects.get().project, journey="Welcome", name="Prompt")
        gate.define(other, "ask", run="always", kind="consent_check", config={"url": prompt.url})
        slow = planned(gate, "batch", "Slow", contacts=400)
        quick = planned(gate, "batch", "Prompt", contacts=400)
        with worker(*slow):
            wait_until(lambda: len(running.questions) == 16, 30, "every place of the slow one is taken")
            with worker(*quick):
                wait_until(finished(quick), 30, "the other batch is through")
            go_on.set()
        assert finished(slow)()


def test_a_batch_of_very_many_chunks_is_sent_while_others_write(gate: Gate, settings: Any, monkeypatch: Any) -> None:
    settings.CHUNK_ROWS = 10
    settings.SYMPLIFY_CONCURRENCY = 4
    monkeypatch.setattr("sendouts.stages.chunks.CHUNKS_READ", 4)
    gate.project()
    (batch,) = planned(gate, "batch", "Large", contacts=400, no_consent=0.5)
    written = threading.Event()
    done = threading.Event()

    def write() -> None:
        for number in count(1):
            if done.is_set():
                break
            Tempo.objects.update_or_create(pk=1, defaults={"rate": number})
            written.set()
        connection.close()

    other = threading.Thread(target=write)
    other.start()
    try:
        assert written.wait(30)
        with worker(batch):
            wait_until(finished([batch]), 60, "every rejection is sent and the batch released")
    finally:
        done.set()
        other.join(60)


def test_a_claim_is_held_while_a_service_is_waited_for(gate: Gate, settings: Any) -> None:
    settings.CLAIM_SECONDS = 2.0
    with slow_service() as (running, go_on):
        asking(gate, running.url)
        slow = planned(gate, "batch", "Slow", contacts=20)
        with worker(*slow):
            ends = set()

            def held_on() -> bool:
                ends.add(Batch.objects.values_list("claimed_until", flat=True).get())
                return len(ends - {None}) > 4

            # Four times half a second: by then a claim that nobody held on would have run out.
            wait_until(held_on, 30, "the claim is extended again and again")
            assert claims.take(Batch, slow).ids == ()
            go_on.set()
        assert finished(slow)()
        assert Batch.objects.get().deaths == 0


def test_a_huge_file_lets_others_go_first_and_goes_on_where_it_was(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.CHUNK_ROWS = 10
    monkeypatch.setattr(contact_file, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(contact_file, "WAITING", timedelta(0))
    gate.project()
    sent = gate.fire(contacts=100, sendout="Huge")
    (huge,) = gate.plan()
    small = planned(gate, "batch", "Small", contacts=10)
    download_files(small)
    advance_batches([huge])
    assert Batch.objects.get(pk=huge).status == "planned" and 0 < Batch.objects.get(pk=huge).chunks.count() < 10
    assert Batch.objects.filter(claim_id__isnull=False).count() == 0
    due = list(Batch.objects.filter(due_at__isnull=False).order_by("due_at").values_list("pk", flat=True))
    assert due == [*small, huge], "behind those that wait"
    advance_batches(small)
    assert finished(small)()
    advance_batches([huge])
    seen = gate.platform.sendout(sent["id"])
    assert finished([huge])() and (seen["accepted"], seen["rejected"], seen["violations"]) == (90, 10, [])
    assert (seen["calls"]["download"], Batch.objects.get(pk=huge).attempts) == (1, 0), "downloaded once for all turns"
