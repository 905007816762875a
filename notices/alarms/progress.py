"""Does the work get done, and by whom it should be? Read from the rows that the work itself leaves."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.functions import Now

from notices.alarms.findings import Finding
from notices.models import Code
from work import lanes, pulses
from work.models import Pulse
from work.rounds import NUDGES, ROUNDS, SILENT_SECONDS

# The sweep writes its row every five seconds; a round with a hanging broker takes some more.
SWEEP_SECONDS = 30.0
# The watch runs every 30 s; a worker may be busy for one turn and beat late for another.
BEAT_SECONDS = 120.0
# A long poll takes ten seconds, a pause after a failure up to thirty.
QUEUE_SECONDS = 60.0
# How long people are told of a jump, in which they look why.
CLOCK_SECONDS = 600.0


def work_waits(now: datetime) -> Iterator[Finding]:
    """Due work that nobody began for longer than its lane allows: no worker and no sweep is alive."""
    for lane in lanes.registered():
        oldest = lane.oldest_due()
        if oldest is not None and now - oldest > lane.overdue:
            yield Finding(Code.WORK_WAITS, lane.name, {"seconds": round((now - oldest).total_seconds())})


def sweep_silent(now: datetime) -> Iterator[Finding]:
    if since := pulses.silent_since(pulses.SWEEP, SWEEP_SECONDS):
        yield Finding(Code.SWEEP_SILENT, data={"since": since.isoformat()})


def workers_silent(now: datetime) -> Iterator[Finding]:
    for name in lanes.workers():
        if since := _trouble(name, now, contradicted_by=name):
            yield Finding(Code.WORKERS_SILENT, name.removeprefix("worker-"), {"since": since.isoformat()})


def broker_away(now: datetime) -> Iterator[Finding]:
    if since := _trouble(NUDGES, now, contradicted_by=pulses.BEAT):
        yield Finding(Code.BROKER_AWAY, data={"since": since.isoformat()})


def beat_silent(now: datetime) -> Iterator[Finding]:
    """Beat, the broker and a worker have to be alive for a periodic task; only where it is neither of those is it beat."""
    since = pulses.silent_since(pulses.BEAT, BEAT_SECONDS)
    known = any(True for _ in broker_away(now)) or any(each.subject == "small" for each in workers_silent(now))
    if since is not None and not known:
        yield Finding(Code.BEAT_SILENT, data={"since": since.isoformat()})


def queue_silent(now: datetime) -> Iterator[Finding]:
    """Where hooks come through a queue: somebody reads it, and it answers."""
    if settings.SQS_QUEUE_URL and (since := pulses.silent_since(pulses.QUEUE, QUEUE_SECONDS)):
        yield Finding(Code.QUEUE_SILENT, data={"since": since.isoformat()})


def clock_jumped(now: datetime) -> Iterator[Finding]:
    recent = Pulse.objects.filter(pk__startswith=pulses.CLOCK, at__gte=Now() - timedelta(seconds=CLOCK_SECONDS))
    for pulse in recent:
        yield Finding(
            Code.CLOCK_JUMPED, pulse.name.removeprefix(pulses.CLOCK), {"seconds": pulse.data.get("seconds", 0)}
        )


def tell_clock(seconds: int) -> None:
    """Note that the clock of this machine jumped."""
    pulses.write(f"{pulses.CLOCK}{pulses.machine()}", {"seconds": seconds})


def _trouble(name: str, now: datetime, *, contradicted_by: str) -> datetime | None:
    """Since when a sweep notes this trouble, if often enough and without a sign of life that says otherwise."""
    notes = Pulse.objects.filter(pk__startswith=pulses.ROUNDS, at__gte=Now() - timedelta(seconds=SWEEP_SECONDS))
    noted = [trouble for pulse in notes if (trouble := pulse.data["troubles"].get(name))]
    sign = Pulse.objects.filter(pk=contradicted_by).values_list("at", flat=True).first()
    for trouble in noted:
        since = datetime.fromisoformat(trouble["since"])
        long_enough = trouble["rounds"] >= ROUNDS and now - since >= timedelta(seconds=SILENT_SECONDS)
        if long_enough and not (sign is not None and sign > since):
            return since
    return None
