"""Each alarm is raised by what it is about, says it in both languages with what to do, and ends by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import timezone, translation

from notices.alarms import machine, progress, record, sentences, watch
from notices.models import Alarm, Code
from sendouts import lifecycle
from sendouts.models import Batch, DoorWindow, Spool, Status, Webhook
from tests.factories import batch, sendout, webhook
from work import pulses
from work.models import Pulse

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Case:
    """A trouble: how it comes, what is said of it, how it goes, what it is about."""

    raised: Callable[[], Any]
    says: str
    ended: Callable[[], Any]
    subject: str = ""


def old_pulse(name: str, age: timedelta, **data: Any) -> None:
    Pulse.objects.update_or_create(name=name, defaults={"at": timezone.now() - age, "data": data})


def trouble_seen(name: str, rounds: int = 5, seconds: float = 40) -> None:
    since = (timezone.now() - timedelta(seconds=seconds)).isoformat()
    old_pulse(f"{pulses.ROUNDS}host:1", timedelta(0), troubles={name: {"since": since, "rounds": rounds}})


def due(age: timedelta) -> None:
    batch(Status.PLANNED, source="single", due_at=timezone.now() - age)


def windows(stored: int, slow: int, refused: int) -> None:
    DoorWindow.objects.create(
        process="p:1", at=timezone.now() - MINUTE, stored=stored, slow=slow, refused=refused, turned_away=0
    )


def expired() -> None:
    made = batch(Status.PLANNED, decisions=False, due_at=None)
    now = timezone.now()
    lifecycle.move({made.pk: {"ended_at": now}}, Status.PLANNED, Status.EXPIRED, now=now)


def long_ago(rows: Any, **columns: timedelta) -> None:
    rows.update(**{name: timezone.now() - age for name, age in columns.items()})


def attention_near() -> None:
    batch(Status.IN_REVIEW, undecided=1, attention="no_proven_end", left=timedelta(minutes=8))


CASES = {
    Code.WORK_WAITS: Case(
        lambda: due(2 * MINUTE),
        "Singles: due for 120 s, and nobody does the work.",
        lambda: Batch.objects.update(due_at=None),
        "singles",
    ),
    Code.SWEEP_SILENT: Case(
        lambda: old_pulse(pulses.SWEEP, MINUTE), "The sweep has not run since", lambda: pulses.write(pulses.SWEEP)
    ),
    Code.WORKERS_SILENT: Case(
        lambda: trouble_seen(pulses.FILES),
        "The worker for contact files has taken up nothing since",
        lambda: pulses.write(pulses.FILES),
        "files",
    ),
    Code.BROKER_AWAY: Case(
        lambda: (trouble_seen("nudges"), old_pulse(pulses.BEAT, MINUTE)),
        "The broker has taken no messages since",
        lambda: pulses.write(pulses.BEAT),
    ),
    Code.BEAT_SILENT: Case(
        lambda: old_pulse(pulses.BEAT, 3 * MINUTE), "No periodic task has run since", lambda: pulses.write(pulses.BEAT)
    ),
    Code.QUEUE_SILENT: Case(
        lambda: old_pulse(pulses.QUEUE, 2 * MINUTE),
        "The queue of hooks has not been read since",
        lambda: pulses.write(pulses.QUEUE),
    ),
    Code.CLOCK_JUMPED: Case(
        lambda: progress.tell_clock(3_600),
        "jumped, or differs from the database's, by 3600 s.",
        lambda: old_pulse(f"clock@{pulses.machine()}", timedelta(hours=1)),
        pulses.machine(),
    ),
    Code.HOOKS_REFUSED: Case(
        lambda: windows(1, 0, 1),
        "1 hook was refused with 503. The platform does not send it again.",
        lambda: long_ago(DoorWindow.objects, at=timedelta(hours=1)),
    ),
    Code.BREAKER_NEAR: Case(
        lambda: windows(30, 4, 0),
        "13 % of the last 30 hooks were acknowledged late or not at all.",
        lambda: long_ago(DoorWindow.objects, at=timedelta(hours=1)),
    ),
    Code.JOURNAL_WAITING: Case(
        lambda: pulses.write("door@web-1", {"journal": 7, "oldest": (timezone.now() - 2 * MINUTE).isoformat()}),
        "7 hooks have waited on the disk of web-1 since",
        lambda: pulses.write("door@web-1", {"journal": 0, "oldest": None}),
        "web-1",
    ),
    Code.HOOK_NOT_PLANNED: Case(
        lambda: webhook("", attempts=3),
        "Planning fails for 1 hook, again and again.",
        lambda: Webhook.objects.update(outcome="other", due_at=None),
    ),
    Code.HOOK_UNREADABLE: Case(
        lambda: webhook("unreadable"),
        "1 hook cannot be read.",
        lambda: long_ago(Webhook.objects, received_at=timedelta(hours=2)),
    ),
    Code.DEADLINE_MISSED: Case(
        expired,
        "1 batch passed its deadline before it was answered.",
        lambda: long_ago(Batch.objects, ended_at=timedelta(hours=2)),
    ),
    Code.RETENTION_BEHIND: Case(
        lambda: (batch(Status.EXPIRED), long_ago(Batch.objects, ended_at=timedelta(hours=27))),
        "Data is deleted 3 hours later than configured.",
        lambda: Batch.objects.update(finish_uri=b""),
    ),
    Code.SPOOL_FULL: Case(
        lambda: Spool.objects.create(pk=(made := batch(Status.PLANNED)).pk, batch=made, state="streamed"),
        "1 contact file could not be kept, and is read from the platform instead.",
        lambda: Spool.objects.update(state="over"),
    ),
    Code.ATTENTION: Case(
        attention_near,
        "cannot go on (the contact file is not complete), and its deadline is",
        lambda: Batch.objects.update(attention=""),
    ),
    Code.SENDOUT_SILENT: Case(
        lambda: (
            type(made := sendout())
            .objects.filter(pk=made.pk)
            .update(expect_every=timedelta(hours=1), created_at=timezone.now() - timedelta(days=2))
        ),
        "No hook for “Newsletter / Summer / Day 1” has ever come; one is expected every 60 min.",
        lambda: type(sendout()).objects.update(expect_every=None),
    ),
}


@pytest.fixture(autouse=True)
def _all_is_well(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"
    settings.SQS_QUEUE_URL = "https://sqs.eu-west-1.example.com/1/hooks"
    for name in (pulses.SWEEP, pulses.BEAT, pulses.QUEUE):
        pulses.write(name)


def seen_last(age: timedelta) -> None:
    Alarm.objects.update(last_seen_at=timezone.now() - age)


def test_every_code_but_those_of_the_machine_itself_has_a_case() -> None:
    assert set(CASES) | {Code.DISK_FULL, Code.DATABASE_SLOW, Code.DATABASE, Code.MIGRATIONS_PENDING} == set(Code)
    assert set(watch.CHECKS) | {Code.DATABASE, Code.MIGRATIONS_PENDING} == set(Code)


def expired_in_review() -> None:
    made = batch(Status.IN_REVIEW, undecided=1)
    now = timezone.now()
    lifecycle.move({made.pk: {"ended_at": now}}, Status.IN_REVIEW, Status.EXPIRED, now=now)


CALM: dict[str, Callable[[], Any]] = {
    "far from its deadline": lambda: batch(
        Status.IN_REVIEW, undecided=1, attention="no_proven_end", left=timedelta(minutes=50)
    ),
    "due just now": lambda: due(timedelta(0)),
    "a small share": lambda: windows(1_000, 99, 0),
    "too few hooks for a share": lambda: windows(10, 9, 0),
    "planned": lambda: webhook("planned"),
    "a sign since then": lambda: (trouble_seen(pulses.SMALL), pulses.write(pulses.SMALL)),
    "a person had the time": expired_in_review,
}


@pytest.mark.parametrize("case", CALM.values(), ids=CALM)
def test_nothing_is_raised_when_all_is_well(case: Callable[[], Any]) -> None:
    case()
    watch.look(timezone.now())
    assert not Alarm.objects.exists()


def test_without_a_queue_nobody_has_to_read_it(settings: Any) -> None:
    settings.SQS_QUEUE_URL = ""
    old_pulse(pulses.QUEUE, timedelta(hours=1))
    # A hook that killed its workers is told among those that cannot be planned.
    webhook("failed")
    watch.look(timezone.now())
    assert Alarm.objects.get().code == "hook_not_planned"


@pytest.mark.parametrize("code", CASES)
def test_it_is_raised_says_what_is_wrong_and_ends_by_itself(code: Code) -> None:
    case = CASES[code]
    case.raised()
    watch.look(timezone.now())
    alarm = Alarm.objects.get(code=code)
    assert Alarm.objects.count() == 1, list(Alarm.objects.values_list("code", flat=True))
    assert alarm.subject == case.subject or code in {Code.ATTENTION, Code.SENDOUT_SILENT}
    said = {}
    for language in ("en", "fr"):
        with translation.override(language):
            said[language] = sentences.sentence(alarm)
            assert sentences.advice(code)
    assert case.says in said["en"]
    assert said["fr"] != said["en"] and "%(" not in said["fr"]
    case.ended()
    watch.look(timezone.now())
    assert Alarm.objects.get().closed_at is None, "it may come back at once"
    seen_last(record.CLEAR_AFTER)
    watch.look(timezone.now())
    assert Alarm.objects.get().closed_at is not None


def test_a_full_disk_and_a_slow_database_are_told_by_the_machine_that_sees_them() -> None:
    full = SimpleNamespace(free=120_000_000, total=100_000_000_000)
    with patch("shutil.disk_usage", return_value=full), patch.object(machine, "_ping", return_value=0.9):
        watch.look(timezone.now())
    found = {alarm.code: sentences.sentence(alarm) for alarm in Alarm.objects.all()}
    assert "has 120 MB left" in found["disk_full"] and "takes 900 ms to answer" in found["database_slow"]
    assert set(Alarm.objects.values_list("subject", flat=True)) == {pulses.machine()}


def test_another_machine_ends_a_full_disk_only_when_nobody_has_seen_it_for_long() -> None:
    now = timezone.now()
    Alarm.objects.create(code="disk_full", subject="elsewhere", data={"megabytes": 1}, opened_at=now, last_seen_at=now)
    for age, closed in ((record.CLEAR_AFTER, False), (record.LOCAL_CLEAR_AFTER, True)):
        seen_last(age)
        watch.look(timezone.now())
        assert (Alarm.objects.get().closed_at is not None) is closed


def test_a_check_that_breaks_silences_no_other_and_ends_no_alarm() -> None:
    webhook("unreadable")
    now = timezone.now()
    Alarm.objects.create(code="work_waits", subject="hooks", opened_at=now - MINUTE, last_seen_at=now - MINUTE)
    with patch.dict(watch.CHECKS, {Code.WORK_WAITS: lambda now: 1 / 0}):
        watch.look(now)
    assert set(Alarm.objects.filter(closed_at=None).values_list("code", flat=True)) == {"work_waits", "hook_unreadable"}


def test_a_gateway_that_was_down_for_the_night_is_not_told_that_its_sweep_is_silent() -> None:
    for name in (pulses.SWEEP, pulses.BEAT):
        old_pulse(name, timedelta(hours=8))
    watch.look_by_beat(timezone.now())
    assert not Alarm.objects.exists()
    watch.look_by_beat(timezone.now())
    assert Alarm.objects.get().code == Code.SWEEP_SILENT


def test_what_is_long_over_is_forgotten() -> None:
    now = timezone.now()
    for age in (watch.KEPT_ALARMS * 2, MINUTE):
        Alarm.objects.create(code="beat_silent", opened_at=now - age, last_seen_at=now - age, closed_at=now - age)
        DoorWindow.objects.create(process="p:1", at=now - age)
    watch.prune(now)
    assert (Alarm.objects.count(), DoorWindow.objects.count()) == (1, 1)
