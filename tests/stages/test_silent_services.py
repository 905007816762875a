"""A service that does not answer: what calls it waits as rows, and keeps what was answered before."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

import pytest
from django.utils import timezone

from actions.models import Sendout
from outbound.breaker import service_breakers
from sendouts.models import Batch
from sendouts.stages.screening import contact_file, singles
from tests.actions.helpers import Reply, Service, service
from tests.gate import Gate
from tests.lanes import download_files, work_on
from work import claims

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gate(platform: Any, _mailbox: Any) -> Gate:
    return Gate(platform, _mailbox.bodies)


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (contact_file, singles):
        monkeypatch.setattr(module, "PATIENCE", 0.0)
    service_breakers.forget()
    yield
    service_breakers.forget()


@dataclass
class Answers:
    """What the service says: 503 about these contacts, or to everybody."""

    refused: set[str] = field(default_factory=set)
    nobody: bool = False
    asked: list[str] = field(default_factory=list)

    def __call__(self, _number: int, question: Any) -> Reply:
        asked = question.get("contacts", ["-"]) if isinstance(question, dict) else ["-"]
        self.asked += asked
        if self.nobody or self.refused & set(asked):
            return 503, {}, b""
        verdicts = json.dumps({"verdicts": dict.fromkeys(asked, True)}).encode()
        return 200, {"Content-Type": "application/json"}, verdicts


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def running(answers: Answers) -> Iterator[Service]:
    with service(answers) as found:
        yield found


def asking(gate: Gate, url: str, **config: Any) -> None:
    sendout = Sendout.objects.create(project=gate.project(), journey="Welcome", name="Day 1")
    gate.define(sendout, "ask", run="always", kind="consent_check", config={"url": url, **config})


def planned(gate: Gate, kind: str, **wanted: Any) -> list[int]:
    gate.fire(kind, due="none", **({"no_consent": 0} | wanted))
    found = sorted(gate.plan())
    if kind == "batch":
        download_files(found)
        due_again()
    return found


def due_again() -> None:
    Batch.objects.filter(due_at__isnull=False).update(due_at=claims.due_in())


def waits() -> bool:
    """Whether the only batch waits as a row."""
    batch = Batch.objects.get()
    later = batch.due_at is not None and batch.due_at > timezone.now()
    return (batch.status, batch.claim_id, batch.attempts, batch.attention) == ("planned", None, 0, "") and later


def test_a_file_waits_as_a_row_and_keeps_the_chunks_that_it_has(
    gate: Gate, answers: Answers, running: Service, settings: Any
) -> None:
    settings.CHUNK_ROWS = 10
    asking(gate, running.url, page_size=10)
    ids = planned(gate, "batch", contacts=50)
    answers.refused = {f"A-{number:06d}" for number in range(21, 30)}
    work_on("services", ids)
    assert waits() and Batch.objects.get().chunks.count() == 2
    first = len(answers.asked)
    answers.refused.clear()
    due_again()
    work_on("services", ids)
    assert (Batch.objects.get().status, Batch.objects.get().accepted) == ("finished", 50)
    assert len(answers.asked) == first + 30, "what was answered is not asked again"


def test_a_single_that_is_not_answered_keeps_none_of_its_set(gate: Gate, answers: Answers, running: Service) -> None:
    asking(gate, running.url, asks="contact", page_size=1)
    ids = planned(gate, "single", hooks=6)
    answers.refused = {"A-000003"}
    work_on("services", ids)
    assert sorted(Batch.objects.values_list("status", flat=True)) == [*["finished"] * 5, "planned"]
    (left,) = Batch.objects.filter(status="planned")
    assert left.claim_id is None and left.due_at is not None and left.due_at > timezone.now()
    answers.refused.clear()
    due_again()
    work_on("services", ids)
    assert Batch.objects.filter(status="finished", accepted=1).count() == 6


def test_nobody_is_asked_about_a_whole_file_by_a_service_that_answers_nobody(
    gate: Gate, answers: Answers, running: Service
) -> None:
    asking(gate, running.url, asks="contact", parallel=2)
    ids = planned(gate, "batch", contacts=100)
    answers.nobody = True
    work_on("services", ids)
    assert waits() and len(answers.asked) < 10
    assert Batch.objects.get().chunk_rows == 200


def test_at_the_end_of_its_time_a_batch_goes_on_without_its_service(
    gate: Gate, answers: Answers, running: Service
) -> None:
    asking(gate, running.url)
    ids = planned(gate, "batch", contacts=10)
    answers.nobody = True
    now = timezone.now()
    ends = now + timedelta(seconds=1)
    deadline = ends + timedelta(seconds=100)
    # The window of 1,000 seconds, of which a tenth is kept for the answers.
    times = {"received_at": deadline - timedelta(seconds=1000), "deadline": deadline, "asks_until": ends}
    Batch.objects.update(**times)
    work_on("services", ids)
    batch = Batch.objects.get()
    assert batch.status == "planned" and batch.due_at is not None and batch.due_at <= ends
    back = timedelta(seconds=2)
    Batch.objects.update(**{name: moment - back for name, moment in times.items()}, due_at=now)
    asked = len(answers.asked)
    work_on("services", ids)
    assert Batch.objects.get().status == "planned"
    work_on("files", ids)
    batch.refresh_from_db()
    assert (batch.status, batch.undecided, len(answers.asked)) == ("in_review", 10, asked)


def test_while_a_service_takes_no_calls_nobody_begins_and_one_probes(
    gate: Gate, answers: Answers, running: Service
) -> None:
    asking(gate, running.url)
    ids = planned(gate, "single", hooks=3)
    host, _, port = Batch.objects.values_list("service", flat=True).distinct().get().rpartition(":")
    breaker = service_breakers.of(host, int(port))
    breaker._distance, breaker._probe_at = 8.0, breaker._clock() + 8.0
    work_on("services", ids)
    assert not answers.asked
    soonest = min(Batch.objects.values_list("due_at", flat=True))
    assert timedelta(seconds=4) < soonest - timezone.now() < timedelta(seconds=9)
    breaker._probe_at = 0.0
    due_again()
    claims.take(Batch, ids[:1])
    work_on("services", ids[1:])
    assert not answers.asked, "another worker has the probe"


def test_one_of_a_set_finds_out_that_the_system_of_their_enrichment_is_silent(
    gate: Gate, answers: Answers, running: Service, settings: Any
) -> None:
    settings.CREDENTIALS = {"symplify": {"X-Carma-Authentication-Token": "token"}}
    sendout = Sendout.objects.create(project=gate.project(), journey="Welcome", name="Day 1")
    place = {"url": urljoin(running.url, "/rest"), "customer_id": "7", "list_id": "3", "credential": "symplify"}
    config = {**place, "properties": {"seen": "yes"}}
    gate.define(sendout, "write", run="always", kind="contact_update", config=config)
    ids = planned(gate, "single", hooks=5)
    answers.nobody = True
    work_on("services", ids)
    assert Batch.objects.filter(status="accepted", due_at__gt=timezone.now(), claim_id=None).count() == 5
    assert len(answers.asked) == 1
