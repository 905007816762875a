"""The gateway's clock: query the database for due rows in a loop, and make sure that they are processed.

It needs no broker, and may run twice. It nudges the workers for due rows. If a nudge fails, or a row stays due for two
rounds, it does the work in its own threads, and what follows from it. So deadlines are still kept. Without a broker it
leaves their rows for some rounds to workers that poll.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from work import claims, outages
from work.lanes import Lane, tables_with_due_rows
from work.nudges import nudge
from work.run import run
from work.sweep.rounds import Rounds
from work.sweep.row_poller import polling
from work.sweep.threads import WorkThreads, survive

log = structlog.get_logger(__name__)
ROUND_ROWS = 1_000
NUDGE_SECONDS = 1.0
# Without a broker the rounds are the only signal that rows are due, so they come sooner, and wait for it no further.
AWAY_SECONDS = 0.2
AWAY_NUDGE_SECONDS = 0.05
# For so many rounds the sweep leaves a due row to a worker that was nudged, and to one that polls for it itself.
LEFT_ROUNDS = 2
POLLED_ROUNDS = 10
# How often to ask which workers poll.
POLLING_SECONDS = 1.0
# After a jump larger than this between two rounds the clock is not trusted for a while.
CLOCK_JUMP = timedelta(seconds=60)
PAUSE_AFTER_JUMP = 60.0
# How often to look for times that a wrong clock has left.
TIMES_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Work of the sweep that no row carries.

    `wait` is the least number of seconds between two runs. With `trusts_clock`, the chore does not run while the clock
    is not trusted. With `needed`, the chore runs in a thread of the sweep, one at a time, and only if `needed` returns
    True.
    """

    name: str
    run: Callable[[datetime], object]
    wait: float = 0.0
    trusts_clock: bool = False
    needed: Callable[[], bool] | None = None


def _run_chore(chore: Chore, ids: Sequence[int]) -> None:
    chore.run(timezone.now())


class Sweep:
    """Rounds over the due rows. Use one object per loop; `threads` is the number of threads for each kind
    of worker; a kind that it does not name has four.

    `beside` starts the threads that run beside the sweep until the event is set; `tell_jump` receives a clock jump in
    seconds. `after_jump` puts right the later times of rows that no lane has.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        chores: Sequence[Chore] = (),
        *,
        beside: Sequence[Callable[[threading.Event], None]] = (),
        tell_jump: Callable[[int], None] = lambda seconds: None,
        after_jump: Sequence[Callable[[datetime], object]] = (),
        threads: Mapping[str, int] | None = None,
    ) -> None:
        self._lanes = lanes
        self._chores = chores
        self._beside = beside
        self._tell_jump = tell_jump
        self._after_jump = after_jump
        self._threads = WorkThreads(threads)
        self._seen: dict[tuple[str, int], int] = {}
        self._last: tuple[datetime, float] | None = None
        self._clock_doubted_until = 0.0
        self._rounds = Rounds(lanes)
        self._did: dict[str, float] = {}
        self._broker_away = False
        self._times_bounded = float("-inf")
        self._polling_workers: frozenset[str] = frozenset()
        self._polling_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Sweep until `stop` is set; log a round that fails, and continue with the next."""
        for start in self._beside:
            start(stop)
        started = False
        while not stop.is_set():
            with survive("sweep_failed"):
                if not started:
                    outages.tell_start()
                    started = True
                outages.tell()
                self.round()
            stop.wait(min(AWAY_SECONDS, settings.SWEEP_SECONDS) if self._broker_away else settings.SWEEP_SECONDS)
        self._threads.end(drop=True)
        connection.close()

    def round(self) -> None:
        """Query the database once."""
        now = timezone.now()
        self._watch_clock(now)
        self._bound_times(now)
        self._do_chores(now)
        tables = tables_with_due_rows(self._lanes)
        due = {lane.name: lane.due(ROUND_ROWS) if lane.model in tables else [] for lane in self._lanes}
        found = {(name, pk) for name, ids in due.items() for pk in ids}
        self._seen = {key: self._seen.get(key, 0) + 1 for key in found}
        reached = True
        for lane in self._lanes:
            reached = self._nudge_or_work(lane, due[lane.name], reached=reached)
        self._rounds.end(frozenset(self._threads.under_way))

    def _do_chores(self, now: datetime) -> None:
        monotonic = time.monotonic()
        for chore in self._chores:
            if chore.trusts_clock and monotonic < self._clock_doubted_until:
                continue
            if monotonic - self._did.get(chore.name, float("-inf")) < chore.wait:
                continue
            self._did[chore.name] = monotonic
            if chore.needed is None:
                chore.run(now)
            elif (chore.name, 0) not in self._threads.under_way and chore.needed():
                self._threads.submit(chore.name, chore.name, [0], partial(_run_chore, chore))

    def _nudge_or_work(self, lane: Lane, ids: list[int], *, reached: bool) -> bool:
        """Nudge the workers for the rows, and process those that no worker takes; return whether the broker is there.

        `reached`: it was there for the lanes before; if not, a round waits for it no further.
        """
        wait = AWAY_NUDGE_SECONDS if self._broker_away else NUDGE_SECONDS
        left = (reached or not ids) and nudge(lane.name, ids, wait=wait)
        if ids and reached:
            self._broker_away = not left
        rounds = LEFT_ROUNDS if left else POLLED_ROUNDS if ids and lane.worker in self._polling() else 0
        own = [
            pk for pk in ids if self._seen[lane.name, pk] > rounds and (lane.name, pk) not in self._threads.under_way
        ]
        self._rounds.saw(lane, left=left, due=ids, own=own)
        for group in lane.groups(own):
            self._threads.submit(lane.worker, lane.name, group, partial(run, lane, pass_on=self._pass_on))
        return reached and left

    def _pass_on(self, lane: Lane, ids: Sequence[int]) -> None:
        """Have the workers process rows that resulted from others; without a broker, the sweep's own threads."""
        if not self._broker_away:
            nudge(lane.name, ids)
        elif lane.worker not in self._polling():
            self._threads.submit(lane.worker, lane.name, ids, partial(run, lane, pass_on=self._pass_on))

    def _polling(self) -> frozenset[str]:
        """Return the workers that poll for their rows themselves, as of a moment ago."""
        if time.monotonic() - self._polling_at > POLLING_SECONDS:
            self._polling_workers, self._polling_at = polling(), time.monotonic()
        return self._polling_workers

    def _watch_clock(self, now: datetime) -> None:
        monotonic = time.monotonic()
        last, self._last = self._last, (now, monotonic)
        if last is not None:
            wall = now - last[0]
            jump = abs(wall - timedelta(seconds=monotonic - last[1]))
            if jump > CLOCK_JUMP:
                seconds = round(jump.total_seconds())
                self._clock_doubted_until = monotonic + PAUSE_AFTER_JUMP
                log.error("clock_jumped", seconds=seconds)
                self._tell_jump(seconds)
                self._make_all_due(now)

    def _bound_times(self, now: datetime) -> None:
        """Report a clock that differs from the database's, and bound times that a wrong clock has left in rows."""
        if time.monotonic() - self._times_bounded < TIMES_SECONDS:
            return
        self._times_bounded = time.monotonic()
        apart = abs(claims.database_now() - now)
        if apart > CLOCK_JUMP:
            log.error("clocks_apart", seconds=round(apart.total_seconds()))
            self._tell_jump(round(apart.total_seconds()))
        for lane in self._lanes:
            if found := lane.bound_times():
                log.warning("times_bounded", lane=lane.name, rows=found)

    def _make_all_due(self, now: datetime) -> None:
        """Make later rows due now, since their due time may come from a wrong clock.

        Checking too early changes nothing. A lane excludes rows that wait for a person or for a declared time.
        """
        for lane in self._lanes:
            if lane.early is not None:
                lane.early(lane.rows()).filter(due_at__gt=Now()).update(due_at=Now())
        for look_again in self._after_jump:
            look_again(now)
