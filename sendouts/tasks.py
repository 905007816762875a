"""What workers are nudged to do. Tasks take ids, look at the rows, may run twice, and decide nothing."""

from collections.abc import Iterable

from celery import shared_task
from django.utils import timezone

from actions.suppression import upload_work
from sendouts.models import Batch, Webhook
from sendouts.stages import advance, planning, transfers
from sendouts.verbs import change_many as change_many_verb
from work import claims, pulses
from work.nudges import nudge

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
    advance.advance([pk for pk in batch_ids if pk not in files])


def _with_those_that_wait(webhook_ids: Iterable[int]) -> list[int]:
    due = Webhook.objects.filter(claims.free(), claims.due()).order_by("due_at")
    return list(dict.fromkeys([*webhook_ids, *due.values_list("pk", flat=True)[:ALONG]]))


@shared_task(name="sendouts.advance_singles")
def advance_singles(batch_ids: list[int]) -> None:
    """Take singles as far as they can go."""
    pulses.sign(pulses.SMALL)
    advance.advance(batch_ids)


@shared_task(name="sendouts.advance_files")
def advance_files(batch_ids: list[int]) -> None:
    """Take batches with a contact file as far as they can go, one after the other."""
    for pk in batch_ids:
        pulses.sign(pulses.FILES)
        advance.advance([pk])


@shared_task(name="sendouts.see_to_effects")
def see_to_effects(run_ids: list[int]) -> None:
    """Tell other systems of outcomes, one after the other, and clear away what is not wanted any more."""
    for pk in run_ids:
        pulses.sign(pulses.FILES)
        transfers.see_to([pk])


@shared_task(name="sendouts.read_uploads")
def read_uploads(upload_ids: list[int]) -> None:
    """Read files for suppression lists into entries, for one turn each."""
    pulses.sign(pulses.FILES)
    upload_work.read(upload_ids)


@shared_task(name="sendouts.change_many")
def change_many(bulk_ids: list[int]) -> None:
    """Carry changes of many decisions on, for one turn each."""
    pulses.sign(pulses.FILES)
    change_many_verb.run(bulk_ids)
