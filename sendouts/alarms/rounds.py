"""What the rounds of the sweep tell of the others: whether workers take up what they are nudged for.

A worker may hold its connection and hear nothing. So nobody asks it: the sweep notes that it had to do the work itself, round
after round, and the worker's own sign of life in the rows contradicts, or does not.
"""

import os
import time
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from actions.models import SuppressionUpload
from sendouts import pulses
from sendouts.alarms import machine
from sendouts.models import Batch, BulkChange, EffectRun, Pulse, Webhook

WORKERS = {
    "sendouts.plan": pulses.SMALL,
    "sendouts.advance_singles": pulses.SMALL,
    "sendouts.advance_files": pulses.FILES,
    "sendouts.see_to_effects": pulses.FILES,
    "sendouts.read_uploads": pulses.FILES,
    "sendouts.change_many": pulses.FILES,
}
NUDGES = "nudges"
WRITE_SECONDS = 5.0
# Several rounds, and longer than a worker that is alive keeps silent.
ROUNDS, SILENT_SECONDS = 3, 15.0


class Rounds:
    """The notes of one sweep. `saw` is cheap; `end` writes them, with the sweep's own sign of life, every five seconds."""

    def __init__(self) -> None:
        # Two sweeps may run: each has a row of its own for what it notes, and one for both says that any runs.
        self._row = f"{pulses.ROUNDS}{machine.name()}:{os.getpid()}"
        self._troubles: dict[str, dict[str, Any]] = {}
        self._told = False
        self._written = -WRITE_SECONDS

    def saw(self, task: str, *, left: bool, due: Collection[int], own: Collection[int]) -> None:
        """Note of one kind of work: rows that are due, whether the nudge left, and which rows the sweep does itself."""
        if due and left:
            self._troubles.pop(NUDGES, None)
        if due and not left:
            self._count(NUDGES)
        elif own:
            self._count(WORKERS[task])

    def end(self, under_way: Collection[tuple[str, int]]) -> None:
        """The round is over. under_way: the rows, by kind and id, that the sweep is at work on."""
        if time.monotonic() - self._written < WRITE_SECONDS:
            return
        if self._troubles:
            self._forget_what_is_over(under_way)
        pulses.write(pulses.SWEEP)
        if self._troubles or self._told:
            pulses.write(self._row, {"troubles": self._troubles})
        self._told = bool(self._troubles)
        self._written = time.monotonic()

    def _count(self, name: str) -> None:
        trouble = self._troubles.setdefault(name, {"since": timezone.now().isoformat(), "rounds": 0})
        trouble["rounds"] += 1

    def _forget_what_is_over(self, under_way: Collection[tuple[str, int]]) -> None:
        signs = dict(Pulse.objects.filter(pk__in=[pulses.SMALL, pulses.FILES, pulses.BEAT]).values_list("pk", "at"))
        for name, trouble in list(self._troubles.items()):
            sign = signs.get(pulses.BEAT if name == NUDGES else name)
            alive = sign is not None and sign > datetime.fromisoformat(trouble["since"])
            if alive or (name != NUDGES and _is_busy(name, under_way)):
                del self._troubles[name]


def _is_busy(worker: str, under_way: Collection[tuple[str, int]]) -> bool:
    """Whether somebody but this sweep is at work on rows of this worker: all of its hands may be full."""
    if worker == pulses.FILES:
        files = Batch.objects.filter(source=Batch.Source.BATCH)
        kinds = ((files, "batch"), (EffectRun.objects.all(), "effect"), (BulkChange.objects.all(), "change"))
        uploads = SuppressionUpload.objects.all()
        return any(_claimed(rows, name, under_way) for rows, name in (*kinds, (uploads, "upload")))
    singles = Batch.objects.filter(source=Batch.Source.SINGLE)
    return _claimed(Webhook.objects.all(), "hook", under_way) or _claimed(singles, "batch", under_way)


def _claimed(
    rows: "QuerySet[Any]",
    name: str,
    under_way: Collection[tuple[str, int]],
) -> bool:
    own = [pk for kind, pk in under_way if kind == name]
    # Only rows that are due can be claimed, so that the index on them finds these.
    return rows.filter(due_at__isnull=False, claimed_until__gt=Now()).exclude(pk__in=own).exists()
