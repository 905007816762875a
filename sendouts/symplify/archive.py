"""ZIP archives with one file, and bodies in chunks of aws-chunked: unpacked from a stream, in constant memory."""

import re
import struct
import zlib
from collections.abc import Iterator

ZIP_MAGIC = b"PK\x03\x04"
# Names of an archive that are kept for a sentence, and characters of each.
MAX_NAMES, MAX_NAME = 10, 80
# Entries of an archive, with folders and what desktops add, until it is given up.
MAX_BESIDE = 1_000
_ENTRY = struct.Struct("<2xHHHHIIIHH")
_LISTED, _END, _DESCRIPTOR = b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"
_LOCKED, _SIZES_FOLLOW, _UTF8 = 1, 8, 1 << 11
_STORED, _DEFLATED = 0, 8
_UNKNOWN = 0xFFFFFFFF
# Files that desktop systems add to an archive.
_BESIDE = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._[^/]*$)|/$", re.IGNORECASE)
# A spreadsheet is an archive too. It begins with one of these files, or holds them in these folders.
_OFFICE = re.compile(r"\[Content_Types\]\.xml$|mimetype$|(_rels|docProps|xl|word|ppt|META-INF)/")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,16})(;[^\r\n]{0,500})?\r\n")
_STEP_IN, _STEP_OUT = 1 << 16, 1 << 18


class BadArchive(Exception):
    """The archive is not read on; the text is the code of why."""


class ByteStream:
    """Blocks of bytes, of which exact numbers of bytes can be taken, and the last ones given back."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._data = b""
        self._at = 0

    def peek(self, count: int) -> bytes:
        """Return the next bytes without taking them; fewer at the end."""
        if len(self._data) - self._at < count:
            parts = [self._data[self._at :]]
            size = len(parts[0])
            while size < count and (block := self._next_block()):
                parts.append(block)
                size += len(block)
            self._data, self._at = b"".join(parts), 0
        return self._data[self._at : self._at + count]

    def take(self, count: int) -> bytes:
        """Raises BadArchive("cut") at the end."""
        found = self.peek(count)
        if len(found) < count:
            raise BadArchive("cut")
        self._at += count
        return found

    def some(self, most: int) -> bytes:
        """Take some bytes, up to `most`; raise BadArchive("cut") at the end."""
        if self._at >= len(self._data):
            self._data, self._at = self._next_block(), 0
        found = self._data[self._at : self._at + most]
        if not found:
            raise BadArchive("cut")
        self._at += len(found)
        return found

    def give_back(self, count: int) -> None:
        """Give back that many of the bytes that some() returned last."""
        self._at -= count

    def parts(self, count: int) -> Iterator[bytes]:
        """Yield the next `count` bytes."""
        while count:
            data = self.some(count)
            count -= len(data)
            yield data

    def rest(self) -> Iterator[bytes]:
        if self._at < len(self._data):
            yield self._data[self._at :]
        self._data, self._at = b"", 0
        yield from self._blocks

    def _next_block(self) -> bytes:
        return next(filter(None, self._blocks), b"")


class Archive:
    """A ZIP archive. `names`: its files, once plain() has ended; `closed`: its list of files was reached."""

    def __init__(self, stream: ByteStream) -> None:
        self.names: list[str] = []
        self.closed = False
        self._stream = stream
        self._files = self._entries = 0

    @staticmethod
    def begins(stream: ByteStream) -> bool:
        """Return whether this is an archive, and no spreadsheet."""
        head = stream.peek(4 + _ENTRY.size + MAX_NAME)
        if not head.startswith(ZIP_MAGIC) or len(head) < 4 + _ENTRY.size:
            return False
        length = _ENTRY.unpack_from(head, 4)[7]
        return not _OFFICE.match(head[4 + _ENTRY.size :][:length].decode("latin-1"))

    def plain(self) -> Iterator[bytes]:
        """Yield the content of the first file; raise BadArchive if there is more than one, or none that can be read."""
        while (mark := self._stream.take(4)) == ZIP_MAGIC:
            yield from self._entry()
        if mark not in (_LISTED, _END):
            raise BadArchive("bad_zip")
        self.closed = True
        if self._files != 1:
            raise BadArchive("zip_of_several" if self._files else "zip_of_none")

    def _entry(self) -> Iterator[bytes]:
        head = self._stream.take(_ENTRY.size)
        flags, method, _, _, crc, packed, size, name_length, extra_length = _ENTRY.unpack(head)
        name = self._stream.take(name_length).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        extra = self._stream.take(extra_length)
        if _UNKNOWN in (packed, size):
            packed, size = _wide_sizes(extra, packed, size)
        beside = bool(_BESIDE.search(name))
        self._entries += 1
        if not beside:
            self._files += 1
            self.names.append(name[:MAX_NAME])
        if len(self.names) > MAX_NAMES or self._entries > MAX_BESIDE:
            raise BadArchive("zip_of_several")
        if flags & _LOCKED:
            raise BadArchive("zip_locked")
        if method not in (_STORED, _DEFLATED) or (method == _STORED and flags & _SIZES_FOLLOW and not beside):
            raise BadArchive("bad_zip")
        found, checked = 0, 0
        for data in self._inflated() if method == _DEFLATED else self._stream.parts(packed):
            found, checked = found + len(data), zlib.crc32(data, checked)
            # Further files are unpacked only to find the next name.
            yield b"" if beside or self._files > 1 else data
        if flags & _SIZES_FOLLOW and method == _DEFLATED:
            crc, size = self._descriptor()
        if (checked, found & _UNKNOWN) != (crc, size & _UNKNOWN):
            raise BadArchive("bad_zip")

    def _inflated(self) -> Iterator[bytes]:
        inflater = zlib.decompressobj(wbits=-15)
        while not inflater.eof:
            data = self._stream.some(_STEP_IN)
            while data and not inflater.eof:
                try:
                    yield inflater.decompress(data, _STEP_OUT)
                except zlib.error:
                    raise BadArchive("bad_zip") from None
                data = inflater.unconsumed_tail
        self._stream.give_back(len(inflater.unused_data))

    def _descriptor(self) -> tuple[int, int]:
        """Return checksum and size from behind the content: with or without a mark, sizes of four or eight bytes."""
        if self._stream.peek(4) == _DESCRIPTOR:
            self._stream.take(4)
        follows = self._stream.peek(24)
        narrow = follows[12:16] in (ZIP_MAGIC, _LISTED, _END)
        form = "<III" if narrow or len(follows) < 24 else "<IQQ"
        crc, _, size = struct.unpack(form, self._stream.take(struct.calcsize(form)))
        return crc, size


def _wide_sizes(extra: bytes, packed: int, size: int) -> tuple[int, int]:
    """Return the sizes of ZIP64, where the fields of the head are full."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            numbers = list(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            size = numbers.pop(0) if size == _UNKNOWN and numbers else size
            packed = numbers.pop(0) if packed == _UNKNOWN and numbers else packed
        at += 4 + length
    return packed, size


def unframe(stream: ByteStream) -> Iterator[bytes]:
    """Yield the content of a body in aws-chunked form: chunks with a size line, and trailers behind the empty one.

    A store that has taken the frames off keeps the header: a body that does not begin with a size line stays as it is.
    Raises BadArchive("cut").
    """
    if not _CHUNK.match(stream.peek(600)):
        yield from stream.rest()
        return
    while True:
        line = _CHUNK.match(stream.peek(600))
        if line is None:
            raise BadArchive("cut")
        stream.take(line.end())
        left = int(line[1], 16)
        if not left:
            for _ in stream.rest():
                pass
            return
        yield from stream.parts(left)
        if stream.take(2) != b"\r\n":
            raise BadArchive("cut")
