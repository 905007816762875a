"""Rows of a worker while its broker is away: it queries the database for them, and works on them in threads.

So all processes of a deployment go on working, each on its own kinds of rows. The sweep leaves them to such a worker.
"""

import threading
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.db import connection
from django.db.models.functions import Now

from work import pulses
from work.lanes import Lane, tables_with_due_rows
from work.models import Pulse
from work.run import run
from work.sweep.threads import WorkThreads, survive

POLL_SECONDS = 0.1
ROUND_ROWS = 200
# A worker that signed this long ago polls no more.
SILENT_SECONDS = 3 * pulses.SIGN_SECONDS


class RowPoller:
    """Polls for due rows of some lanes between `begin` and `pause`; `at_once` is the number of threads."""

    def __init__(self, lanes: Sequence[Lane], at_once: int) -> None:
        self._lanes = lanes
        self._threads = WorkThreads(dict.fromkeys((lane.worker for lane in lanes), at_once))
        self._polls = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="polling", daemon=True)

    def begin(self) -> None:
        """Poll from now on, since the broker is away."""
        if not self._thread.ident:
            self._thread.start()
        self._polls.set()

    def pause(self) -> None:
        """Leave the rest to the broker; what was begun is done."""
        self._polls.clear()

    def end(self) -> None:
        """Begin nothing more, and wait for what was begun."""
        self._ended.set()
        self._polls.set()
        self._threads.end(drop=True)

    def round(self) -> None:
        """Query the database once, and submit what it finds."""
        for worker in dict.fromkeys(lane.worker for lane in self._lanes):
            pulses.sign(worker)
            pulses.sign(pulses.POLLS + worker)
        tables = tables_with_due_rows(self._lanes)
        for lane in (lane for lane in self._lanes if lane.model in tables):
            ids = [pk for pk in lane.due(ROUND_ROWS) if (lane.name, pk) not in self._threads.under_way]
            for group in lane.groups(ids):
                # Rows that result from these are due, and the next round of their worker finds them.
                self._threads.submit(
                    lane.worker, lane.name, group, partial(run, lane, pass_on=lambda onward, found: None)
                )

    def _run(self) -> None:
        while self._polls.wait() and not self._ended.is_set():
            with survive("polling_failed"):
                self.round()
            self._ended.wait(POLL_SECONDS)
        connection.close()


def polling() -> frozenset[str]:
    """Return the workers that poll for their own rows now."""
    since = Now() - timedelta(seconds=SILENT_SECONDS)
    rows = Pulse.objects.filter(pk__startswith=pulses.POLLS, at__gt=since).values_list("pk", flat=True)
    return frozenset(name.removeprefix(pulses.POLLS) for name in rows)
