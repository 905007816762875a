"""Whether the sweep, the workers and beat are alive is read from what they do, not from whether they exist."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gateway import tasks
from gateway.lanes import make_sweep
from notices.alarms import progress, watch
from notices.models import Alarm
from tests.factories import webhook
from work import pulses
from work.lanes import registered
from work.models import Pulse
from work.sweep import loop as work_sweep
from work.sweep import rounds
from work.sweep import threads as work_threads
from work.sweep.loop import Sweep

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sign of an earlier test counts; every round writes; and the sweep begins nothing itself."""
    pulses._signed.clear()
    monkeypatch.setattr(rounds, "WRITE_SECONDS", 0.0)
    monkeypatch.setattr(work_threads, "ThreadPoolExecutor", NoThreads)


class NoThreads:
    """A pool that does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take no threads."""

    def submit(self, *work: Any) -> None:
        """Do nothing."""


@pytest.fixture
def sweep_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sweep]:
    """Make a sweep whose nudges leave, or do not."""

    def make(*, left: bool) -> Sweep:
        monkeypatch.setattr(work_sweep, "nudge", lambda *_, **__: left)
        return make_sweep()

    return make


def troubles() -> dict[str, Any]:
    rows = Pulse.objects.filter(pk__startswith=pulses.ROUNDS)
    return {name: trouble for row in rows for name, trouble in row.data["troubles"].items()}


def look_in(seconds: float) -> list[tuple[str, str]]:
    """What a look some time from now finds of workers and broker."""
    now = timezone.now() + timedelta(seconds=seconds)
    return [finding.key for check in (progress.workers_silent, progress.broker_away) for finding in check(now)]


def rounds_of(sweep: Sweep, count: int) -> None:
    """Rounds in which a hook is due; the sweep forgets what it began, as if it was done and the next one came."""
    for _ in range(count):
        sweep.round()
        sweep._threads.under_way.clear()


def test_the_sweep_gives_a_sign_of_life_with_its_rounds(sweep_with: Callable[..., Sweep]) -> None:
    Pulse.objects.create(name=pulses.SWEEP, at=timezone.now() - timedelta(hours=1))
    assert list(progress.sweep_silent(timezone.now()))
    sweep_with(left=True).round()
    assert not list(progress.sweep_silent(timezone.now()))


def test_signs_of_life_are_written_only_every_few_seconds(
    sweep_with: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(rounds, "WRITE_SECONDS", 5.0)
    sweep = sweep_with(left=True)
    sweep.round()
    pulses.sign(pulses.SMALL)
    written: list[str] = []
    monkeypatch.setattr(pulses, "write", written.append)
    sweep.round()
    with django_assert_num_queries(0):
        for _ in range(100):
            pulses.sign(pulses.SMALL)
    assert written == []


def test_workers_that_take_up_nothing_are_found_out_by_the_sweep_that_does_their_work(
    sweep_with: Callable[..., Sweep],
) -> None:
    webhook("")
    sweep = sweep_with(left=True)
    rounds_of(sweep, 2)
    assert troubles() == {}, "a worker may need a moment"
    rounds_of(sweep, 4)
    assert look_in(1) == [], "not yet"
    assert look_in(20) == [("workers_silent", "small")]
    tasks.TASKS["hooks"].run([])
    assert look_in(20) == [], "a worker has done something"


def test_a_worker_whose_hands_are_full_is_not_silent(sweep_with: Callable[..., Sweep]) -> None:
    made = webhook("")
    webhook("", claimed_until=timezone.now() + timedelta(minutes=1))
    sweep = sweep_with(left=True)
    rounds_of(sweep, 6)
    assert look_in(20) == []
    type(made).objects.exclude(pk=made.pk).update(claimed_until=None, due_at=None, outcome="other")
    rounds_of(sweep, 4)
    assert look_in(20) == [("workers_silent", "small")]


def test_what_the_sweep_is_at_work_on_itself_is_no_sign_of_a_worker(sweep_with: Callable[..., Sweep]) -> None:
    made = webhook("")
    sweep = sweep_with(left=True)
    rounds_of(sweep, 6)
    sweep._threads.under_way = {("hooks", made.pk)}
    type(made).objects.update(claimed_until=timezone.now() + timedelta(minutes=1))
    sweep._rounds.end(sweep._threads.under_way)
    assert look_in(20) == [("workers_silent", "small")]


def test_a_broker_that_takes_no_nudge_is_told_instead_of_workers_that_hear_none(
    sweep_with: Callable[..., Sweep],
) -> None:
    webhook("")
    rounds_of(sweep_with(left=False), 6)
    assert look_in(20) == [("broker_away", "")]
    rounds_of(sweep_with(left=True), 1)
    assert look_in(20) == [("broker_away", "")], "another sweep takes nothing back"
    pulses.write(pulses.BEAT)
    assert look_in(20) == [], "a periodic task came through"


def test_each_task_signs_for_its_worker() -> None:
    for lane in registered():
        Pulse.objects.all().delete()
        pulses._signed.clear()
        tasks.TASKS[lane.name].run([0])
        assert Pulse.objects.get().name == lane.worker


def test_beat_is_silent_when_no_periodic_task_runs_and_nothing_else_explains_it(
    sweep_with: Callable[..., Sweep],
) -> None:
    tasks.watch.run()
    assert not Alarm.objects.exists() and Pulse.objects.filter(pk=pulses.BEAT).exists()
    Pulse.objects.filter(pk=pulses.BEAT).update(at=timezone.now() - timedelta(minutes=5))
    assert [finding.code for finding in progress.beat_silent(timezone.now())] == ["beat_silent"]
    webhook("")
    rounds_of(sweep_with(left=True), 6)
    assert list(progress.beat_silent(timezone.now() + timedelta(seconds=20))) == [], "it is the worker"


def test_the_jump_of_a_clock_is_told(sweep_with: Callable[..., Sweep]) -> None:
    sweep = sweep_with(left=True)
    sweep._watch_clock(timezone.now())
    sweep._watch_clock(timezone.now() + timedelta(hours=2))
    (finding,) = progress.clock_jumped(timezone.now())
    assert finding.data["seconds"] in range(7_190, 7_210)


def test_loops_that_never_said_anything_are_waited_for_from_the_first_look_on() -> None:
    watch.look(timezone.now())
    assert not Alarm.objects.exists()
    Pulse.objects.update(at=timezone.now() - timedelta(minutes=10))
    watch.look(timezone.now())
    assert set(Alarm.objects.values_list("code", flat=True)) == {"sweep_silent", "beat_silent"}


def test_two_sweeps_note_apart_and_what_a_dead_one_noted_counts_no_longer(sweep_with: Callable[..., Sweep]) -> None:
    webhook("")
    rounds_of(sweep_with(left=True), 6)
    Pulse.objects.filter(pk__startswith=pulses.ROUNDS).update(name=f"{pulses.ROUNDS}elsewhere:1")
    sweep_with(left=True).round()
    assert look_in(20) == [("workers_silent", "small")], "the other sweep notes nothing, and takes nothing back"
    Pulse.objects.filter(pk=f"{pulses.ROUNDS}elsewhere:1").update(at=timezone.now() - timedelta(minutes=1))
    assert look_in(20) == []
