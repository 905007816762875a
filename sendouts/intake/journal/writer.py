"""The thread that writes hooks to the journal, with one write and one sync for all queued hooks."""

import errno
import time

import structlog

from sendouts.intake.hook import Received
from sendouts.intake.journal import Journal
from sendouts.intake.queue import HookThread, settle

log = structlog.get_logger(__name__)
# During an outage, log once per this many seconds, with the number of hooks since the last time.
LOG_SECONDS = 5.0
PREPARE_SECONDS = 1.0


class JournalThread(HookThread):
    """A thread that writes hooks to the journal."""

    def __init__(self, journal: Journal) -> None:
        super().__init__("hook-journal")
        self.journal = journal
        self._logged_at = float("-inf")
        self._unlogged = 0
        self._unprepared = False

    def close(self, timeout: float) -> None:
        """Write the queued hooks, and close the files."""
        self.stop(timeout)
        self.journal.close()

    def _run(self) -> None:
        self._prepare()
        while self._has_work():
            if group := self.take(PREPARE_SECONDS):
                settle(group, self.write(list(group.values())))
            elif not self._stopped:
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
        self._unlogged += len(hooks)
        if time.monotonic() >= self._logged_at + LOG_SECONDS:
            log.warning("hooks_journaled", hooks=self._unlogged)
            self._logged_at, self._unlogged = time.monotonic(), 0
        return True


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, type(error).__name__)
