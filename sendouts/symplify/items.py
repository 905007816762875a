"""Reading a contact file: from the blocks of a download to chunks of rows, in memory that does not grow with the file."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from sendouts.symplify.formats import recognise
from sendouts.symplify.jsonfile import BrokenJson
from sendouts.symplify.rows import Row, RowFindings, RowMaker
from sendouts.symplify.source import Source, Window

__all__ = ["ItemReader", "Row", "canonical"]

_encode = msgspec.json.Encoder(order="deterministic").encode


def canonical(rows: list[Row]) -> bytes:
    """The same bytes for the same rows, whatever the order of their keys: what is hashed to see whether a second download differs."""
    return _encode(rows)


class ItemReader:
    """Reads one contact file, once.

    `transport_proves_end` is asked after the last block. What the file's content does wrong is never raised: it becomes a row with a
    problem, or ends the reading with a code in `broken` (cut, bad_gzip, bad_json, not_a_contact_file, too_deep, too_big, two_arrays).
    """

    def __init__(
        self, blocks: Iterable[bytes], *, content_encoding: str = "", transport_proves_end: Callable[[], bool]
    ) -> None:
        self._source = Source(blocks, content_encoding, transport_proves_end)
        self._findings = RowFindings()
        self.format = ""
        """"json", "json_object", "ndjson" or "csv"; "" as long as nothing was recognised."""
        self.complete = False
        """After the last chunk: the end of the file was reached and is proven. Rows with a problem may still be among them."""

    @property
    def rows(self) -> int:
        """Rows read so far, those with a problem included."""
        return self._findings.rows

    @property
    def unread(self) -> int:
        """Rows with a problem so far."""
        return self._findings.unread

    @property
    def first_problem(self) -> tuple[str, int] | None:
        """Code and place of the first thing that is wrong; the place is a line in NDJSON and CSV, else a position in the array."""
        return self._findings.first_problem

    @property
    def broken(self) -> str:
        """Why the end of the file was not reached, or is not proven; "" if it is."""
        return self._findings.broken

    def chunks(self, size: int) -> Iterator[list[Row]]:
        """Lists of exactly `size` rows, the last one shorter; raises only what the blocks raise that is not TransportBroken."""
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
