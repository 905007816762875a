"""Checks that work progresses and that its processes are alive, read from the rows that the work leaves."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.functions import Now

from notices.alarms.findings import Finding
from notices.models import Code
from sendouts.models import Spool
from sendouts.privacy import retention
from work import lanes, pulses
from work.models import Pulse
from work.sweep.rounds import NUDGES, ROUNDS, SILENT_SECONDS

# The sweep writes its row every five seconds; a round with a hanging broker takes longer.
SWEEP_SECONDS = 30.0
# The watch runs every 30 s; a worker may be busy for one turn and beat late for another.
BEAT_SECONDS = 120.0
# A long poll takes ten seconds, a pause after a failure up to thirty.
QUEUE_SECONDS = 60.0
# Report a clock jump for this long, so that people can find its cause.
CLOCK_SECONDS = 600.0
# Retention looks every minute; the end of a large day may take it a while.
RETENTION_SECONDS = 3600.0


def work_waits(now: datetime) -> Iterator[Finding]:
    """Report due work older than its lane allows: no worker and no sweep is alive."""
    for lane in lanes.registered():
        oldest = lane.oldest_due()
        if oldest is not None and now - oldest > lane.overdue:
            yield Finding(Code.WORK_WAITS, lane.name, {"seconds": round((now - oldest).total_seconds())})


def sweep_silent(now: datetime) -> Iterator[Finding]:
    if since := pulses.silent_since(pulses.SWEEP, SWEEP_SECONDS):
        yield Finding(Code.SWEEP_SILENT, data={"since": since.isoformat()})


def workers_silent(now: datetime) -> Iterator[Finding]:
    for name in lanes.workers():
        if since := _find_trouble(name, now, contradicted_by=name):
            yield Finding(Code.WORKERS_SILENT, name.removeprefix("worker-"), {"since": since.isoformat()})


def broker_away(now: datetime) -> Iterator[Finding]:
    if since := _find_trouble(NUDGES, now, contradicted_by=pulses.BEAT):
        yield Finding(Code.BROKER_AWAY, data={"since": since.isoformat()})


def beat_silent(now: datetime) -> Iterator[Finding]:
    """Report beat as silent only if broker and worker are alive, since a periodic task needs all three."""
    since = pulses.silent_since(pulses.BEAT, BEAT_SECONDS)
    known = any(True for _ in broker_away(now)) or any(each.subject == "small" for each in workers_silent(now))
    if since is not None and not known:
        yield Finding(Code.BEAT_SILENT, data={"since": since.isoformat()})


def queue_silent(now: datetime) -> Iterator[Finding]:
    """Report a hook queue that no process reads or that does not answer."""
    if settings.SQS_QUEUE_URL and (since := pulses.silent_since(pulses.QUEUE, QUEUE_SECONDS)):
        yield Finding(Code.QUEUE_SILENT, data={"since": since.isoformat()})


def clock_jumped(now: datetime) -> Iterator[Finding]:
    recent = Pulse.objects.filter(pk__startswith=pulses.CLOCK, at__gte=Now() - timedelta(seconds=CLOCK_SECONDS))
    for pulse in recent:
        yield Finding(
            Code.CLOCK_JUMPED, pulse.name.removeprefix(pulses.CLOCK), {"seconds": pulse.data.get("seconds", 0)}
        )


def retention_behind(now: datetime) -> Iterator[Finding]:
    late = max(retention.behind(now).values())
    if late > RETENTION_SECONDS:
        yield Finding(Code.RETENTION_BEHIND, data={"hours": round(late / 3600)})


def spool_full(now: datetime) -> Iterator[Finding]:
    streamed = Spool.objects.filter(state=Spool.State.STREAMED).count() if settings.SPOOL_GB else 0
    if streamed:
        yield Finding(Code.SPOOL_FULL, data={"batches": streamed})


def tell_clock(seconds: int) -> None:
    """Record that the clock of this machine jumped."""
    pulses.write(f"{pulses.CLOCK}{pulses.machine()}", {"seconds": seconds})


def _find_trouble(name: str, now: datetime, *, contradicted_by: str) -> datetime | None:
    """Return the time since which a sweep notes this fault, or None.

    None if it was noted too few times or for too short a time, or if a later pulse of `contradicted_by` exists.
    """
    notes = Pulse.objects.filter(pk__startswith=pulses.ROUNDS, at__gte=Now() - timedelta(seconds=SWEEP_SECONDS))
    noted = [trouble for pulse in notes if (trouble := pulse.data["troubles"].get(name))]
    sign = Pulse.objects.filter(pk=contradicted_by).values_list("at", flat=True).first()
    for trouble in noted:
        since = datetime.fromisoformat(trouble["since"])
        long_enough = trouble["rounds"] >= ROUNDS and now - since >= timedelta(seconds=SILENT_SECONDS)
        if long_enough and not (sign is not None and sign > since):
            return since
    return None
