"""One file of a journal: made, locked, appended to, read, and removed.

The lock (flock) belongs to the open file and ends with the process, however it ends: a file whose lock is free is an orphan.
Two processes that reach for an orphan meet at the lock, and the second finds that the file has no name any more.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from uuid import uuid4

from sendouts.intake.hook import Received
from sendouts.intake.journal.record import Contents, RecordForm

SUFFIX = ".journal"
KEPT_SUFFIX = ".damaged"


class JournalFile:
    """A file that this process holds, until it is closed, removed or set aside."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._form = RecordForm(bytes.fromhex(path.stem))
        self.size = os.fstat(descriptor).st_size
        # After a failed write whose traces may remain, nothing may be written behind them.
        self.spent = False

    @classmethod
    def create(cls, folder: Path) -> "JournalFile":
        """A new file, known to the disk under its name. Raises OSError."""
        if not folder.exists():
            # Hooks hold addresses of people: nobody else may look.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_folder(folder.parent)
        while True:
            path = folder / f"{uuid4().hex}{SUFFIX}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            if _lock(descriptor, path):
                try:
                    _sync_folder(folder)
                except OSError:
                    path.unlink(missing_ok=True)
                    os.close(descriptor)
                    raise
                return cls(path, descriptor)
            # Another process took the empty file for an orphan in that moment.
            os.close(descriptor)

    @classmethod
    def adopt(cls, path: Path) -> "JournalFile | None":
        """The file of a process that is gone; None where it is held, or gone itself."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError:
            return None
        if not _lock(descriptor, path):
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def append(self, hooks: list[Received]) -> None:
        """Write the hooks behind the others, durably; on OSError none of them is in the file, and the others still are."""
        data = memoryview(b"".join(map(self._form.record, hooks)))
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self.size + written)
        except OSError:
            self._cut_back()
            raise
        try:
            os.fdatasync(self._descriptor)
        except OSError:
            # What the disk has after a failed sync, nobody knows.
            self.spent = True
            self._cut_back()
            raise
        self.size += len(data)

    def read(self) -> Contents:
        """All that is in the file. Raises OSError."""
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return self._form.read(file.read())

    def remove(self) -> None:
        """Take the file away: its hooks are safe elsewhere."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            # Should the removal not last, its hooks are found again, and are there already.
            _sync_folder(self.path.parent)
        self.close()

    def set_aside(self) -> Path:
        """Keep a file that cannot be read in full under another name, for a person."""
        kept = self.path.with_suffix(KEPT_SUFFIX)
        self.path.rename(kept)
        _sync_folder(kept.parent)
        self.close()
        return kept

    def close(self) -> None:
        """Let go of the file; with hooks in it, it is an orphan now."""
        os.close(self._descriptor)

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self.size)
        except OSError:
            self.spent = True


def orphans(folder: Path) -> Iterator[JournalFile]:
    """Adopt every file whose process is gone."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if is_ours(path) and (file := JournalFile.adopt(path)):
            yield file


def is_ours(path: Path) -> bool:
    """Whether the name is one that we give: the key of the file."""
    try:
        return len(bytes.fromhex(path.stem)) == 16
    except ValueError:
        return False


def _lock(descriptor: int, path: Path) -> bool:
    """Take the lock, if it is free and the file still has this name."""
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
