"""Contact file reader: turn the blocks of a download into chunks of rows, in constant memory."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from sendouts.symplify.formats import recognise
from sendouts.symplify.jsonfile import BrokenJson
from sendouts.symplify.rows import Row, RowFindings, RowMaker
from sendouts.symplify.source import Source, Window

__all__ = ["ItemReader", "Row", "canonical"]

_encode = msgspec.json.Encoder(order="deterministic").encode


def canonical(rows: list[Row]) -> bytes:
    """Return bytes for a hash that compares two downloads: equal for equal rows, whatever their key order."""
    return _encode(rows)


class ItemReader:
    """Reader of one contact file, for a single pass.

    `transport_proves_end` is called after the last block. Faults in the content never raise: each becomes a row with a
    problem, or ends the reading with a code in `broken` (cut, bad_gzip, bad_json, not_a_contact_file, too_deep,
    too_big, two_arrays).
    """

    def __init__(
        self, blocks: Iterable[bytes], *, content_encoding: str = "", transport_proves_end: Callable[[], bool]
    ) -> None:
        self._source = Source(blocks, content_encoding, transport_proves_end)
        self._findings = RowFindings()
        self.format = ""
        """"json", "json_object", "ndjson" or "csv"; "" until a format is recognised."""
        self.complete = False
        """Set after the last chunk if the end of the file is proven. Some rows may still have a problem."""

    @property
    def rows(self) -> int:
        """Return the number of rows read so far, including rows with a problem."""
        return self._findings.rows

    @property
    def unread(self) -> int:
        """Return the number of rows with a problem so far."""
        return self._findings.unread

    @property
    def first_problem(self) -> tuple[str, int] | None:
        """Return code and place of the first problem; the place is a line in NDJSON and CSV, else an array position."""
        return self._findings.first_problem

    @property
    def broken(self) -> str:
        """Return why the end of the file was not reached or is not proven; "" if it is."""
        return self._findings.broken

    def chunks(self, size: int) -> Iterator[list[Row]]:
        """Yield lists of `size` rows, the last one shorter; all errors of the blocks but TransportBroken propagate."""
        held: list[Row] = []
        for page in self._pages():
            held += page
            if len(held) >= size:
                whole = len(held) - len(held) % size
                for start in range(0, whole, size):
                    yield held[start : start + size]
                held = held[whole:]
        if held:
            yield held

    def _pages(self) -> Iterator[list[Row]]:
        source, findings = self._source, self._findings
        maker = RowMaker(findings)
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
            findings.stop(source.broken or code if code == "cut" else code, place)
            return
        if source.broken or not (file.closed or source.proven()):
            findings.stop(source.broken or "cut", place)
        self.complete = not findings.broken
