"""Run the alarm checks periodically, apart from hook processing: in threads beside the sweep, and in a beat task.

Each reports that the other is dead. Alarms are rows, so both may run checks at the same moment.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from notices.alarms import machine, notify, progress, record, traffic
from notices.alarms.findings import Finding
from notices.models import Alarm, Code, Notice
from notices.transports import Lost, NotSent
from outbound.guard import AllowList
from sendouts.models import DoorWindow
from work import loops, pulses
from work.models import Pulse

log = structlog.get_logger(__name__)
CHECKS: dict[Code, Callable[[datetime], Iterable[Finding]]] = {
    Code.WORK_WAITS: progress.work_waits,
    Code.SWEEP_SILENT: progress.sweep_silent,
    Code.WORKERS_SILENT: progress.workers_silent,
    Code.BROKER_AWAY: progress.broker_away,
    Code.BEAT_SILENT: progress.beat_silent,
    Code.QUEUE_SILENT: progress.queue_silent,
    Code.CLOCK_JUMPED: progress.clock_jumped,
    Code.HOOKS_REFUSED: traffic.hooks_refused,
    Code.BREAKER_NEAR: traffic.breaker_near,
    Code.JOURNAL_WAITING: traffic.journal_waiting,
    Code.DEADLINE_MISSED: traffic.deadline_missed,
    Code.HOOK_NOT_PLANNED: traffic.hook_not_planned,
    Code.HOOK_UNREADABLE: traffic.hook_unreadable,
    Code.ATTENTION: traffic.attention,
    Code.SENDOUT_SILENT: traffic.sendout_silent,
    Code.DISK_FULL: machine.disk_full,
    Code.DATABASE_SLOW: machine.database_slow,
    Code.RETENTION_BEHIND: progress.retention_behind,
    Code.SPOOL_FULL: progress.spool_full,
}
LOOK_SECONDS = 5.0
SEND_SECONDS = 2.0
# After a start, skip these checks for a while: old rows are normal after a night of downtime.
START_SECONDS = {Code.WORK_WAITS: 30.0, Code.SWEEP_SILENT: 30.0, Code.BEAT_SILENT: 150.0, Code.QUEUE_SILENT: 90.0}
# Do not report a restart of the database; report it after this time.
DATABASE_SECONDS = 30.0
# Most migrations take less time than this.
MIGRATIONS_SECONDS = 60.0
# The beat task sends a notice only if the threads beside the sweep have not sent it within this time.
TASK_WAITS = timedelta(seconds=45)
# Limit the beat task's sends, so that a slow mail server does not hold a worker for long.
TASK_SENDS = 2
KEPT_WINDOWS, KEPT_ALARMS = timedelta(days=2), timedelta(days=90)


def look(now: datetime, leave_out: Collection[Code] = ()) -> None:
    """Run every check except `leave_out`, then open and close alarms to match the findings."""
    pulses.expect(pulses.SWEEP, pulses.BEAT, *([pulses.QUEUE] if settings.SQS_QUEUE_URL else []))
    found: list[Finding] = []
    judged = {Code.DATABASE, Code.MIGRATIONS_PENDING}
    for code, check in CHECKS.items():
        if code in leave_out:
            continue
        try:
            found += check(now)
        except DatabaseError:
            raise
        except Exception:
            # A check that itself fails must not stop the others.
            log.exception("check_failed", code=code.value)
        else:
            judged.add(code)
    record.record(found, judged, now)


def look_by_beat(now: datetime) -> None:
    """Run the checks in a worker, dispatched by beat, and send notices that the threads beside the sweep left."""
    resumed = pulses.silent_since(pulses.BEAT, progress.BEAT_SECONDS) is not None
    pulses.write(pulses.BEAT)
    look(now, START_SECONDS if resumed else ())
    notify.send_due(now, waiting_for=TASK_WAITS, at_most=TASK_SENDS)


def prune(now: datetime) -> None:
    """Delete old windows, closed alarms, and pulses of processes and machines that no longer exist."""
    DoorWindow.objects.filter(at__lt=now - KEPT_WINDOWS).delete()
    Alarm.objects.filter(closed_at__lt=now - KEPT_ALARMS).delete()
    Pulse.objects.filter(pk__contains="@", at__lt=now - KEPT_WINDOWS).delete()


class Watch:
    """Three threads beside the sweep: run checks, send notices, and report an unreachable database without using it.

    No thread blocks the sweep or another thread: a database or a mail server may hang for minutes.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        # The last check run that succeeded, on both clocks.
        self._fine = timezone.now(), self._started
        self._told = False

    def start(self, stop: threading.Event) -> None:
        """Run all three until `stop` is set."""
        parts = (("watch", self.look_once, LOOK_SECONDS), ("notices", self.send_once, SEND_SECONDS))
        for name, work, pause in (*parts, ("watch-database", self.tell_once, LOOK_SECONDS)):
            loops.start(name, work, pause, stop)

    def look_once(self) -> None:
        running = time.monotonic() - self._started
        try:
            look(timezone.now(), {code for code, seconds in START_SECONDS.items() if running < seconds})
            if self._told:
                # Write the alarm that could not be written before; it closes like every other alarm.
                record.open_alarm(Finding(Code.DATABASE), timezone.now(), opened_at=self._fine[0], told=True)
        except DatabaseError as error:
            log.warning("watch_failed", error=type(error).__name__)
            connection.close()
        else:
            self._fine, self._told = (timezone.now(), time.monotonic()), False

    def send_once(self) -> None:
        try:
            notify.send_due(timezone.now())
        except DatabaseError:
            # The thread of the checks reports this.
            connection.close()

    def tell_once(self) -> None:
        """Send one alarm, without a row, if no check run has succeeded for DATABASE_SECONDS."""
        at, monotonic = self._fine
        if self._told or time.monotonic() - monotonic < DATABASE_SECONDS:
            return
        self._told = True
        tell_without_row(Code.DATABASE, at)


def tell_without_row(code: Code, opened_at: datetime) -> None:
    """Send one alarm to every channel without using the database."""
    log.error("alarm_opened", code=code.value)
    message = notify.compose(Alarm(code=code, opened_at=opened_at), Notice.Occasion.OPENED)
    # The hosts of the environment: those of the database cannot be read.
    configured = AllowList.parse(settings.OUTBOUND_ALLOWED_HOSTS, allow_http=settings.OUTBOUND_ALLOW_HTTP)
    for channel in record.channels():
        try:
            notify.transport(channel, message, configured).send()
        except (NotSent, Lost) as error:
            log.error("notice_not_sent", channel=channel.value, state=type(error).__name__)


class PendingMigrations:
    """The alarm that migrations are not applied, while the tables cannot take its row."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._began = 0.0
        self._told = False

    def look(self) -> None:
        """Tell once that migrations have been pending for MIGRATIONS_SECONDS."""
        if self._since is None:
            self._since, self._began = timezone.now(), time.monotonic()
        elif not self._told and time.monotonic() - self._began >= MIGRATIONS_SECONDS:
            self._told = True
            tell_without_row(Code.MIGRATIONS_PENDING, self._since)

    def applied(self) -> None:
        """Write the alarm that was told; it closes like every other alarm."""
        if self._told:
            try:
                finding = Finding(Code.MIGRATIONS_PENDING)
                record.open_alarm(finding, timezone.now(), opened_at=self._since, told=True)
            except DatabaseError as error:
                log.warning("watch_failed", error=type(error).__name__)
