"""One file of a journal: create, lock, append, read and remove it.

The lock (flock) belongs to the open file and ends with the process, however it ends: a file with a free lock is an
orphan. If two processes race for an orphan, the second one to lock it finds that the file has lost its name.
"""

import ctypes
import errno
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
# fallocate: keep room for the file, and do not make it longer.
_KEEP_SIZE = 1
# The smallest reserve worth an attempt.
_LEAST_BYTES = 65_536


class JournalFile:
    """A file held by this process until it is closed, removed or set aside."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._form = RecordForm(bytes.fromhex(path.stem))
        self.size = os.fstat(descriptor).st_size
        # True after a failed write that may have left bytes in the file: later records must not follow them.
        self.spent = False
        # Up to this size the file can grow though the disk is full; None: the file system keeps no room.
        self.room: int | None = 0

    def reserve(self, size: int) -> None:
        """Reserve this room on the disk for the file, or as much as is left, without making it longer."""
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        while size >= _LEAST_BYTES and self.room is not None and self.room < size:
            if fallocate(self._descriptor, _KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(size)) == 0:
                self.room = size
            elif ctypes.get_errno() in (errno.EOPNOTSUPP, errno.ENOSYS):
                self.room = None
            else:
                size //= 2

    @classmethod
    def create(cls, folder: Path) -> "JournalFile":
        """Create a file, and sync the folder so that its name is durable. Raises OSError."""
        if not folder.exists():
            # Hooks hold personal addresses: only this user may read them.
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
            # Another process adopted the empty file as an orphan before we locked it.
            os.close(descriptor)

    @classmethod
    def adopt(cls, path: Path) -> "JournalFile | None":
        """Open and lock the file of a dead process; return None if it is held or gone."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError:
            return None
        if not _lock(descriptor, path):
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def append(self, hooks: list[Received]) -> None:
        """Append the hooks durably. On OSError none of them is in the file, and the earlier ones still are."""
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
            # The contents of the disk are unknown after a failed sync.
            self.spent = True
            self._cut_back()
            raise
        self.size += len(data)

    def read(self) -> Contents:
        """Return the contents of the file. Raises OSError."""
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return self._form.read(file.read())

    def remove(self) -> None:
        """Remove the file: its hooks are stored elsewhere."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            # If the removal is not durable, the hooks are loaded again, and skipped as existing rows.
            _sync_folder(self.path.parent)
        self.close()

    def set_aside(self) -> Path:
        """Keep a damaged file under another name, for a person."""
        kept = self.path.with_suffix(KEPT_SUFFIX)
        self.path.rename(kept)
        _sync_folder(kept.parent)
        self.close()
        return kept

    def close(self) -> None:
        """Close the file; if it holds hooks, it becomes an orphan."""
        os.close(self._descriptor)

    def _cut_back(self) -> None:
        try:
            # This gives the reserve back as well.
            os.ftruncate(self._descriptor, self.size)
            self.room = self.room and 0
        except OSError:
            self.spent = True


def orphans(folder: Path) -> Iterator[JournalFile]:
    """Adopt every file of a dead process."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if is_ours(path) and (file := JournalFile.adopt(path)):
            yield file


def is_ours(path: Path) -> bool:
    """Return whether the name is one of ours: the key of the file in hexadecimal."""
    try:
        return len(bytes.fromhex(path.stem)) == 16
    except ValueError:
        return False


def _lock(descriptor: int, path: Path) -> bool:
    """Take the lock, if it is free and the file still has this name; return whether it was taken."""
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
