"""The journal of this process: the file that it writes, and its full files."""

import threading
from contextlib import suppress
from pathlib import Path

from sendouts.intake.hook import Received
from sendouts.intake.journal.file import JournalFile

# A file is read at once when loaded; its size and that of one group bound the memory used.
FILE_BYTES = 8_000_000
CLOSE_SECONDS = 1.0


class Journal:
    """Appends to one file, and hands over full files for loading. One thread appends, another one takes."""

    def __init__(self, folder: Path, file_bytes: int = FILE_BYTES) -> None:
        self.folder = folder
        self._file_bytes = file_bytes
        self._lock = threading.Lock()
        self._file: JournalFile | None = None
        self._full: list[JournalFile] = []

    @property
    def holds_hooks(self) -> bool:
        """Return whether there are hooks to take."""
        return bool(self._full) or (self._file is not None and self._file.size > 0)

    def prepare(self) -> None:
        """Create the next file in advance: the first hook of an outage has no time for it. Raises OSError."""
        with self._lock:
            self._prepare()

    def append(self, hooks: list[Received]) -> None:
        """Make the hooks durable, all of them or none. Raises OSError."""
        with self._lock:
            file = self._prepare()
            try:
                file.append(hooks)
            finally:
                if file.spent or file.size >= self._file_bytes:
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
