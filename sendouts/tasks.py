"""What workers are nudged to do. Tasks take ids, look at the rows, may run twice, and decide nothing."""

from collections.abc import Iterable

from celery import shared_task
from django.utils import timezone

from actions.suppression import pruning
from sendouts import advancing, changing, claims, effects, exporting, planning, pulses, retiring, uploading, wiping
from sendouts.alarms import watching
from sendouts.models import Batch, Webhook
from sendouts.nudges import nudge

# Hooks that a task takes along, so that under load they form sets by themselves.
ALONG = 200


@shared_task(name="sendouts.plan")
def plan(webhook_ids: list[int]) -> None:
    """Plan hooks, and others that wait; singles then go through here at once, contact files are left to the workers for files."""
    pulses.sign(pulses.SMALL)
    batch_ids = planning.plan(_with_those_that_wait(webhook_ids), timezone.now())
    files = set(Batch.objects.filter(pk__in=batch_ids, source=Batch.Source.BATCH).values_list("pk", flat=True))
    for pk in files:
        nudge("sendouts.advance_files", [pk])
    advancing.advance([pk for pk in batch_ids if pk not in files])


def _with_those_that_wait(webhook_ids: Iterable[int]) -> list[int]:
    due = Webhook.objects.filter(claims.free(), claims.due()).order_by("due_at")
    return list(dict.fromkeys([*webhook_ids, *due.values_list("pk", flat=True)[:ALONG]]))


@shared_task(name="sendouts.advance_singles")
def advance_singles(batch_ids: list[int]) -> None:
    """Take singles as far as they can go."""
    pulses.sign(pulses.SMALL)
    advancing.advance(batch_ids)


@shared_task(name="sendouts.advance_files")
def advance_files(batch_ids: list[int]) -> None:
    """Take batches with a contact file as far as they can go, one after the other."""
    for pk in batch_ids:
        pulses.sign(pulses.FILES)
        advancing.advance([pk])


@shared_task(name="sendouts.see_to_effects")
def see_to_effects(run_ids: list[int]) -> None:
    """Tell other systems of outcomes, one after the other, and clear away what is not wanted any more."""
    for pk in run_ids:
        pulses.sign(pulses.FILES)
        effects.see_to([pk])


@shared_task(name="sendouts.read_uploads")
def read_uploads(upload_ids: list[int]) -> None:
    """Read files for suppression lists into entries, for one turn each."""
    pulses.sign(pulses.FILES)
    uploading.read(upload_ids)


@shared_task(name="sendouts.change_many")
def change_many(bulk_ids: list[int]) -> None:
    """Carry changes of many decisions on, for one turn each."""
    pulses.sign(pulses.FILES)
    changing.run(bulk_ids)


@shared_task(name="sendouts.retire")
def retire() -> None:
    """Wipe the URIs of what is over, and delete what is older than the retention period."""
    wiping.wipe(timezone.now())
    retiring.retire(timezone.now())
    exporting.prune(timezone.now())
    watching.prune(timezone.now())
    pruning.prune(timezone.now())


@shared_task(name="sendouts.watch")
def watch() -> None:
    """Look for what operators must know; that this runs at all is part of it."""
    pulses.sign(pulses.SMALL)
    watching.look_by_beat(timezone.now())
