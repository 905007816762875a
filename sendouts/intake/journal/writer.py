"""The thread that writes hooks to the journal, with one write and one sync for all queued hooks."""

import errno
import threading
import time

import structlog

from sendouts.intake.hook import Received
from sendouts.intake.journal import Journal
from sendouts.intake.queue import HookQueue, Promise, settle

log = structlog.get_logger(__name__)
# During an outage, log once per this many seconds, with the number of hooks since the last time.
TELL_SECONDS = 5.0
PREPARE_SECONDS = 1.0


class JournalThread:
    """A thread that writes hooks to the journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._line = HookQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._told_at = float("-inf")
        self._untold = 0
        self._unprepared = False

    def put(self, hook: Received) -> Promise:
        """Queue a hook; the future's result says whether it is on the disk."""
        if self._thread is None:
            self.start()
        return self._line.put(hook)

    def withdraw(self, promise: Promise) -> None:
        self._line.withdraw(promise)

    def close(self, timeout: float) -> None:
        """Write the queued hooks, and close the files."""
        self._line.stop()
        if self._thread is not None:
            self._thread.join(timeout)
        self.journal.close()

    def start(self) -> None:
        """Start the thread, and create a file."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hook-journal", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        self._prepare()
        while not self._line.stopped or len(self._line):
            if group := self._line.take(PREPARE_SECONDS):
                settle(group, self.write(list(group.values())))
            elif not self._line.stopped:
                self._prepare()

    def _prepare(self) -> None:
        """Create a new file after the last one was handed over."""
        try:
            self.journal.prepare()
        except OSError as error:
            if not self._unprepared:
                log.error("journal_not_written", hooks=0, error=_reason(error))
            self._unprepared = True
        else:
            self._unprepared = False

    def write(self, hooks: list[Received]) -> bool:
        """Write these hooks at once, from any thread; return False if the disk fails."""
        try:
            self.journal.append(hooks)
        except Exception as error:
            # Usually a full disk. The thread continues after any error: the next hooks try again.
            log.error("journal_not_written", hooks=len(hooks), error=_reason(error))
            return False
        self._untold += len(hooks)
        if time.monotonic() >= self._told_at + TELL_SECONDS:
            log.warning("hooks_journaled", hooks=self._untold)
            self._told_at, self._untold = time.monotonic(), 0
        return True


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, type(error).__name__)
