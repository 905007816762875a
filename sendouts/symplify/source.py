"""Decompressed contact file: turn network blocks into plain pieces of one size, and check that their end is proven."""

import zlib
from collections.abc import Callable, Iterable, Iterator

from outbound.download import BrokenDownload
from sendouts.symplify.archive import Archive, BadArchive, ByteStream, unframe
from sendouts.symplify.envelopes import foreign_encodings

PIECE = 1 << 18  # bytes; fits the processor's cache, and is large enough to make the overhead per page negligible
_HEAD = 1_000  # bytes
MAX_LAYERS = 2  # a .gz file sent with Content-Encoding: gzip
_GZIP_MAGIC = b"\x1f\x8b"
# Highest ratio of unpacked to sent bytes; above it, the file is a gzip bomb. Rows with a URI each pack to a tenth, and
# gzip packs to a thousandth at best. A minimum of plain bytes applies first, since a short file may be uniform.
MAX_RATIO = 200
_RATIO_FROM = 1 << 26
_STEP_IN = 1 << 16  # bytes of compressed input per step
_STEP_OUT = 1 << 18  # bytes of output per step: bounds the memory for a gzip bomb
_DEFLATE = "deflate"


class Source:
    """Plain bytes of a contact file.

    Takes blocks of any size and yields pieces of exactly PIECE bytes (the last may be shorter). Results therefore
    cannot depend on how the network split the file. gzip and ZIP are recognised by their first bytes.

    `broken` names why the pieces ended early: cut, bad_gzip, a code of BadArchive, too_big for a bomb, or
    foreign_encoding. `names`: the files of an archive that is not read, or the encodings.
    """

    def __init__(
        self, blocks: Iterable[bytes], content_encoding: str, transport_proves_end: Callable[[], bool]
    ) -> None:
        self.broken = ""
        # The first plain bytes, for an example of what cannot be read.
        self.head = b""
        self.names: list[str] = []
        self._blocks = blocks
        self._foreign = foreign_encodings(content_encoding)
        self._encodings = {name.strip().lower() for name in content_encoding.split(",")}
        self._transport_proves_end = transport_proves_end
        self._trailer_seen = False
        self._sent = 0

    def pieces(self) -> Iterator[bytes]:
        if self._foreign:
            self.broken, self.names = "foreign_encoding", self._foreign
            return
        stream = self._transported()
        if "aws-chunked" in self._encodings:
            stream = self._guarded(unframe(ByteStream(stream)))
        if _DEFLATE in self._encodings:
            stream = self._inflated(stream)
        for _ in range(MAX_LAYERS):
            bytes_of = ByteStream(stream)
            if bytes_of.peek(len(_GZIP_MAGIC)) == _GZIP_MAGIC:
                stream = self._gunzipped(bytes_of.rest())
            elif Archive.begins(bytes_of):
                stream = self._unzipped(Archive(bytes_of))
            else:
                stream = bytes_of.rest()
                break
        any_bytes = False
        for piece in _in_pieces(stream):
            self.head = self.head or piece[:_HEAD]
            any_bytes = True
            yield piece
        if not any_bytes and not self._trailer_seen and self._encodings & {"gzip", "x-gzip"}:
            self.broken = self.broken or "cut"  # even an empty gzip file has a trailer

    def proven(self) -> bool:
        """Return whether, after the last piece, the transport or a gzip trailer proves that the file is complete."""
        return not self.broken and (self._trailer_seen or self._transport_proves_end())

    def _transported(self) -> Iterator[bytes]:
        try:
            for block in self._blocks:
                self._sent += len(block)
                yield block
        except BrokenDownload:
            self.broken = self.broken or "cut"

    def _guarded(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        """Yield what an archive yields, up to a fault or a bomb."""
        unpacked = 0
        try:
            for plain in stream:
                unpacked += len(plain)
                if self._is_bomb(unpacked):
                    return
                if plain:
                    yield plain
        except BadArchive as reason:
            self.broken = self.broken or str(reason)

    def _is_bomb(self, unpacked: int) -> bool:
        if unpacked > max(_RATIO_FROM, MAX_RATIO * self._sent):
            self.broken = self.broken or "too_big"
        return self.broken == "too_big"

    def _unzipped(self, archive: Archive) -> Iterator[bytes]:
        yield from self._guarded(archive.plain())
        self._trailer_seen = archive.closed
        if self.broken:
            self.names = archive.names
            if self.broken.startswith("zip") and any(
                name.startswith(("xl/", "[Content_Types]")) for name in self.names
            ):
                self.broken = "is_xlsx"

    def _inflated(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        """Decompress “deflate”: with the head of zlib, or, by a common mistake, without."""
        bytes_of = ByteStream(stream)
        head = bytes_of.peek(2)
        zlib_head = len(head) == 2 and head[0] & 15 == 8 and (head[0] * 256 + head[1]) % 31 == 0
        yield from self._gunzipped(bytes_of.rest(), wbits=15 if zlib_head else -15)

    def _gunzipped(self, stream: Iterator[bytes], wbits: int = 31) -> Iterator[bytes]:
        """Decompress one layer of gzip, with one or more members; zero padding is allowed after the last."""
        inflater = zlib.decompressobj(wbits=wbits)
        between = False
        unpacked = 0
        for block in stream:
            for start in range(0, len(block), _STEP_IN):
                data = block[start : start + _STEP_IN]
                while data:
                    if between:
                        data = data.lstrip(b"\0")
                        if not data:
                            break
                        inflater = zlib.decompressobj(wbits=wbits)
                        between = self._trailer_seen = False
                    before = inflater.copy()
                    try:
                        plain = inflater.decompress(data, _STEP_OUT)
                    except zlib.error:
                        yield from _inflate_bytewise(before, data)
                        self.broken = self.broken or "bad_gzip"
                        return
                    unpacked += len(plain)
                    if self._is_bomb(unpacked):
                        return
                    if plain:
                        yield plain
                    data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                    if inflater.eof:
                        between = self._trailer_seen = True
        if not between:
            yield inflater.flush()
            self.broken = self.broken or "cut"


def _inflate_bytewise(inflater: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Yield the output of damaged data up to the first wrong byte; zlib returns nothing from a failed call."""
    try:
        for at in range(len(data)):
            yield inflater.decompress(data[at : at + 1])
    except zlib.error:
        return


def _in_pieces(stream: Iterator[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for block in stream:
        held.append(block)
        size += len(block)
        if size >= PIECE:
            joined = b"".join(held)
            whole = size - size % PIECE
            for start in range(0, whole, PIECE):
                yield joined[start : start + PIECE]
            held, size = [joined[whole:]], size - whole
    if size:
        yield b"".join(held)


class Window:
    """Part of a file that is read but not yet decoded: `data` from `at` on."""

    __slots__ = ("_pieces", "at", "data", "ended", "fills")

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.data = b""
        self.at = 0
        self.ended = False
        self.fills = 0  # number of changes of `data`, compared by callers that remember a position in it

    def translate(self, old: bytes, new: bytes) -> None:
        """Replace bytes in what is not decoded yet, and in all that follows."""
        self.data = self.data.replace(old, new)
        self._pieces = (piece.replace(old, new) for piece in self._pieces)

    def more(self) -> bool:
        """Drop decoded data and read one more piece; return False at the end of the file."""
        piece = next(self._pieces, b"")
        if not piece:
            self.ended = True
            return False
        self.data = self.data[self.at :] + piece
        self.at = 0
        self.fills += 1
        return True
