"""From blocks of the network to plain bytes in pieces of one size, and whether their end is proven."""

import zlib
from collections.abc import Callable, Iterable, Iterator

from sendouts.symplify.errors import TransportBroken

PIECE = 1 << 18  # bytes; small enough for the processor's cache, large enough that a page's overhead does not count
MAX_LAYERS = 2  # a .gz file that was sent with Content-Encoding: gzip
_GZIP_MAGIC = b"\x1f\x8b"
# A file that unpacks to more than so many times what was sent is a bomb: rows that each hold a URI of their own pack to a
# tenth, and gzip at its best to a thousandth. Looked at from so many plain bytes on, since a short file may be all alike.
MAX_RATIO = 200
_RATIO_FROM = 1 << 26
_STEP_IN = 1 << 16  # bytes of compressed input at a time
_STEP_OUT = 1 << 18  # bytes of output at a time: what bounds the memory that a gzip bomb takes
_READABLE_ENCODINGS = {"", "identity", "gzip", "x-gzip"}


class Source:
    """The plain bytes of a contact file.

    Blocks of any size go in, pieces of exactly PIECE bytes come out (the last may be shorter), so that nothing behind it can depend on
    how the network cut the file. gzip is recognised by its first bytes. What ends the pieces too early is named in `broken`:
    cut, bad_gzip, too_big for what unpacks to far more than was sent, or not_a_contact_file for an encoding that we do not read.
    """

    def __init__(
        self, blocks: Iterable[bytes], content_encoding: str, transport_proves_end: Callable[[], bool]
    ) -> None:
        self.broken = ""
        self._blocks = blocks
        self._encodings = {name.strip().lower() for name in content_encoding.split(",")}
        self._transport_proves_end = transport_proves_end
        self._trailer_seen = False
        self._sent = 0

    def pieces(self) -> Iterator[bytes]:
        if not self._encodings <= _READABLE_ENCODINGS:
            self.broken = "not_a_contact_file"
            return
        stream = self._transported()
        for _ in range(MAX_LAYERS):
            first, stream = _peek(stream)
            if first == _GZIP_MAGIC:
                stream = self._gunzipped(stream)
        any_bytes = False
        for piece in _in_pieces(stream):
            any_bytes = True
            yield piece
        if not any_bytes and not self._trailer_seen and self._encodings & {"gzip", "x-gzip"}:
            self.broken = self.broken or "cut"  # even an empty file has a gzip trailer

    def proven(self) -> bool:
        """Whether, after the last piece, the transport or a gzip trailer proves that nothing is missing."""
        return not self.broken and (self._trailer_seen or self._transport_proves_end())

    def _transported(self) -> Iterator[bytes]:
        try:
            for block in self._blocks:
                self._sent += len(block)
                yield block
        except TransportBroken:
            self.broken = self.broken or "cut"

    def _gunzipped(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        """Undoes one layer of gzip, of one or more members, zero padding allowed after the last."""
        inflater = zlib.decompressobj(wbits=31)
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
                        inflater = zlib.decompressobj(wbits=31)
                        between = self._trailer_seen = False
                    before = inflater.copy()
                    try:
                        plain = inflater.decompress(data, _STEP_OUT)
                    except zlib.error:
                        yield from _bytewise(before, data)
                        self.broken = self.broken or "bad_gzip"
                        return
                    unpacked += len(plain)
                    if unpacked > max(_RATIO_FROM, MAX_RATIO * self._sent):
                        self.broken = self.broken or "too_big"
                        return
                    if plain:
                        yield plain
                    data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                    if inflater.eof:
                        between = self._trailer_seen = True
        if not between:
            yield inflater.flush()
            self.broken = self.broken or "cut"


def _bytewise(inflater: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """What can be had of damaged data up to the very byte that is wrong; zlib gives nothing of a call that fails."""
    try:
        for at in range(len(data)):
            yield inflater.decompress(data[at : at + 1])
    except zlib.error:
        return


def _peek(stream: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first two bytes, and the stream with nothing taken from it."""
    head = b""
    for block in stream:
        head += block
        if len(head) >= len(_GZIP_MAGIC):
            break
    return head[: len(_GZIP_MAGIC)], _chained(head, stream)


def _chained(head: bytes, stream: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from stream


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
    """The part of a file that is read and not yet understood: `data` from `at` on."""

    __slots__ = ("_pieces", "at", "data", "ended", "fills")

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.data = b""
        self.at = 0
        self.ended = False
        self.fills = 0  # how often data changed: who remembers a position of it compares this

    def more(self) -> bool:
        """Lets go of what was understood and takes one more piece; False at the end of the file."""
        piece = next(self._pieces, b"")
        if not piece:
            self.ended = True
            return False
        self.data = self.data[self.at :] + piece
        self.at = 0
        self.fills += 1
        return True
