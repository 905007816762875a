"""Table of all lanes, one per kind of work, read by tasks, routes, the sweep, embedded mode, alarms and metrics."""

import threading
from collections.abc import Container
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from actions.models import SuppressionUpload
from actions.suppression import upload_work
from notices import outbox
from notices.alarms.progress import tell_clock
from notices.alarms.watch import Watch
from notices.messages import due
from notices.messages import send as messages
from outbound.retry_after import MAX_WAIT
from sendouts import lifecycle
from sendouts.models import Batch, BulkChange, EffectRun, Spool, Status, Webhook
from sendouts.models.batch import ASKING, REPEATING
from sendouts.outlook import forecast
from sendouts.privacy import retention
from sendouts.spool import spooled
from sendouts.stages import advance, callers, finishing, planning, transfers
from sendouts.stages.effects import give_back_codes, has_unused_codes
from sendouts.stages.screening import download
from sendouts.verbs import change_many
from work import pulses
from work.lanes import Lane, registered
from work.retry import THRICE, Retry
from work.sweep.loop import Chore, Sweep
from work.sweep.row_poller import RowPoller

# Effects and downloads wait for as long as other hosts ask, calls of the platform for less.
_CALLING = Q(status=Status.ACCEPTED, enrichments=0) | Q(status__in=[Status.REFUSED, Status.DELIVERED])
_SECONDS, _HOUR = timedelta(seconds=THRICE.longest), timedelta(seconds=MAX_WAIT)
SINGLES = Lane(
    "singles",
    "sendouts.advance_singles",
    pulses.SMALL,
    Batch,
    advance.advance,
    advance.escalate,
    ~ASKING & ~REPEATING & Q(source=Batch.Source.SINGLE),
    together=True,
    after=lambda ids: lifecycle.expire(timezone.now(), ids),
    early=lambda rows: rows.exclude(status=Status.IN_REVIEW),
    pauses=((_CALLING, finishing.LONGEST_PAUSE), (~Q(status=Status.IN_REVIEW), _HOUR)),
    vital=True,
)
FILES = replace(
    SINGLES,
    name="files",
    task="sendouts.advance_files",
    worker=pulses.FILES,
    of=~ASKING & ~REPEATING & Q(source=Batch.Source.BATCH),
    together=False,
    own_thread=True,
)
SERVICES = replace(
    SINGLES,
    name="services",
    task="sendouts.call_services",
    worker=pulses.SERVICES,
    work=advance.call_services,
    of=ASKING,
    sets=callers.split,
    onward=(SINGLES, FILES),
)
REPEATS = replace(
    SINGLES,
    name="repeats",
    task="sendouts.repeat_calls",
    worker=pulses.SERVICES,
    of=REPEATING,
    sets=callers.split_repeats,
)
DOWNLOADS = Lane(
    "downloads",
    "sendouts.download",
    pulses.DOWNLOADS,
    Spool,
    download.load,
    download.escalate,
    onward=(FILES, SERVICES),
    early=lambda rows: rows,
    pauses=((Q(), _HOUR),),
    vital=True,
)
HOOKS = Lane(
    "hooks",
    "sendouts.plan",
    pulses.SMALL,
    Webhook,
    planning.plan,
    planning.escalate,
    retry=Retry(failures=None, first=0.5, longest=planning.LONGEST_PAUSE.total_seconds()),
    together=True,
    # Under load, hooks are processed in sets.
    along=200,
    note=planning.describe_failure,
    onward=(SINGLES, SERVICES, DOWNLOADS),
    early=lambda rows: rows,
    pauses=((Q(), planning.LONGEST_PAUSE),),
    vital=True,
)
EFFECTS = Lane(
    "effects",
    "sendouts.see_to_effects",
    pulses.SERVICES,
    EffectRun,
    transfers.carry_out,
    transfers.escalate,
    sets=transfers.split,
    pauses=((Q(), _HOUR),),
    # Receivers are notified of thousands of single messages one after the other, and no message waits for that.
    overdue=timedelta(hours=1),
)
UPLOADS = Lane(
    "uploads",
    "sendouts.read_uploads",
    pulses.FILES,
    SuppressionUpload,
    upload_work.read,
    upload_work.escalate,
    # The text of an error may contain a list entry.
    private=True,
    early=lambda rows: rows,
    pauses=((Q(), _SECONDS),),
    # Several long files take turns.
    overdue=timedelta(minutes=10),
)
CHANGES = Lane(
    "changes",
    "sendouts.change_many",
    pulses.FILES,
    BulkChange,
    change_many.run,
    change_many.escalate,
    early=lambda rows: rows,
    pauses=((Q(), _SECONDS),),
    overdue=timedelta(minutes=5),
)
LANES = (HOOKS, SINGLES, DOWNLOADS, FILES, SERVICES, REPEATS, EFFECTS, UPLOADS, CHANGES)
# Rows that these workers process at a time, in threads: they wait for the network.
AT_ONCE = {pulses.DOWNLOADS: 8, pulses.SERVICES: 16}
CHORES = (
    Chore("expire", lifecycle.expire, trusts_clock=True),
    Chore("foresee", forecast.foresee, wait=15.0),
    # In a thread, since the storage may be another host.
    Chore("spool", lambda now: spooled.remove_orphans(), wait=600.0, needed=lambda: True),
    # Promo codes returned to their pools have no rows of their own; one thread at a time is enough.
    Chore("codes", lambda now: give_back_codes(), needed=has_unused_codes),
)
# Times of rows that no lane has. A wrong clock may have put them too far ahead.
AFTER_JUMP = (due.look_again, outbox.look_again, forecast.look_again)


def make_sweep() -> Sweep:
    """Return a sweep over all lanes, with the threads that watch, notify and forget beside it."""

    def watch(stop: threading.Event) -> None:
        Watch().start(stop)

    beside = (watch, messages.start, retention.start)
    return Sweep(registered(), CHORES, beside=beside, tell_jump=tell_clock, after_jump=AFTER_JUMP, threads=AT_ONCE)


def make_poller(queues: Container[str]) -> RowPoller:
    """Return what polls for the rows of a worker that reads these queues."""
    own = [lane for lane in registered() if lane.queue in queues]
    return RowPoller(own, max((threads()[lane.queue] for lane in own), default=1))


def threads() -> dict[str, int]:
    """Return how many rows the worker of each queue processes at a time."""
    at_a_time = {pulses.SMALL: settings.WORKER_CONCURRENCY, **AT_ONCE}
    return {lane.queue: at_a_time.get(lane.worker, 2) for lane in registered()}
