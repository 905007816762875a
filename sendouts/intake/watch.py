"""What the platform's breaker sees of the door: how many acknowledgements, how many slow or refused.

Counting costs the acknowledgement a few additions. A thread of its own writes the counts, a row for each ten seconds in which
something came; while the database is away it keeps the last of them, and writes them later.
"""

import os
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from django.db import DatabaseError, close_old_connections, connection
from django.db.models import F

from sendouts.models import DoorWindow
from work import pulses

log = structlog.get_logger(__name__)
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# The platform gives up after 1 s. The way there and back, and its TLS, take their part.
SLOW_SECONDS = 0.5
WINDOW_SECONDS = 10
# Ten minutes of a database that is away; older windows tell nothing that the alarm of the database does not.
KEPT_WINDOWS = 60
STORED, REFUSED = frozenset({202, 400}), frozenset({500, 503})


@dataclass(slots=True)
class Counts:
    """Answers within one window."""

    stored: int = 0
    slow: int = 0
    refused: int = 0
    turned_away: int = 0


class DepthReader(Protocol):
    """How many hooks wait on this machine's disk for a database that was away, and when the oldest of them came."""

    @property
    def hooks(self) -> int: ...

    @property
    def oldest(self) -> datetime | None: ...


class DoorWatch:
    """The counts of one door. `note` is for the door's event loop alone; everything else happens in the thread.

    read_depth: tells the depth of the journal, where one is kept.
    """

    def __init__(self, read_depth: Callable[[], DepthReader] | None = None) -> None:
        self._windows: OrderedDict[int, Counts] = OrderedDict()
        self._process = f"{socket.gethostname()[:60]}:{os.getpid()}"
        self._read_depth = read_depth
        self._journal_told = False
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self) -> None:
        """Tell the journal's depth though no hook arrives: an earlier process may have left some on the disk."""
        if self._read_depth is not None:
            self._begin()

    def watching(self, send: Send) -> Send:
        """A `send` that notes the answer's status and how long it took from now on."""
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
        """Write what is counted, and end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def flush(self, *, all_of_it: bool = False) -> None:
        """Write the windows that are over, oldest first, and the journal's depth; what fails is kept for the next time."""
        over = int(time.time()) // WINDOW_SECONDS + all_of_it
        for number in [each for each in list(self._windows) if each < over]:
            self._write(number, self._windows[number])
            self._windows.pop(number, None)
        self._tell_journal()

    def _begin(self) -> None:
        while len(self._windows) > KEPT_WINDOWS:
            self._windows.popitem(last=False)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="door-watch", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(WINDOW_SECONDS / 2):
            self._try()
            close_old_connections()
        self._try(all_of_it=True)
        connection.close()

    def _try(self, *, all_of_it: bool = False) -> None:
        try:
            self.flush(all_of_it=all_of_it)
        except DatabaseError as error:
            log.warning("door_windows_kept", windows=len(self._windows), error=type(error).__name__)
            connection.close()

    def _write(self, number: int, counts: Counts) -> None:
        """Add to the window's row, which is there already where the clock went back."""
        at = datetime.fromtimestamp(number * WINDOW_SECONDS, UTC)
        added = {name: getattr(counts, name) for name in Counts.__slots__}
        row = DoorWindow.objects.filter(process=self._process, at=at)
        if not row.update(**{name: F(name) + value for name, value in added.items()}):
            DoorWindow.objects.create(process=self._process, at=at, **added)
        if counts.refused or counts.slow:
            log.warning("door_slow", stored=counts.stored, slow=counts.slow, refused=counts.refused)

    def _tell_journal(self) -> None:
        """Say how many hooks wait on this machine's disk, and once more when none does any longer."""
        if self._read_depth is None:
            return
        found = self._read_depth()
        if found.hooks or self._journal_told:
            oldest = found.oldest.isoformat() if found.oldest else None
            pulses.write(f"{pulses.DOOR}{socket.gethostname()[:60]}", {"journal": found.hooks, "oldest": oldest})
        self._journal_told = bool(found.hooks)
