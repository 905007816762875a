"""Observations of the sweep on the workers: whether they process the rows of its nudges.

A worker may keep its connection and receive nothing, so the sweep asks no worker. It records in each round that it had
to do the work itself. A recent heartbeat of the worker contradicts this.
"""

import os
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from work import pulses
from work.lanes import Lane
from work.models import Pulse

NUDGES = "nudges"
WRITE_SECONDS = 5.0
# Several rounds, and longer than a live worker goes without a heartbeat.
ROUNDS, SILENT_SECONDS = 3, 15.0


class Rounds:
    """Observations of one sweep. `saw` is cheap; `end` writes them every five seconds, with the sweep's heartbeat."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        # Two sweeps may run: each has its own row for observations, and they share one row that says that any sweep
        # runs.
        self._row = f"{pulses.ROUNDS}{pulses.machine()}:{os.getpid()}"
        self._troubles: dict[str, dict[str, Any]] = {}
        self._told = False
        self._written = -WRITE_SECONDS

    def saw(self, lane: Lane, *, left: bool, due: Collection[int], own: Collection[int]) -> None:
        """Record a lane's due rows, whether the nudge was sent, and the rows that the sweep processes itself."""
        if due and left:
            self._troubles.pop(NUDGES, None)
        if due and not left:
            self._count(NUDGES)
        elif own:
            self._count(lane.worker)

    def end(self, under_way: Collection[tuple[str, int]]) -> None:
        """End the round. `under_way` holds the rows, by lane and id, that the sweep is processing."""
        if time.monotonic() - self._written < WRITE_SECONDS:
            return
        if self._troubles:
            self._forget_solved(under_way)
        pulses.write(pulses.SWEEP)
        if self._troubles or self._told:
            pulses.write(self._row, {"troubles": self._troubles})
        self._told = bool(self._troubles)
        self._written = time.monotonic()

    def _count(self, name: str) -> None:
        trouble = self._troubles.setdefault(name, {"since": timezone.now().isoformat(), "rounds": 0})
        trouble["rounds"] += 1

    def _forget_solved(self, under_way: Collection[tuple[str, int]]) -> None:
        names = {lane.worker for lane in self._lanes} | {pulses.BEAT}
        signs = dict(Pulse.objects.filter(pk__in=names).values_list("pk", "at"))
        for name, trouble in list(self._troubles.items()):
            sign = signs.get(pulses.BEAT if name == NUDGES else name)
            alive = sign is not None and sign > datetime.fromisoformat(trouble["since"])
            if alive or (name != NUDGES and self._is_busy(name, under_way)):
                del self._troubles[name]

    def _is_busy(self, worker: str, under_way: Collection[tuple[str, int]]) -> bool:
        """Return whether another process works on rows of this worker: all of its threads may be busy."""
        for lane in self._lanes:
            own = [pk for name, pk in under_way if name == lane.name]
            if lane.worker == worker and lane.claimed().exclude(pk__in=own).exists():
                return True
        return False
