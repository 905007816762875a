"""The kinds of work, one lane each; the sweep, embedded mode, alarms and metrics read this table."""

import threading

from django.utils import timezone

from actions.models import SuppressionUpload
from actions.suppression import upload_work
from notices.alarms.progress import tell_clock
from notices.alarms.watch import Watch
from notices.messages import loops as message_loops
from sendouts import lifecycle
from sendouts.models import Batch, BulkChange, EffectRun, Status, Webhook
from sendouts.outlook import forecast
from sendouts.stages import transfers
from sendouts.stages.advance import advance
from sendouts.stages.effects import codes_wait, give_back_codes
from sendouts.stages.planning import plan
from sendouts.verbs import change_many
from work import pulses
from work.lanes import Lane
from work.sweep import Chore, Sweep

LANES = (
    Lane(
        "hooks",
        "sendouts.plan",
        pulses.SMALL,
        Webhook.objects.all,
        lambda ids: advance(plan(ids, timezone.now())),
        together=True,
        early=lambda rows: rows,
    ),
    Lane(
        "singles",
        "sendouts.advance_singles",
        pulses.SMALL,
        lambda: Batch.objects.filter(source=Batch.Source.SINGLE),
        advance,
        together=True,
        early=lambda rows: rows.exclude(status=Status.IN_REVIEW),
    ),
    Lane(
        "files",
        "sendouts.advance_files",
        pulses.FILES,
        lambda: Batch.objects.filter(source=Batch.Source.BATCH),
        advance,
        early=lambda rows: rows.exclude(status=Status.IN_REVIEW),
    ),
    Lane("effects", "sendouts.see_to_effects", pulses.FILES, EffectRun.objects.all, transfers.see_to),
    Lane(
        "uploads",
        "sendouts.read_uploads",
        pulses.FILES,
        SuppressionUpload.objects.all,
        upload_work.read,
        early=lambda rows: rows,
    ),
    Lane(
        "changes",
        "sendouts.change_many",
        pulses.FILES,
        BulkChange.objects.all,
        change_many.run,
        early=lambda rows: rows,
    ),
)
CHORES = (
    Chore("expire", lifecycle.expire, trusts_clock=True),
    Chore("foresee", forecast.foresee, wait=15.0),
    # Promo codes that go back to their pools are no row of their own: one at a time does it.
    Chore("codes", lambda now: give_back_codes(), needed=codes_wait),
)


def make_sweep() -> Sweep:
    """Return a sweep over all lanes, with the threads that watch and tell beside it."""

    def watch(stop: threading.Event) -> None:
        Watch().start(stop)

    return Sweep(LANES, CHORES, beside=(watch, message_loops.start), tell_jump=tell_clock)
