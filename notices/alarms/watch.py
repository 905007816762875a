"""Looking again and again, outside the path of the hooks: in threads beside the sweep, and as a task that beat starts.

Either tells when the other is dead. Alarms are rows, so that both may look at the same moment.
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
}
LOOK_SECONDS = 5.0
SEND_SECONDS = 2.0
# A gateway that was down for the night is not in trouble because its rows are old.
START_SECONDS = {Code.WORK_WAITS: 30.0, Code.SWEEP_SILENT: 30.0, Code.BEAT_SILENT: 150.0, Code.QUEUE_SILENT: 90.0}
# A restart of the database is not told; from then on somebody must look.
DATABASE_SECONDS = 30.0
# The task of beat leaves sending to the threads beside the sweep, unless these do not.
TASK_WAITS = timedelta(seconds=45)
# A slow mail server must not take a worker from the hooks for long.
TASK_SENDS = 2
KEPT_WINDOWS, KEPT_ALARMS = timedelta(days=2), timedelta(days=90)


def look(now: datetime, leave_out: Collection[Code] = ()) -> None:
    """Run every check but those left out, and bring the alarms in step with what was found."""
    pulses.expect(pulses.SWEEP, pulses.BEAT, *([pulses.QUEUE] if settings.SQS_QUEUE_URL else []))
    found: list[Finding] = []
    judged = {Code.DATABASE}
    for code, check in CHECKS.items():
        if code in leave_out:
            continue
        try:
            found += check(now)
        except DatabaseError:
            raise
        except Exception:
            # A check that is broken itself must not silence the others.
            log.exception("check_failed", code=code.value)
        else:
            judged.add(code)
    record.record(found, judged, now)


def look_by_beat(now: datetime) -> None:
    """The same from a worker, nudged by beat; what the threads beside the sweep did not send is sent here."""
    resumed = pulses.silent_since(pulses.BEAT, progress.BEAT_SECONDS) is not None
    pulses.write(pulses.BEAT)
    look(now, START_SECONDS if resumed else ())
    notify.send_due(now, waiting_for=TASK_WAITS, at_most=TASK_SENDS)


def prune(now: datetime) -> None:
    """Forget windows and alarms that are long over, and processes and machines that are long gone."""
    DoorWindow.objects.filter(at__lt=now - KEPT_WINDOWS).delete()
    Alarm.objects.filter(closed_at__lt=now - KEPT_ALARMS).delete()
    Pulse.objects.filter(pk__contains="@", at__lt=now - KEPT_WINDOWS).delete()


class Watch:
    """Threads beside the sweep: one looks, one sends, and one needs no database, to tell that it is away.

    None of them holds the sweep, or another: a database may hang for minutes, and so may a mail server.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        # The last look that succeeded, on both clocks.
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
                # What could not be written is written now, and closes like every other alarm.
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
            # The looking thread says so.
            connection.close()

    def tell_once(self) -> None:
        """Tell, once and without a row, that no look has succeeded for a while."""
        at, monotonic = self._fine
        if self._told or time.monotonic() - monotonic < DATABASE_SECONDS:
            return
        self._told = True
        log.error("alarm_opened", code=Code.DATABASE.value)
        message = notify.compose(Alarm(code=Code.DATABASE, opened_at=at), Notice.Occasion.OPENED)
        for channel in record.channels():
            try:
                notify.deliver(channel, message, notify.configured_hosts())
            except (notify.NotSent, notify.Lost) as error:
                log.error("notice_not_sent", channel=channel.value, state=type(error).__name__)
