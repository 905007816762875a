"""Processing of rows as a worker does it, synchronously."""

from collections.abc import Sequence
from dataclasses import replace

from sendouts.models import Batch
from work import claims
from work.lanes import named
from work.run import run


def work_on(lane: str, ids: Sequence[int]) -> None:
    """Work on rows of one lane."""
    run(named(lane), ids)


def plan_hooks(webhook_ids: Sequence[int]) -> list[int]:
    """Plan hooks, and leave the batches that come of them where they are; returns their ids."""
    return run(replace(named("hooks"), onward=()), webhook_ids)


def download_files(batch_ids: Sequence[int]) -> None:
    """Download the contact files of batches, and leave the batches where they are."""
    run(replace(named("downloads"), onward=()), batch_ids)


def advance_batches(batch_ids: Sequence[int]) -> None:
    """Take batches as far as they go, singles first; files may ask for their download once more."""
    run(named("singles"), _due("singles", batch_ids))
    call_services(batch_ids, Batch.Source.SINGLE)
    tried: set[int] = set()
    for _ in range(2):
        downloads = [pk for pk in _due("downloads", batch_ids) if pk not in tried]
        download_files(downloads)
        tried.update(downloads)
        run(named("files"), _due("files", batch_ids))
        call_services(batch_ids, Batch.Source.BATCH)


def call_services(batch_ids: Sequence[int], source: Batch.Source) -> None:
    """Do what calls services, before the release and for it, and what calls the platform again."""
    repeats = Batch.objects.filter(pk__in=_due("repeats", batch_ids), source=source)
    run(named("repeats"), list(repeats.values_list("pk", flat=True)))
    for _ in range(2):
        ids = _due("services", batch_ids)
        run(named("services"), list(Batch.objects.filter(pk__in=ids, source=source).values_list("pk", flat=True)))


def _due(lane: str, ids: Sequence[int]) -> list[int]:
    own = set(named(lane).rows().filter(claims.due(), pk__in=ids).values_list("pk", flat=True))
    return [pk for pk in ids if pk in own]
