"""This process's clock and the database's are apart: nothing ends too early, nothing is left behind."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gateway.lanes import make_sweep
from notices.alarms import progress
from notices.models import Alarm, Message, Notice
from sendouts import lifecycle
from sendouts.models import Batch, Status, Tempo, Webhook
from tests.factories import batch, webhook
from tests.gate import Gate, reviewer
from tests.lanes import advance_batches
from work import claims

AHEAD, BEHIND = timedelta(hours=2), timedelta(minutes=-30)
real_now = timezone.now


class Clock:
    """This process's clock, which a test can turn; the database's goes on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def turn(self, by: timedelta) -> None:
        self._patch.setattr(timezone, "now", lambda: real_now() + by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    # One machine has one clock, so that SQLite's is this process's; the test gives the database one of its own.
    monkeypatch.setattr(claims, "database_now", real_now)
    return Clock(monkeypatch)


@pytest.mark.parametrize("by", [AHEAD, BEHIND])
def test_work_goes_on_under_a_wrong_clock(gate: Gate, clock: Clock, by: timedelta) -> None:
    gate.project()
    clock.turn(by)
    gate.fire()
    gate.work()
    assert gate.batch().status == "finished"


def test_what_was_under_way_when_the_clock_jumped_ahead_goes_on_when_it_is_put_right(gate: Gate, clock: Clock) -> None:
    gate.project()
    sent = gate.fire()
    gate.plan()
    clock.turn(AHEAD)
    gate.work()
    assert gate.batch().is_open, "not released in doubt, not given up either"
    clock.turn(timedelta())
    gate.work(rounds=2)
    seen = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, seen["accepted"], seen["rejected"]) == ("finished", 90, 10)


def test_a_clock_that_jumps_ahead_ends_no_batch_whose_deadline_is_to_come(gate: Gate, clock: Clock) -> None:
    gate.project(review="always")
    gate.fire()
    gate.work()
    gate.fire(sendout="Day 2")
    clock.turn(AHEAD)
    assert lifecycle.expire(timezone.now()) == []
    gate.plan()
    assert set(Batch.objects.values_list("status", flat=True)) == {"in_review", "planned"}


@pytest.mark.django_db
def test_after_a_jump_nothing_expires_until_the_clock_is_trusted_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep()
    sweep.round()
    late = batch(Status.IN_REVIEW, accepted=1, left=timedelta(minutes=-1))
    clock.turn(AHEAD)
    sweep.round()
    assert Batch.objects.get(pk=late.pk).is_open, "its deadline has passed on every clock, and yet nobody ends it now"
    monkeypatch.setattr("work.sweep.loop.PAUSE_AFTER_JUMP", 0.0)
    clock.turn(timedelta())
    sweep.round()
    assert Batch.objects.get(pk=late.pk).status == Status.EXPIRED


def test_when_the_clock_is_put_right_messages_and_forecasts_wait_for_none_of_its_times(clock: Clock) -> None:
    clock.turn(AHEAD)
    sweep = make_sweep()
    sweep.round()
    wrong = timezone.now()
    held = batch(Status.IN_REVIEW, accepted=1)
    Batch.objects.update(tell_at=wrong)
    alarm = Alarm.objects.create(code="disk_full", data={"megabytes": 1}, opened_at=wrong, last_seen_at=wrong)
    Notice.objects.create(alarm=alarm, occasion="opened", channel="mail", due_at=wrong)
    Message.objects.create(sendout=held.sendout, batch=held, occasion="waiting", user=reviewer(), due_at=wrong)
    Tempo.objects.create(pk=1, silent_until=wrong, measured_at=wrong, slow_at=wrong)
    clock.turn(timedelta())
    sweep.round()
    now, tempo = real_now(), Tempo.objects.get()
    assert tempo.silent_until is None and tempo.measured_at <= now and tempo.slow_at <= now
    assert all(each.due_at <= now for model in (Notice, Message) for each in model.objects.all())
    assert not Batch.objects.filter(tell_at__gt=now).exists()


def test_a_hook_that_came_under_a_clock_behind_has_its_whole_time(gate: Gate, clock: Clock) -> None:
    gate.project(answer_within=timedelta(minutes=20))
    clock.turn(BEHIND)
    gate.fire()
    gate.plan()
    clock.turn(timedelta())
    assert gate.batch().deadline > real_now() + timedelta(minutes=19)
    assert lifecycle.expire(timezone.now()) == []


def test_a_hook_that_came_under_a_clock_ahead_has_no_more_than_its_time(gate: Gate, clock: Clock) -> None:
    gate.project(answer_within=timedelta(minutes=20))
    clock.turn(AHEAD)
    gate.fire()
    clock.turn(timedelta())
    gate.plan()
    assert gate.batch().deadline <= real_now() + timedelta(minutes=20)


@pytest.mark.django_db
def test_what_a_clock_ahead_put_off_is_looked_at_when_the_clock_is_put_right(clock: Clock) -> None:
    sweep = make_sweep()
    put_off = real_now() + timedelta(seconds=50)
    batch(Status.DELIVERED, due_at=put_off)
    webhook("", due_at=put_off)
    clock.turn(AHEAD)
    sweep._watch_clock(timezone.now())
    clock.turn(timedelta())
    for rows in (Batch, Webhook):
        rows.objects.update(due_at=put_off)
    sweep._watch_clock(timezone.now())
    for rows in (Batch, Webhook):
        assert rows.objects.filter(claims.due()).exists()


@pytest.mark.django_db
def test_a_declared_moment_before_the_deadline_does_not_come_nearer_with_a_jump(clock: Clock) -> None:
    assert abs(claims.database_now() - real_now()) < timedelta(seconds=60)
    due_at = real_now() + timedelta(minutes=20)
    held = batch(Status.IN_REVIEW, accepted=1, at_deadline="reject", due_at=due_at)
    sweep = make_sweep()
    sweep._watch_clock(timezone.now())
    clock.turn(AHEAD)
    sweep._watch_clock(timezone.now())
    assert Batch.objects.get(pk=held.pk).due_at == due_at


@pytest.mark.parametrize("by", [AHEAD, BEHIND])
def test_what_is_stored_under_a_wrong_clock_is_due_on_the_databases(gate: Gate, clock: Clock, by: timedelta) -> None:
    gate.project()
    clock.turn(by)
    gate.fire("single")
    (hook,) = Webhook.objects.all()
    assert hook.due_at is not None and hook.due_at <= real_now() + claims.SLACK
    (pk,) = gate.plan(directly=False)
    with claims.alone(Batch, pk) as claim:
        lifecycle.look_again(pk, claim=claim, pause=timedelta(minutes=1))
    wait = gate.batch().due_at - real_now()
    assert timedelta(seconds=50) < wait <= timedelta(minutes=1)
    due_now = {pk: {"due_at": timezone.now()}}
    lifecycle.move(due_now, Status.PLANNED, Status.SCREENED, now=timezone.now())
    assert abs(gate.batch().due_at - real_now()) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("status", "ahead", "believed"),
    [
        (Status.DELIVERED, timedelta(minutes=1), True),
        (Status.DELIVERED, timedelta(minutes=3), False),
        (Status.ACCEPTED, timedelta(minutes=3), False),
        (Status.PLANNED, timedelta(minutes=59), True),
        (Status.PLANNED, timedelta(minutes=62), False),
        (Status.IN_REVIEW, timedelta(hours=6), True),
    ],
)
@pytest.mark.django_db
def test_a_pause_further_ahead_than_any_can_last_is_not_believed(
    status: Status, ahead: timedelta, believed: bool
) -> None:
    due_at = real_now() + ahead
    made = batch(status, accepted=1, due_at=due_at)
    make_sweep().round()
    found = Batch.objects.get(pk=made.pk).due_at
    assert found == due_at if believed else found is not None and found <= real_now()


@pytest.mark.django_db
def test_a_claim_further_ahead_than_any_can_last_ends_in_time_and_its_worker_keeps_it(settings: Any) -> None:
    made = batch(Status.DELIVERED, accepted=1, due_at=real_now())
    claim = claims.take(Batch, [made.pk])
    Batch.objects.filter(pk=made.pk).update(claimed_until=real_now() + timedelta(hours=1))
    make_sweep().round()
    found = Batch.objects.get(pk=made.pk)
    assert found.claimed_until is not None and found.claim_id == claim.id
    assert found.claimed_until <= real_now() + timedelta(seconds=settings.CLAIM_SECONDS)
    claim.check([made.pk])


@pytest.mark.django_db
def test_a_clock_that_differs_from_the_databases_is_an_alarm(clock: Clock) -> None:
    make_sweep().round()
    assert list(progress.clock_jumped(timezone.now())) == []
    clock.turn(AHEAD)
    # It differs from the start, so that no jump is seen.
    make_sweep().round()
    (finding,) = progress.clock_jumped(timezone.now())
    assert 7_190 < finding.data["seconds"] <= 7_201


@pytest.mark.parametrize("by", [AHEAD, BEHIND])
def test_a_declared_action_is_carried_out_at_its_moment_under_a_wrong_clock(
    gate: Gate, clock: Clock, by: timedelta
) -> None:
    gate.project(review="always", at_deadline="reject", answer_within=timedelta(hours=6))
    gate.fire()
    gate.work()
    clock.turn(by)
    advance_batches([gate.batch().pk])
    assert gate.batch().status == "in_review"
    Batch.objects.update(due_at=real_now())
    advance_batches([gate.batch().pk])
    assert gate.batch().status == "finished" and gate.batch().outcome == "refused"
