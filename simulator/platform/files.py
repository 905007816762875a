"""Contact files as bytes, block by block: format, encoding, gzip and download faults."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from simulator.platform.faults import Fault, FaultKind
from simulator.platform.rows import Rows
from simulator.platform.sendouts import Sendout
from simulator.platform.spec import Spec
from simulator.wire.replies import LAST_CHUNK, chunk, head
from simulator.world import World

ROWS_PER_BLOCK = 250
_TYPES = {"json": "application/json", "json_object": "application/json", "ndjson": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Download:
    """One answer to a download: its head, and its bytes with framing and faults."""

    world: World
    sendout: Sendout
    fault: Fault | None
    version: int

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the framed answer, head first; the body is generated while it is sent."""
        fault, transfer = self.fault, self.sendout.spec.transfer
        kind = fault.kind if fault else None
        moved = kind is FaultKind.DIFFERS and self.version > 1
        size, stop = -1, None
        if transfer == "length" or kind in (FaultKind.CUT, FaultKind.WRONG_LENGTH, FaultKind.CORRUPT_GZIP):
            size = await self._size(moved)
        if fault and kind is FaultKind.CUT:
            stop = int(size * fault.at)
        declared = size if transfer == "length" else None
        if fault and kind is FaultKind.WRONG_LENGTH:
            declared = max(0, size + fault.by)
        if declared is not None and fault and kind is FaultKind.CUT and fault.clean:
            declared = stop
        chunked = declared is None and transfer == "chunked"
        yield head(200, self._headers(declared, chunked))
        spoil = min(int(size * fault.at), max(0, size - 8)) if fault and kind is FaultKind.CORRUPT_GZIP else None
        place = 0
        async for block in self._blocks(moved):
            if spoil is not None and place <= spoil < place + len(block):
                block = _spoiled(block, spoil - place)
            place += len(block)
            if stop is not None and place > stop:
                block = block[: max(0, len(block) - (place - stop))]
            if block:
                yield chunk(block) if chunked else block
            if stop is not None and place >= stop:
                break
        if chunked and (stop is None or (fault and fault.clean)):
            yield LAST_CHUNK

    def closes(self) -> bool:
        """Return whether the connection must close after this answer, because its framing is broken or lacks an end."""
        kind = self.fault.kind if self.fault else None
        return self.sendout.spec.transfer == "close" or kind in (FaultKind.CUT, FaultKind.WRONG_LENGTH)

    def _headers(self, declared: int | None, chunked: bool) -> list[tuple[str, str]]:
        spec = self.sendout.spec
        content_type = "application/gzip" if spec.gzip == "body" else _TYPES.get(spec.format, "text/csv")
        if self.fault and self.fault.kind is FaultKind.WRONG_TYPE:
            content_type = self.fault.type
        headers = [("Content-Type", content_type)]
        if spec.gzip == "header":
            headers.append(("Content-Encoding", "gzip"))
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        elif declared is not None:
            headers.append(("Content-Length", str(declared)))
        else:
            headers.append(("Connection", "close"))
        return headers

    async def _blocks(self, moved: bool) -> AsyncIterator[bytes]:
        rows = Rows(self.world, self.sendout)
        for block in contents(self.sendout.spec, rows, self._moved_from(moved)):
            yield block

    async def _size(self, moved: bool) -> int:
        # Generate the file once to learn its size without storing it; cache the size, since it never changes.
        key = self._moved_from(moved)
        if key not in self.sendout.sizes:
            size = 0
            async for block in self._blocks(moved):
                size += len(block)
                await asyncio.sleep(0)
            self.sendout.sizes[key] = size
        return self.sendout.sizes[key]

    def _moved_from(self, moved: bool) -> int | None:
        return self.fault.row if moved and self.fault else None


def contents(spec: Spec, rows: Rows, moved_from: int | None = None) -> Iterator[bytes]:
    """Yield the bytes of the file, always the same; `moved_from` rotates the rows from that index on by one."""
    parts = _parts(spec, rows, moved_from)
    bom = b"\xef\xbb\xbf" if spec.encoding == "utf-8-sig" else b""
    encoding = "utf-8" if spec.encoding == "utf-8-sig" else spec.encoding
    # Characters that the encoding lacks, including lone surrogates, become JSON escapes.
    plain = (part.encode(encoding, "backslashreplace") for part in parts)
    if not spec.gzip:
        if bom:
            yield bom
        yield from plain
        return
    packer = zlib.compressobj(level=1, wbits=31)
    yield from filter(None, [packer.compress(bom)])
    for block in plain:
        packed = packer.compress(block)
        if packed:
            yield packed
    yield packer.flush()


def _parts(spec: Spec, rows: Rows, moved_from: int | None) -> Iterator[str]:
    """Yield the text of the file in blocks of whole rows."""
    as_json = spec.format in ("json", "json_object")
    opening, ending = {
        "json": ("[", "]"),
        "json_object": ('{"version":1,"contacts":[', f'],"count":{spec.contacts}}}'),
        "csv": (rows.header() if spec.format == "csv" else "", ""),
    }.get(spec.format, ("", ""))
    splices: dict[int, list[str]] = {}
    for position, text in spec.raw_lines:
        splices.setdefault(position, []).append(text)
    if opening:
        yield opening
    first = True
    for start in range(0, spec.contacts + 1, ROWS_PER_BLOCK):
        indexes = range(start, min(start + ROWS_PER_BLOCK, spec.contacts))
        order = indexes if moved_from is None else [_moved(index, moved_from, spec.contacts) for index in indexes]
        texts = list(rows.as_csv(order) if spec.format == "csv" else rows.as_json(order))
        if splices:
            texts = _spliced(texts, start, splices, "\r\n" if spec.format == "csv" else "")
        if not texts:
            continue
        if as_json:
            yield ("" if first else ",") + ",".join(texts)
        else:
            yield "".join(texts) if spec.format == "csv" else "\n".join(texts) + "\n"
        first = False
    if ending:
        yield ending


def _spliced(texts: list[str], start: int, splices: dict[int, list[str]], line_end: str) -> list[str]:
    """Insert raw texts before the rows at their positions; those after the last row come at the end."""
    out: list[str] = []
    for offset in range(len(texts) + 1):
        if offset < len(texts) or len(texts) < ROWS_PER_BLOCK:
            out.extend(text + line_end for text in splices.get(start + offset, ()))
        out.extend(texts[offset : offset + 1])
    return out


def _moved(index: int, moved_from: int, count: int) -> int:
    if index < moved_from:
        return index
    return moved_from + (index - moved_from + 1) % (count - moved_from)


def _spoiled(block: bytes, place: int) -> bytes:
    """Invert the bits of a few bytes."""
    spoiled = bytearray(block)
    for at in range(place, min(place + 8, len(spoiled))):
        spoiled[at] ^= 0xFF
    return bytes(spoiled)
