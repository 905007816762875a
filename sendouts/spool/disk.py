"""Kept files in a folder: one file each, written by one process and read by others meanwhile. Free of Django."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from sendouts.spool.frames import HEAD, MAX_FRAME, Damaged

# Bytes of a frame: what a kill loses, and how far a reader is behind.
BLOCK = 1 << 18
# Free bytes that remain on the disk for the journal and the database.
KEPT_FREE = 1 << 28
_ENDING = ".spool"


class DiskWriter:
    """Appends frames to one file."""

    def __init__(self, path: Path, size: int) -> None:
        path.touch(mode=0o600)
        self._file = path.open("r+b", buffering=0)
        # What follows the last whole frame was torn by a kill.
        self._file.truncate(size)
        self._file.seek(size)

    def append(self, frame: bytes) -> None:
        left = memoryview(frame)
        while left:
            left = left[self._file.write(left) or 0 :]

    def close(self) -> None:
        os.fdatasync(self._file.fileno())
        self._file.close()


class DiskReader:
    """Reads the frames of one file in order."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        # Bytes of the frames read so far.
        self.size = 0

    def next_frame(self) -> bytes | None:
        """Return the next frame, or None if it is not whole yet; raise Damaged for an impossible length."""
        head = os.pread(self._file.fileno(), HEAD.size, self.size)
        if len(head) < HEAD.size:
            return None
        length, _ = HEAD.unpack(head)
        if length > MAX_FRAME:
            raise Damaged
        frame = os.pread(self._file.fileno(), HEAD.size + length, self.size)
        if len(frame) < HEAD.size + length:
            return None
        self.size += len(frame)
        return frame

    def close(self) -> None:
        self._file.close()


class DiskStore:
    """The folder. `limit`: the most bytes that all its files may have together."""

    block = BLOCK
    # What follows a damaged frame is cut off, and written again.
    cuts = True

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def has_room(self) -> bool:
        """Return whether another block may be written."""
        if not self._limit:
            return False
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        used = sum(size for _, size, _ in self.files())
        return used + BLOCK <= self._limit and shutil.disk_usage(self._folder).free > KEPT_FREE

    def write(self, token: str, size: int = 0, frames: int = 0) -> DiskWriter:
        """Return a writer behind the first `size` bytes, which are so many frames."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return DiskWriter(self._path(token), size)

    def read(self, token: str) -> DiskReader:
        """Return a reader from the start; raise FileNotFoundError."""
        return DiskReader(self._path(token))

    def remove(self, token: str) -> None:
        """Remove all files whose token begins so."""
        for path in list(self._folder.glob(f"{token}*{_ENDING}")):
            path.unlink(missing_ok=True)

    def files(self) -> Iterator[tuple[str, int, float]]:
        """Yield token, size and age in seconds of each file."""
        try:
            found = list(self._folder.glob(f"*{_ENDING}"))
        except FileNotFoundError:
            return
        now = time.time()
        for path in found:
            try:
                seen = path.stat()
            except FileNotFoundError:
                continue
            yield path.stem, seen.st_size, now - seen.st_mtime

    def _path(self, token: str) -> Path:
        return self._folder / f"{token}{_ENDING}"
