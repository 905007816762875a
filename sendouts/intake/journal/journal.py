"""The journal of this process: the file that it writes, and its full files."""

import os
import threading
from contextlib import suppress
from pathlib import Path

from sendouts.intake.hook import Received
from sendouts.intake.journal.file import JournalFile

# A file is read at once when loaded; its size and that of one group bound the memory used.
FILE_BYTES = 8_000_000
# Room that the disk keeps for the file in use: on a full disk it takes this many bytes of hooks.
RESERVE_BYTES = 32_000_000
CLOSE_SECONDS = 1.0


class Journal:
    """Appends to one file, and hands over full files for loading. One thread appends, another one takes."""

    def __init__(self, folder: Path, file_bytes: int = FILE_BYTES, reserve_bytes: int = RESERVE_BYTES) -> None:
        self.folder = folder
        self._file_bytes = file_bytes
        self._reserve_bytes = reserve_bytes
        self._lock = threading.Lock()
        self._file: JournalFile | None = None
        self._full: list[JournalFile] = []

    @property
    def holds_hooks(self) -> bool:
        """Return whether there are hooks to take."""
        return bool(self._full) or (self._file is not None and self._file.size > 0)

    def prepare(self) -> None:
        """Create the next file in advance: the first hook of an outage has no time for it. Raises OSError.

        Also reserve room for it, and try again while the disk has less than that.
        """
        with self._lock:
            self._prepare().reserve(self._reserve_bytes)

    def append(self, hooks: list[Received]) -> None:
        """Make the hooks durable, all of them or none. Raises OSError."""
        with self._lock:
            file = self._prepare()
            try:
                file.append(hooks)
            finally:
                if file.spent or (file.size >= self._file_bytes and self._has_room_for_next(file)):
                    self._seal()

    def take(self) -> list[JournalFile]:
        """Return every file with hooks in it, and begin a new file for later hooks; return none during a write."""
        if not self._lock.acquire(blocking=False):
            return []
        try:
            if self._file is not None and self._file.size:
                self._seal()
            taken, self._full = self._full, []
            return taken
        finally:
            self._lock.release()

    def take_back(self, files: list[JournalFile]) -> list[JournalFile]:
        """Continue one of these files, which could not be loaded; return the others.

        The reserve of a full disk belongs to a file, and a new one would have none.
        """
        with self._lock:
            roomy = [file for file in files if not file.spent and (file.room or 0) > file.size]
            if not roomy or (self._file is not None and self._file.size):
                return files
            if self._file is not None:
                with suppress(OSError):
                    self._file.remove()
            self._file = roomy[0]
            return [file for file in files if file is not self._file]

    def close(self) -> None:
        """Close all files; other processes adopt those with hooks."""
        if not self._lock.acquire(timeout=CLOSE_SECONDS):
            # The disk hangs during a write: the locks end with the process.
            return
        try:
            self._seal()
            while self._full:
                self._full.pop().close()
        finally:
            self._lock.release()

    def _has_room_for_next(self, file: JournalFile) -> bool:
        """Return whether a new file would have room; on a full disk the old one goes on in its reserve."""
        if file.room is None or file.size >= file.room:
            return True
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize > self._reserve_bytes

    def _prepare(self) -> JournalFile:
        if self._file is None:
            self._file = JournalFile.create(self.folder)
        return self._file

    def _seal(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if file.size:
            self._full.append(file)
        else:
            with suppress(OSError):
                file.remove()
