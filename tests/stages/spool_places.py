"""Where contact files are kept, on the disk or in a storage, as tests look at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sendouts.spool import bucket, disk
from tests.buckets import CREDENTIALS, Storage


class OnDisk:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tokens(self) -> set[str]:
        return {path.stem for path in self.folder.iterdir()} if self.folder.exists() else set()

    def data(self, token: str) -> bytes:
        return (self.folder / f"{token}.spool").read_bytes()

    def put(self, token: str, data: bytes | None) -> None:
        """Replace a file by other bytes, or remove it."""
        path = self.folder / f"{token}.spool"
        path.write_bytes(data) if data is not None else path.unlink()

    def tear(self, token: str) -> None:
        """Leave what a kill within a block leaves."""
        with (self.folder / f"{token}.spool").open("ab") as torn:
            torn.write(b"\0\0\1\0half a block")


class InStorage:
    """A prefix of a bucket that belongs to one test."""

    def __init__(self, storage: Storage, settings: Any) -> None:
        self.storage = storage
        self.prefix = uuid4().hex
        storage.configure(settings, self.prefix)

    def tokens(self) -> set[str]:
        return {key.split("/")[1] for key in self.storage.objects if key.startswith(self.prefix)}

    def _keys(self, token: str) -> list[str]:
        return sorted(key for key in self.storage.objects if key.startswith(f"{self.prefix}/{token}/"))

    def data(self, token: str) -> bytes:
        return b"".join(self.storage.objects[key] for key in self._keys(token))

    def put(self, token: str, data: bytes | None) -> None:
        for key in self._keys(token):
            del self.storage.objects[key]
        if data is not None:
            self.storage.objects[f"{self.prefix}/{bucket.segment_name(token, 0, 0)}"] = data

    def tear(self, token: str) -> None:
        """A segment is there as a whole, or not at all."""


Place = OnDisk | InStorage


@cache
def _storage() -> Storage:
    """One for all tests of this process: a client takes long to make."""
    return Storage()


@contextmanager
def place(kind: str, settings: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Have contact files kept on the "disk" or in a "storage", which is not taken for away after a failed call."""
    settings.SPOOL_DIR = folder / "spool"
    if kind == "disk":
        yield OnDisk(settings.SPOOL_DIR)
        return
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bucket, "AWAY", 0.0)
    storage = _storage()
    storage.back()
    yield InStorage(storage, settings)


def small_blocks(monkeypatch: pytest.MonkeyPatch, size: int = 1_000) -> None:
    for store in (disk.DiskStore, bucket.BucketStore):
        monkeypatch.setattr(store, "block", size)
    monkeypatch.setattr(bucket.BucketStore, "segment", 3 * size)
