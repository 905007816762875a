"""The door's counts, as the platform's circuit breaker would see them: acknowledgements, slow ones and refusals.

Counting costs an acknowledgement a few additions. A separate thread writes the counts, one row for each ten seconds
with answers. While the database is away it keeps the latest counts, and writes them later.
"""

import os
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from django.db import DatabaseError, close_old_connections, connection
from django.db.models import F

from sendouts.intake import closures
from sendouts.intake.journal import Depth
from sendouts.models import DoorWindow
from work import pulses

log = structlog.get_logger(__name__)
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# The platform gives up after 1 s, including the round trip and TLS.
SLOW_SECONDS = 0.5
WINDOW_SECONDS = 10
# Ten minutes without a database; older windows add nothing to the database's own alarm.
KEPT_WINDOWS = 60
STORED, REFUSED = frozenset({202, 400}), frozenset({500, 503})


@dataclass(slots=True)
class Counts:
    """Counts of answers within one window."""

    stored: int = 0
    slow: int = 0
    refused: int = 0
    turned_away: int = 0


class DoorWatch:
    """The counts of one door. Call `note` on the door's event loop only; all else runs in the thread.

    read_depth: returns the depth of the journal, if there is one. folder: where closures of the door are noted.
    """

    def __init__(self, read_depth: Callable[[], Depth] | None = None, folder: Path | None = None) -> None:
        self._folder = folder
        self._windows: OrderedDict[int, Counts] = OrderedDict()
        self._process = f"{socket.gethostname()[:60]}:{os.getpid()}"
        self._read_depth = read_depth
        self._journal_reported = False
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self) -> None:
        """Start reporting the journal's depth, even before a hook arrives: an earlier process may have left hooks."""
        if self._read_depth is not None:
            self._begin()

    def watching(self, send: Send) -> Send:
        """Return a `send` that counts the answer's status and its duration from now."""
        started = time.monotonic()

        def watched(message: MutableMapping[str, Any]) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                self.note(message["status"], time.monotonic() - started)
            return send(message)

        return watched

    def note(self, status: int, seconds: float) -> None:
        number = int(time.time()) // WINDOW_SECONDS
        counts = self._windows.get(number)
        if counts is None:
            counts = self._windows[number] = Counts()
            self._begin()
        if status in STORED:
            counts.stored += 1
            counts.slow += seconds > SLOW_SECONDS
        elif status in REFUSED:
            counts.refused += 1
        else:
            counts.turned_away += 1

    def close(self, timeout: float = 5) -> None:
        """Write the remaining counts, and end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def flush(self, *, all_of_it: bool = False) -> None:
        """Write ended windows, oldest first, and the journal's depth; keep failed windows for the next time."""
        over = int(time.time()) // WINDOW_SECONDS + all_of_it
        for number in [each for each in list(self._windows) if each < over]:
            self._write(number, self._windows[number])
            self._windows.pop(number, None)
        self._report_journal()
        self._report_closure()

    def _begin(self) -> None:
        while len(self._windows) > KEPT_WINDOWS:
            # The alarm must tell of every refused hook, even if the database is away for longer.
            refused = self._windows.popitem(last=False)[1].refused
            self._windows[max(self._windows)].refused += refused
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="door-watch", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(WINDOW_SECONDS / 2):
            self._flush_or_log()
            close_old_connections()
        self._flush_or_log(all_of_it=True)
        connection.close()

    def _flush_or_log(self, *, all_of_it: bool = False) -> None:
        try:
            self.flush(all_of_it=all_of_it)
        except DatabaseError as error:
            log.warning("door_windows_kept", windows=len(self._windows), error=type(error).__name__)
            connection.close()

    def _write(self, number: int, counts: Counts) -> None:
        """Add to the window's row, which exists already if the clock was set back."""
        at = datetime.fromtimestamp(number * WINDOW_SECONDS, UTC)
        added = {name: getattr(counts, name) for name in Counts.__slots__}
        row = DoorWindow.objects.filter(process=self._process, at=at)
        if not row.update(**{name: F(name) + value for name, value in added.items()}):
            DoorWindow.objects.create(process=self._process, at=at, **added)
        if counts.refused or counts.slow:
            log.warning("door_slow", stored=counts.stored, slow=counts.slow, refused=counts.refused)

    def _report_closure(self) -> None:
        if self._folder is not None:
            closures.report(self._folder)

    def _report_journal(self) -> None:
        """Report how many hooks wait in the journals, and once more when there are none."""
        if self._read_depth is None:
            return
        found = self._read_depth()
        if found.hooks or self._journal_reported:
            oldest = found.oldest.isoformat() if found.oldest else None
            pulses.write(f"{pulses.DOOR}{socket.gethostname()[:60]}", {"journal": found.hooks, "oldest": oldest})
        self._journal_reported = bool(found.hooks)
