"""Load journaled hooks into the table, from the files of this process and of dead processes."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import structlog
from django.db import DataError, IntegrityError

from sendouts.intake.hook import Received
from sendouts.intake.journal import Journal, JournalFile, orphans
from sendouts.intake.queue import fitting
from work.nudges import nudge

log = structlog.get_logger(__name__)
# Small groups, because hooks that arrive meanwhile wait until a group is written.
LOAD_HOOKS = 200
LOAD_BYTES = 2_000_000

Write = Callable[[list[Received]], list[int]]


class Loader:
    """Loads journaled hooks group by group, so that its thread can store new hooks in between.

    A file is removed after the COMMIT of its last group. After a kill before that, all of it is loaded again; hooks
    already in the table are skipped.
    """

    def __init__(self, folder: Path, write: Write, journal: Journal | None) -> None:
        self._folder = folder
        self._write = write
        self._journal = journal
        self._held: list[JournalFile] = []
        self._steps: Iterator[None] | None = None

    @property
    def has_work(self) -> bool:
        """Return whether this process holds files that are not loaded yet."""
        return bool(self._held) or (self._journal is not None and self._journal.holds_hooks)

    def step(self) -> bool:
        """Load one group; return False if nothing is left. Raises the database's errors; the files are kept then."""
        steps, self._steps = self._steps or self._load_all(), None
        try:
            for _ in steps:
                self._steps = steps
                return True
        except Exception:
            if self._journal is not None:
                self._held = self._journal.take_back(self._held)
            raise
        return False

    def close(self) -> None:
        """Close the files that were not loaded."""
        while self._held:
            self._held.pop().close()

    def _load_all(self) -> Iterator[None]:
        if self._journal is not None:
            self._held += self._journal.take()
        self._held += orphans(self._folder)
        while self._held:
            yield from self._load(self._held[0])
            self._held.pop(0)

    def _load(self, file: JournalFile) -> Iterator[None]:
        try:
            contents = file.read()
        except OSError as error:
            return _close_unreadable(file, error)
        refused: list[Received] = []
        loaded = 0
        start = 0
        while group := contents.hooks[start : start + LOAD_HOOKS]:
            group = group[: fitting(group, LOAD_HOOKS, LOAD_BYTES)]
            start += len(group)
            ids = insert(self._write, group, refused)
            loaded += len(ids)
            nudge("hooks", ids)
            yield
        try:
            if contents.damaged or refused:
                uuids = [str(hook.uuid) for hook in refused]
                log.error("journal_damaged", file=file.path.name, stretches=contents.damaged, refused=uuids)
                file.set_aside()
            else:
                file.remove()
        except OSError as error:
            return _close_unreadable(file, error)
        if contents.hooks:
            log.info("journal_loaded", file=file.path.name, hooks=len(contents.hooks), new=loaded)
        return None


def insert(write: Write, group: list[Received], refused: list[Received]) -> list[int]:
    """Write the hooks and return their row ids; halve a failing group to isolate hooks that the database refuses.

    Raises the database's error if it takes no hook at all, as if a column is new or missing while versions change.
    """
    try:
        return write(group)
    except (DataError, IntegrityError):
        write([])
        if len(group) == 1:
            refused += group
            return []
        half = len(group) // 2
        return insert(write, group[:half], refused) + insert(write, group[half:], refused)


def _close_unreadable(file: JournalFile, error: OSError) -> None:
    """Close a file that the disk cannot read or remove; it becomes an orphan, and is tried again later."""
    log.error("journal_not_read", file=file.path.name, error=type(error).__name__)
    with suppress(OSError):
        file.close()
