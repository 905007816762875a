"""The format of a journal: a framed, checksummed record for each hook, readable past any damage.

    marker (8) | length of the payload (4) | received_at in µs (8) | CRC-32 of these three (4)
    | BLAKE2b of all (16) | payload

The numbers are sizes in bytes. Marker and checksum are keyed with the random name of the file. So no hook can hold
bytes that a reader would take for a record.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

import msgspec

from actions.secrets.at_rest import AtRest
from sendouts.intake.hook import Received

_FIELDS = struct.Struct("<8sIq")
_SUM = struct.Struct("<I")
_DIGEST_BYTES = 16
HEAD_BYTES = _FIELDS.size + _SUM.size
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Payload(msgspec.Struct, array_like=True):
    uuid: UUID
    source: str
    content_type: str
    body: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Payload)


@dataclass(frozen=True, slots=True)
class Head:
    """The position of a record and the time of its hook, without the payload. `end` may exceed the file's size."""

    start: int
    end: int
    received_at: datetime


@dataclass(slots=True)
class Contents:
    """The contents of a file. damaged: the number of unreadable stretches, without a torn tail."""

    hooks: list[Received] = field(default_factory=list)
    damaged: int = 0


class RecordForm:
    """Encodes and decodes the records of the file with this key (16 to 64 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._marker = blake2b(b"marker", key=key, digest_size=8).digest()

    def record(self, hook: Received) -> bytes:
        payload = _encoder.encode(_Payload(hook.uuid, hook.source, hook.content_type, hook.body))
        fields = _FIELDS.pack(self._marker, len(payload), (hook.received_at - _EPOCH) // _MICROSECOND)
        return b"".join((fields, _SUM.pack(zlib.crc32(fields)), self._digest(fields, payload), payload))

    def read(self, data: bytes) -> Contents:
        """Return every hook with an intact record, whatever lies between.

        A tail torn during its write does not count as damage: its hook was never acknowledged.
        """
        found = Contents()
        at = 0
        while at < len(data):
            head = self.head(data, at)
            hook = self._hook(data, head) if head else None
            if head and hook:
                found.hooks.append(hook)
                at = head.end
                continue
            start, at = at, self._next(data, at + 1)
            found.damaged += at < len(data) or not self._is_torn(data[start:])
        return found

    def heads(self, data: bytes) -> Iterator[Head]:
        """Yield the records with an intact head, without reading their payloads."""
        at = 0
        while at < len(data):
            head = self.head(data, at)
            if head and head.end <= len(data):
                yield head
                at = head.end
            else:
                at = self._next(data, at + 1)

    def head(self, data: bytes, at: int) -> Head | None:
        """Return the head at this offset, or None if there is none."""
        if len(data) - at < HEAD_BYTES or not data.startswith(self._marker, at):
            return None
        if _SUM.unpack_from(data, at + _FIELDS.size)[0] != zlib.crc32(data[at : at + _FIELDS.size]):
            return None
        _, length, microseconds = _FIELDS.unpack_from(data, at)
        try:
            received_at = _EPOCH + microseconds * _MICROSECOND
        except OverflowError:
            return None
        return Head(at, at + HEAD_BYTES + _DIGEST_BYTES + length, received_at)

    def _hook(self, data: bytes, head: Head) -> Received | None:
        payload = data[head.start + HEAD_BYTES + _DIGEST_BYTES : head.end]
        given = data[head.start + HEAD_BYTES : head.start + HEAD_BYTES + _DIGEST_BYTES]
        if head.end > len(data) or given != self._digest(data[head.start : head.start + _FIELDS.size], payload):
            return None
        try:
            read = _decoder.decode(payload)
        except msgspec.MsgspecError:
            return None
        return Received(AtRest(read.body), read.content_type, head.received_at, read.source, read.uuid)

    def _digest(self, fields: bytes, payload: bytes) -> bytes:
        summed = blake2b(fields, key=self._key, digest_size=_DIGEST_BYTES)
        summed.update(payload)
        return summed.digest()

    def _next(self, data: bytes, at: int) -> int:
        """Return the offset of the next possible record, or the end."""
        found = data.find(self._marker, at)
        return len(data) if found < 0 else found

    def _is_torn(self, rest: bytes) -> bool:
        """Return whether these last bytes are a partial record, or space that was never written."""
        if len(rest) < HEAD_BYTES:
            begins = rest[: len(self._marker)] == self._marker[: len(rest)]
        else:
            head = self.head(rest, 0)
            begins = head is not None and head.end > len(rest)
        return begins or not any(rest)
