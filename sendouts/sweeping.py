"""The clock of the gateway: asks the database what is due, again and again, and sees to it that somebody does it.

It needs no broker, and may run twice. What it finds it asks the workers to do; where that fails, or a row stays due for two
rounds, it does the work itself, in threads of its own, so that deadlines are still kept meanwhile.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from actions.models import SuppressionUpload
from sendouts import changing, claims, forecast, lifecycle, uploading
from sendouts.advancing import advance
from sendouts.alarms.progress import tell_clock
from sendouts.alarms.rounds import Rounds
from sendouts.alarms.watching import Watch
from sendouts.effects import codes_wait, give_back_codes, see_to
from sendouts.messages import running as messages
from sendouts.models import Batch, BulkChange, EffectRun, Status, Webhook
from sendouts.nudges import nudge
from sendouts.planning import plan

log = structlog.get_logger(__name__)
ROUND_ROWS = 1_000
NUDGE_SECONDS = 1.0
# Forecasts are made anew this far apart, in seconds.
FORECAST_SECONDS = 15.0
# A clock that jumps further than this between two rounds is not believed for a while.
CLOCK_JUMP = timedelta(seconds=60)
PAUSE_AFTER_JUMP = 60.0
# Promo codes that go back to their pools are no row of their own: one at a time does it.
_CODES = ("codes", 0)


def _look_again() -> None:
    """Have what is due later looked at now: its moment may come from a clock that was wrong.

    To look too early changes nothing. What a person or a declared moment before the deadline is waited for stays as it is.
    """
    Webhook.objects.filter(due_at__gt=Now()).update(due_at=Now())
    Batch.objects.filter(due_at__gt=Now()).exclude(status=Status.IN_REVIEW).update(due_at=Now())
    SuppressionUpload.objects.filter(due_at__gt=Now()).update(due_at=Now())
    BulkChange.objects.filter(due_at__gt=Now()).update(due_at=Now())


class Sweep:
    """Rounds over what is due. One object for one loop; `threads` bounds the work that it does itself at a time."""

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sweep-work")
        self._under_way: set[tuple[str, int]] = set()
        self._seen: dict[tuple[str, int], int] = {}
        self._last: tuple[datetime, float] | None = None
        self._expiry_paused_until = 0.0
        self._rounds = Rounds()
        self._foreseen_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Sweep until `stop` is set; a round that fails is logged, and the next one comes."""
        Watch().start(stop)
        messages.start(stop)
        while not stop.is_set():
            try:
                self.round()
            except Error as error:
                log.warning("sweep_failed", error=type(error).__name__)
            finally:
                close_old_connections()
            stop.wait(settings.SWEEP_SECONDS)
        self._pool.shutdown(wait=True, cancel_futures=True)
        connection.close()

    def round(self) -> None:
        """One look at the database."""
        now = timezone.now()
        self._watch_clock(now)
        if time.monotonic() >= self._expiry_paused_until:
            lifecycle.expire(now)
        if time.monotonic() - self._foreseen_at >= FORECAST_SECONDS:
            self._foreseen_at = time.monotonic()
            forecast.foresee(now)
        hooks = self._due(Webhook.objects.all())
        files = self._due(Batch.objects.filter(source=Batch.Source.BATCH))
        singles = self._due(Batch.objects.filter(source=Batch.Source.SINGLE))
        runs = self._due(EffectRun.objects.all())
        uploads = self._due(SuppressionUpload.objects.all())
        changes = self._due(BulkChange.objects.all())
        found = {("hook", pk) for pk in hooks} | {("batch", pk) for pk in files + singles}
        found |= {("effect", pk) for pk in runs} | {("upload", pk) for pk in uploads}
        found |= {("change", pk) for pk in changes}
        self._seen = {key: self._seen.get(key, 0) + 1 for key in found}
        self._see_to("sendouts.plan", "hook", hooks, many=True)
        self._see_to("sendouts.advance_singles", "batch", singles, many=True)
        self._see_to("sendouts.advance_files", "batch", files, many=False)
        self._see_to("sendouts.see_to_effects", "effect", runs, many=False)
        if _CODES not in self._under_way and codes_wait():
            self._under_way.add(_CODES)
            self._pool.submit(self._work, "codes", [0])
        self._see_to("sendouts.read_uploads", "upload", uploads, many=False)
        self._see_to("sendouts.change_many", "change", changes, many=False)
        self._rounds.end(self._under_way)

    @staticmethod
    def _due(rows: "QuerySet[Any]") -> list[int]:
        return list(
            rows.filter(claims.free(), claims.due()).order_by("due_at").values_list("pk", flat=True)[:ROUND_ROWS]
        )

    def _see_to(self, task: str, name: str, ids: list[int], *, many: bool) -> None:
        """Nudge for the rows, and do what nobody else does."""
        left = nudge(task, ids, wait=NUDGE_SECONDS)
        own = [pk for pk in ids if (not left or self._seen[name, pk] > 2) and (name, pk) not in self._under_way]
        self._rounds.saw(task, left=left, due=ids, own=own)
        groups = [own] if many and own else [[pk] for pk in own]
        for group in groups:
            self._under_way |= {(name, pk) for pk in group}
            self._pool.submit(self._work, name, group)

    def _work(self, name: str, ids: list[int]) -> None:
        try:
            if name == "hook":
                advance(plan(ids, timezone.now()))
            elif name == "effect":
                see_to(ids)
            elif name == "codes":
                give_back_codes()
            elif name == "upload":
                uploading.read(ids)
            elif name == "change":
                changing.run(ids)
            else:
                advance(ids)
        except Exception:
            # Also a database that went away: the rows are still due, and a later round finds them.
            log.exception("sweep_work_failed", rows=len(ids), first=ids[0])
        finally:
            self._under_way -= {(name, pk) for pk in ids}
            close_old_connections()

    def _watch_clock(self, now: datetime) -> None:
        monotonic = time.monotonic()
        last, self._last = self._last, (now, monotonic)
        if last is not None:
            wall = now - last[0]
            jump = abs(wall - timedelta(seconds=monotonic - last[1]))
            if jump > CLOCK_JUMP:
                self._expiry_paused_until = monotonic + PAUSE_AFTER_JUMP
                log.error("clock_jumped", seconds=round(jump.total_seconds()))
                tell_clock(round(jump.total_seconds()))
                _look_again()
