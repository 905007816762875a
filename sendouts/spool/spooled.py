"""Write, read, replace and remove the contact file of a batch."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from actions.secrets.at_rest import AtRest
from actions.secrets.keys import keyring
from outbound.download import BrokenDownload
from sendouts.models import Batch, Spool
from sendouts.privacy import sealing
from sendouts.spool.bucket import BucketStore, SegmentReader, SegmentWriter, StorageAway
from sendouts.spool.disk import DiskReader, DiskStore, DiskWriter
from sendouts.spool.frames import KEY_BYTES, Damaged, FrameCipher
from work import claims

log = structlog.get_logger(__name__)
Store: TypeAlias = DiskStore | BucketStore
Writer: TypeAlias = DiskWriter | SegmentWriter
Reader: TypeAlias = DiskReader | SegmentReader
# Seconds for which a reader waits for a writer that writes nothing.
PATIENCE = 2.0
_TICK = 0.02
# Characters of a token that the pages of one contact file share.
FAMILY = 24
# Files without a row are this old before they are removed: a row is committed soon after its file is made.
ORPHAN_SECONDS = 3600.0


class Behind(Exception):
    """The reader has read all that is there, and the download is not at its end."""


class LostFile(Exception):
    """The kept file is gone or damaged."""


@dataclass(frozen=True, slots=True)
class Description:
    """What opens a kept file, and what the platform said about it. Stored sealed."""

    key: str
    # Headers of the answer, with lower-case names.
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, headers: Mapping[str, str]) -> "Description":
        return cls(secrets.token_hex(KEY_BYTES), {name.lower(): value for name, value in headers.items()})

    def seal(self, batch_id: int) -> AtRest:
        return keyring().seal(json.dumps(asdict(self)).encode(), sealing.of_spool(batch_id))

    @classmethod
    def open(cls, sealed: bytes | memoryview, batch_id: int) -> "Description":
        """Raises CannotOpen."""
        return cls(**json.loads(keyring().open(sealed, sealing.of_spool(batch_id))))


class SpooledFile:
    """A kept file that can be read once, like outbound.download.Download: blocks, proof of the end, headers.

    `tick` is called while it waits for the writer; without `tick` it does not wait. `whole`: its end was written.
    """

    def __init__(
        self, token: str, about: Description, tick: Callable[[], object] | None = None, *, whole: bool = False
    ) -> None:
        self.headers = about.headers
        self.content_encoding = about.headers.get("content-encoding", "").strip().lower()
        self.received = 0
        self._cipher = FrameCipher(bytes.fromhex(about.key), token)
        self._tick = tick
        self._whole = whole
        self._end: dict[str, object] = {}
        try:
            self._reader: Reader = store().read(token)
        except FileNotFoundError:
            raise LostFile from None

    def blocks(self) -> Iterator[bytes]:
        """Yield the body as it came; raise Behind, LostFile, StorageAway, or BrokenDownload for one that was cut."""
        number = 0
        while not self._end:
            plain, last = self._open_frame(number, self._await_frame())
            number += 1
            if last:
                self._end = json.loads(plain)
            else:
                self.received += len(plain)
                yield plain
        if word := self._end.get("broken"):
            raise BrokenDownload(str(word), self.received)

    def _await_frame(self) -> bytes:
        until = time.monotonic() + PATIENCE
        try:
            while (frame := self._reader.next_frame()) is None:
                if self._whole:
                    raise LostFile
                if self._tick is None or time.monotonic() > until:
                    raise Behind
                self._tick()
                time.sleep(_TICK)
        except Damaged:
            raise LostFile from None
        return frame

    def _open_frame(self, number: int, frame: bytes) -> tuple[bytes, bool]:
        try:
            return self._cipher.open(number, frame)
        except Damaged:
            raise LostFile from None

    def proves_end(self) -> bool:
        """Return whether the transport proved the end of the file."""
        return bool(self._end.get("proven"))

    @property
    def size(self) -> int:
        """Return the bytes of the frames read so far."""
        return self._reader.size

    @property
    def share(self) -> float:
        """Return the read share of the body, from 0 to 1; 0 if its length is unknown."""
        length = self.headers.get("content-length", "")
        return min(1.0, self.received / int(length)) if length.isascii() and length.isdigit() and int(length) else 0.0

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> "SpooledFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SpoolWriter:
    """Writes one kept file; `size` and `frames` say what of it is there already, `received` how many plain bytes."""

    def __init__(self, token: str, about: Description, size: int = 0, frames: int = 0, received: int = 0) -> None:
        self.size, self.frames, self.received = size, frames, received
        self._cipher = FrameCipher(bytes.fromhex(about.key), token)
        self._writer: Writer = store().write(token, size, frames)

    def append(self, block: bytes) -> None:
        """Raises OSError if the disk is full, and StorageAway, which is one."""
        frame = self._cipher.seal(self.frames, block)
        self._writer.append(frame)
        self.size += len(frame)
        self.frames += 1
        self.received += len(block)

    def end(self, *, proven: bool, broken: str = "") -> None:
        self._writer.append(self._cipher.seal_end(self.frames, {"proven": proven, "broken": broken}))

    def close(self) -> None:
        """Write to the disk what the system still holds, and close."""
        self._writer.close()


def store() -> Store:
    """Return where this deployment keeps contact files."""
    limit = int(settings.SPOOL_GB * 10**9)
    if settings.SPOOL_URL:
        return _bucket(settings.SPOOL_URL, settings.AWS_ENDPOINT_URL_S3, limit)
    return DiskStore(Path(settings.SPOOL_DIR), limit)


@cache
def _bucket(url: str, endpoint: str, limit: int) -> BucketStore:
    """Return the one object of this process, which remembers what it counted and keeps connections."""
    return BucketStore(url, endpoint, limit)


def find(batch_id: int) -> Spool | None:
    """Return the row of a batch's kept file, if there is a file with at least a part of what came."""
    return Spool.objects.filter(pk=batch_id).exclude(token="").exclude(state=Spool.State.OVER).first()


@contextmanager
def open_file(spool: Spool, tick: Callable[[], object] | None = None) -> Iterator[SpooledFile]:
    """Open the kept file of a row from its start. Raises CannotOpen and LostFile; see SpooledFile.blocks()."""
    about, whole = Description.open(spool.sealed, spool.pk), spool.state == Spool.State.COMPLETE
    with SpooledFile(spool.token, about, tick, whole=whole) as found:
        yield found


def measure(token: str, about: Description) -> tuple[int, int, int]:
    """Return bytes, frames and plain bytes of the whole part of a file without an end; raise LostFile without one."""
    size = frames = 0
    with SpooledFile(token, about) as found:
        try:
            for _ in found.blocks():
                frames, size = frames + 1, found.size
        except Behind:
            return size, frames, found.received
        except LostFile:
            if store().cuts:
                return size, frames, found.received
        except BrokenDownload:
            pass
    raise LostFile


def replace(batch_id: int, blocks: Iterable[bytes], headers: Mapping[str, str]) -> None:
    """Keep these plain bytes as the whole contact file of a batch, instead of what came; what came stays as `earlier`.

    `headers` may hold content-type and content-encoding. The caller starts the screening.
    """
    token, about = secrets.token_hex(16), Description.make(headers)
    writer = SpoolWriter(token, about)
    try:
        for block in blocks:
            writer.append(block)
        writer.end(proven=True)
    except BaseException:
        writer.close()
        discard(token)
        raise
    writer.close()
    with transaction.atomic():
        Batch.objects.select_for_update().get(pk=batch_id)
        Spool.objects.get_or_create(pk=batch_id, defaults={"batch_id": batch_id})
        row = Spool.objects.select_for_update().get(pk=batch_id)
        columns: dict[str, Any] = {
            "token": token,
            "sealed": about.seal(batch_id),
            "state": Spool.State.COMPLETE,
            "due_at": None,
        }
        if not row.earlier_token:
            columns |= {"earlier_token": row.token, "earlier_sealed": row.sealed}
        Spool.objects.filter(pk=batch_id).update(claim_id=None, claimed_until=None, failure={}, **columns)
    if row.earlier_token and row.token:
        # An earlier replacement.
        discard(row.token)


def discard(token: str, *, alone: bool = False) -> None:
    """Remove a file that its row does not need any more; if that fails, remove_orphans() does it later.

    alone: leave its pages, which sendouts.spool.pages keeps beside it.
    """
    try:
        store().remove(token if alone else token[:FAMILY])
    except OSError as error:
        log.warning("spool_not_removed", error=type(error).__name__, code=getattr(error, "code", ""))


def remove(spool: Spool) -> None:
    """Remove the kept files of a row, and then the row."""
    for token in filter(None, (spool.token, spool.earlier_token, spool.offered_token)):
        discard(token)
    Spool.objects.filter(pk=spool.pk).delete()


def remove_orphans() -> int:
    """Remove old files that no row names, such as those of a database that was restored; return their number."""
    removed = 0
    try:
        for token in [token for token, _, age in store().files() if age > ORPHAN_SECONDS]:
            columns = ("token", "earlier_token", "offered_token")
            named = (Q(**{f"{column}__startswith": token[:FAMILY]}) for column in columns)
            if not Spool.objects.filter(reduce(or_, named)).exists():
                store().remove(token)
                removed += 1
    except StorageAway as away:
        log.warning("spool_not_removed", error=type(away).__name__, code=away.code)
    return removed


def load_again(batch_id: int, pause: timedelta) -> None:
    """Start the download of a batch's file again after a pause, in the caller's transaction; what came stays."""
    row = Spool.objects.select_for_update().filter(pk=batch_id).first()
    if row is None:
        return
    earlier = {"earlier_token": row.token, "earlier_sealed": row.sealed, "token": "", "sealed": b""}
    Spool.objects.filter(pk=batch_id).update(
        state=Spool.State.LOADING,
        due_at=claims.due_in(pause),
        attempts=0,
        failure={},
        **(earlier if row.state == Spool.State.COMPLETE and row.token else {}),
    )
