"""A kind of work is one line and one function: tasks, sweep, claims, retries, alarms and figures come with them."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Semaphore
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import InternalError, OperationalError, connection, models, transaction
from django.db.models import Q
from django.test import Client
from django.utils import timezone, translation

from gateway.celery import app
from gateway.lanes import make_sweep, threads
from gateway.run.processes import commands
from gateway.tasks import make_task
from notices.alarms import progress, sentences
from notices.models import Alarm
from tests.acceptance.deployment import wait_until
from tests.lanes import work_on
from work import claims, lanes, pulses
from work.claims import Claim
from work.lanes import Lane
from work.models import Pulse, WorkRow
from work.run import run
from work.sweep.loop import Sweep

pytestmark = pytest.mark.django_db(transaction=True)


# What becomes of errands with these texts.
class ReadOnly(InternalError):
    """What Django makes of the refusal of a read-only session."""

    sqlstate = "25006"


ERRORS: dict[str, type[Exception]] = {"broken": ValueError, "away": OperationalError, "read-only": ReadOnly}


class Errand(WorkRow):
    """A row of a table that no migration knows."""

    text = models.CharField(max_length=20)
    done = models.BooleanField(default=False)

    class Meta:
        app_label = "errands"
        apps = Apps()

    def __str__(self) -> str:
        return self.text


def run_errands(claim: Claim, ids: Sequence[int]) -> None:
    """Run errands in one transaction, of which a broken one takes all others of its set with it."""
    with transaction.atomic():
        claim.extend(ids)
        rows = Errand.objects.filter(pk__in=ids)
        for text in rows.values_list("text", flat=True):
            if text in ERRORS:
                raise ERRORS[text]
        rows.update(done=True, due_at=None)


ERRANDS = Lane("errands", "errands.run", "worker-errands", Errand, run_errands, together=True)


@pytest.fixture(autouse=True)
def _one_line(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The table, and the line in the list of lanes."""
    with connection.schema_editor() as editor:
        editor.create_model(Errand)
    monkeypatch.setattr(lanes, "_registered", dict(lanes._registered))
    lanes.register([ERRANDS])
    pulses._signed.clear()
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Errand)


def errand(text: str = "fine", **columns: Any) -> Errand:
    return Errand.objects.create(text=text, **({"due_at": timezone.now()} | columns))


def all_ids() -> list[int]:
    return list(Errand.objects.order_by("pk").values_list("pk", flat=True))


def done() -> list[int]:
    return list(Errand.objects.filter(done=True).order_by("pk").values_list("pk", flat=True))


def test_the_sweep_finds_it_and_nudges_or_does_it_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _later = errand(), errand(due_at=timezone.now() + timedelta(hours=1))
    nudged: list[Any] = []
    left = [True]

    def nudge(lane: str, ids: list[int], **_: Any) -> bool:
        nudged.extend([(lane, ids)] if ids else [])
        return left[0]

    monkeypatch.setattr("work.sweep.loop.nudge", nudge)
    sweep = make_sweep()
    monkeypatch.setattr(sweep._threads, "submit", lambda kind, name, ids, run: run(ids))
    sweep.round()
    assert nudged == [("errands", [made.pk])] and done() == []
    left[0] = False
    sweep.round()
    assert done() == [made.pk]


def test_in_the_sweep_work_that_waits_keeps_no_other_kind_from_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, begun = threading.Event(), Semaphore(0)

    def hang(claim: Claim, ids: Sequence[int]) -> None:
        begun.release()
        go_on.wait(60)

    slow = replace(ERRANDS, name="slow", worker="worker-slow", work=hang, of=Q(text="slow"), together=False)
    monkeypatch.setattr("work.sweep.loop.nudge", lambda *_, **__: False)
    sweep = Sweep([slow, replace(ERRANDS, of=Q(text="fine"))])
    for _ in range(12):
        errand("slow")
    try:
        sweep.round()
        assert begun.acquire(timeout=30)
        errand()
        sweep.round()
        wait_until(done, 30, "the other kind is done")
    finally:
        go_on.set()
        sweep._threads.end(drop=True)


def test_a_round_waits_for_a_broker_that_is_away_once_and_not_for_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr("work.sweep.loop.nudge", lambda lane, ids, **_: (ids and tried.append(lane)) or not ids)
    others = [replace(ERRANDS, name=text, of=Q(text=text)) for text in ("one", "two", "three")]
    sweep = Sweep(others)
    for lane in others:
        errand(lane.name)
    sweep.round()
    sweep._threads.end()
    assert tried == ["one"] and done() == all_ids()


@pytest.mark.parametrize("away", [True, False])
def test_without_a_broker_the_sweep_goes_on_with_what_results_from_its_work(
    monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    nudged: list[Any] = []
    monkeypatch.setattr("work.sweep.loop.nudge", lambda lane, ids, **_: (ids and nudged.append(lane)) or not away)
    rest = replace(ERRANDS, name="rest", worker="worker-rest", of=Q(text="rest"))

    def begin(claim: Claim, ids: Sequence[int]) -> Sequence[int]:
        Errand.objects.filter(pk__in=ids).update(text="rest")
        return ids

    first = replace(ERRANDS, work=begin, of=Q(text="fine"), onward=(rest,))
    errand()
    sweep = Sweep([first, rest])
    monkeypatch.setattr(sweep._threads, "submit", lambda kind, name, ids, run: run(ids))
    for _ in range(1 if away else 3):
        sweep.round()
    assert (done(), nudged.count("rest")) == ((all_ids(), 0) if away else ([], 1)), "a worker has three rounds"


def test_a_row_that_another_worker_has_removed_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    def come_too_late(claim: Claim, ids: Sequence[int]) -> None:
        Errand.objects.filter(pk__in=ids).delete()
        raise ValueError

    made = errand()
    assert run(replace(ERRANDS, work=come_too_late), [made.pk]) == [] and all_ids() == []
    assert "claim_lost" in caplog.text and "work_failed" not in caplog.text


def test_its_task_does_it_once_for_workers_of_a_queue_that_runs_everywhere() -> None:
    task = make_task(ERRANDS)
    errand()
    errand()
    task.run(all_ids())
    task.run(all_ids())
    assert (task.name, done()) == ("errands.run", all_ids())
    assert Pulse.objects.get().name == "worker-errands"
    assert app.amqp.router.route({}, "errands.run")["queue"].name == "errands"
    assert threads()["errands"] == 2 and "errands" in commands()["worker-errands"]


def test_what_another_worker_has_is_left_alone_and_what_is_done_with_is_free() -> None:
    held, free = errand(), errand()
    claims.take(Errand, [held.pk])
    work_on("errands", all_ids())
    assert done() == [free.pk]
    assert list(Errand.objects.filter(claim_id=None).values_list("pk", flat=True)) == [free.pk]


def test_a_set_is_halved_until_the_broken_row_stands_alone_and_is_given_up_after_three_failures() -> None:
    ids = [errand("broken" if place == 5 else "fine").pk for place in range(9)]
    work_on("errands", ids)
    broken = Errand.objects.get(text="broken")
    assert done() == [pk for pk in ids if pk != broken.pk]
    assert broken.due_at is not None and broken.due_at > timezone.now()
    assert (broken.attempts, broken.claim_id) == (1, None)
    for attempts in (2, 3):
        Errand.objects.filter(pk=broken.pk).update(due_at=timezone.now())
        work_on("errands", ids)
        broken.refresh_from_db()
        assert broken.attempts == min(attempts, 2), "the last failure is the end of it"
    assert broken.due_at is None and not broken.done


def test_a_row_at_which_three_workers_died_is_given_up_and_the_others_are_done() -> None:
    errand(deaths=claims.DEATHS - 1)
    errand(deaths=claims.DEATHS)
    errand()
    first, second, third = all_ids()
    work_on("errands", all_ids())
    assert done() == [first, third]
    assert Errand.objects.get(pk=second).due_at is None


def test_a_claim_that_was_lost_stores_nothing_and_fails_nothing() -> None:
    def robbed(claim: Claim, ids: Sequence[int]) -> None:
        Errand.objects.update(claim_id=None, claimed_until=None)
        run_errands(claim, ids)

    errand()
    run(replace(ERRANDS, work=robbed), all_ids())
    assert done() == [] and Errand.objects.get().attempts == 0


@pytest.mark.parametrize("text", ["away", "read-only"])
def test_a_database_that_goes_away_is_no_failure_of_the_row(text: str) -> None:
    errand(text)
    with pytest.raises(ERRORS[text]):
        work_on("errands", all_ids())
    row = Errand.objects.get()
    assert (row.attempts, row.claim_id) == (0, None) and row.due_at is not None


def test_alarms_and_figures_count_it(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "token"
    errand(due_at=timezone.now() - timedelta(minutes=2))
    errand(claimed_until=timezone.now() + timedelta(minutes=1))
    (finding,) = progress.work_waits(timezone.now())
    assert (finding.code, finding.subject) == ("work_waits", "errands")
    alarm = Alarm(code=finding.code, subject=finding.subject, data=finding.data, opened_at=timezone.now())
    with translation.override("en"):
        assert sentences.sentence(alarm) == "Errands: due for 120 s, and nobody does the work."
    page = client.get("/metrics", headers={"Authorization": "Bearer token"}).content.decode()
    assert 'sendgate_claimed{lane="errands"} 1.0' in page
    assert 'sendgate_due_oldest_seconds{lane="errands"} 12' in page
    ready = client.get("/health/ready").json()
    assert ready["work"] == "ok" and ("work_waits", "errands") in [
        (each["code"], each.get("subject")) for each in ready["alarms"]
    ]
