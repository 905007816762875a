"""Contact file reader: turn the blocks of a download into chunks of rows, in constant memory."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from sendouts.symplify.formats import recognise
from sendouts.symplify.jsonfile import BrokenJson
from sendouts.symplify.rows import Row, RowFindings, RowMaker
from sendouts.symplify.source import Source, Window

__all__ = ["ItemReader", "Row", "canonical"]

# Give a file up once so many rows, and most of them, cannot be read: it is no contact file, or a bomb.
MAX_UNREAD = 10_000
_encode = msgspec.json.Encoder(order="deterministic").encode


def canonical(rows: list[Row]) -> bytes:
    """Return bytes for a hash that compares two downloads: equal for equal rows, whatever their key order."""
    return _encode(rows)


class ItemReader(RowFindings):
    """Reader of one contact file, for a single pass.

    `transport_proves_end` is called after the last block. Faults in the content never raise: each becomes a row with a
    problem, or ends the reading with a code in `broken` (cut, bad_gzip, bad_json, not_a_contact_file, too_deep,
    too_big, two_arrays, mostly_unread, or a code of BadArchive).
    """

    def __init__(
        self, blocks: Iterable[bytes], *, content_encoding: str = "", transport_proves_end: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._source = Source(blocks, content_encoding, transport_proves_end)
        # "json", "json_object", "ndjson" or "csv"; "" until a format is recognised.
        self.format = ""
        # Set after the last chunk if the end of the file is proven. Some rows may still have a problem.
        self.complete = False

    @property
    def head(self) -> bytes:
        """Return the first bytes of the plain file."""
        return self._source.head

    @property
    def names(self) -> list[str]:
        """Return the names of the files in an archive that is not read."""
        return self._source.names

    def chunks(self, size: int) -> Iterator[list[Row]]:
        """Yield lists of `size` rows, the last one shorter; all errors of the blocks but BrokenDownload propagate."""
        held: list[Row] = []
        for page in self._pages():
            held += page
            if self.unread > MAX_UNREAD and 2 * self.unread > self.rows:
                self.stop("mostly_unread", 1)
                del held[MAX_UNREAD:]
            if len(held) >= size:
                whole = len(held) - len(held) % size
                for start in range(0, whole, size):
                    yield held[start : start + size]
                held = held[whole:]
            if self.broken == "mostly_unread":
                break
        if held:
            yield held

    def _pages(self) -> Iterator[list[Row]]:
        source = self._source
        maker = RowMaker(self)
        place = 1
        try:
            file = recognise(Window(source.pieces()), source, maker)
            self.format = file.name
            try:
                yield from file.rows()
            finally:
                place = file.place
        except BrokenJson as reason:
            code = str(reason)
            self.stop(source.broken or code if code == "cut" else code, place)
            return
        if source.broken or not (file.closed or source.proven()):
            self.stop(source.broken or "cut", place)
        self.complete = not self.broken
