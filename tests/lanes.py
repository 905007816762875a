"""Processing of rows as a worker does it, synchronously."""

from collections.abc import Sequence
from dataclasses import replace

from work.lanes import named
from work.run import run


def work_on(lane: str, ids: Sequence[int]) -> None:
    """Work on rows of one lane."""
    run(named(lane), ids)


def plan_hooks(webhook_ids: Sequence[int]) -> list[int]:
    """Plan hooks, and leave the batches that come of them where they are; returns their ids."""
    return run(replace(named("hooks"), onward=()), webhook_ids)


def advance_batches(batch_ids: Sequence[int]) -> None:
    """Take batches as far as they go, singles first."""
    for lane in (named("singles"), named("files")):
        own = set(lane.rows().filter(pk__in=batch_ids).values_list("pk", flat=True))
        run(lane, [pk for pk in batch_ids if pk in own])
