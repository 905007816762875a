"""Contact file as lines: line splitting, and one JSON object per line (NDJSON)."""

from collections.abc import Iterator

from sendouts.symplify import plain, rows
from sendouts.symplify.rows import Row, RowMaker
from sendouts.symplify.source import Source, Window

TOO_BIG = None  # marks a line that was skipped because it is longer than a row may be


class LineReader:
    """Lines of a file, read many at a time.

    A last line without a line feed counts only if the end of the file is proven, because it may hold half a URI.
    Otherwise `remainder` holds it.
    """

    def __init__(self, window: Window, source: Source) -> None:
        self._window = window
        self._source = source
        self.remainder = b""

    def pages(self) -> Iterator[bytes | None]:
        """Yield bytes of one or more whole lines, without the last line feed, or TOO_BIG for one line."""
        window = self._window
        while True:
            cut = window.data.rfind(b"\n", window.at)
            if cut >= 0:
                page = window.data[window.at : cut]
                window.at = cut + 1
                yield from _measured(page)
            elif len(window.data) - window.at > rows.MAX_ROW:
                if not self._pass_over():
                    return
                yield TOO_BIG
            elif not window.more():
                rest = window.data[window.at :]
                window.at = len(window.data)
                if rest and self._source.proven():
                    yield from _measured(rest)
                else:
                    self.remainder = rest
                return

    def _pass_over(self) -> bool:
        """Drop bytes up to the next line feed; return False if the file was cut before it."""
        window = self._window
        while True:
            window.at = window.data.find(b"\n", window.at) + 1 or len(window.data)
            if window.data[window.at - 1 : window.at] == b"\n":
                return True
            if not window.more():
                return self._source.proven()


def _measured(page: bytes) -> Iterator[bytes | None]:
    if len(page) <= rows.MAX_ROW:
        yield page
    else:
        for line in page.split(b"\n"):
            yield line if len(line) <= rows.MAX_ROW else TOO_BIG


class NdjsonFile:
    """A file that holds one JSON object per line; empty lines are skipped."""

    name = "ndjson"
    closed = False  # lines do not prove that the file is complete

    def __init__(self, window: Window, source: Source, maker: RowMaker, first_line: int = 1) -> None:
        self.place = first_line  # number of the next line to read
        self._lines = LineReader(window, source)
        self._maker = maker

    def rows(self) -> Iterator[list[Row]]:
        for page in self._lines.pages():
            if page is TOO_BIG:
                yield [self._maker.unreadable("too_big", self.place)]
                self.place += 1
                continue
            lines = page.split(b"\n")
            try:
                objects, doubtful = plain.decode_objects(page, lines)
            except plain.NOT_FAST:
                yield from self._one_by_one(lines)
            else:
                yield self._maker.many(objects, self.place, suspicious=doubtful or plain.has_escape(page, plain.NUL))
                self.place += len(lines)
        yield from self._read_last_line(self._lines.remainder)

    def _one_by_one(self, lines: list[bytes]) -> Iterator[list[Row]]:
        for line in lines:
            if line.strip():
                yield [self._maker.single(*plain.decode(line), self.place)]
            self.place += 1

    def _read_last_line(self, line: bytes) -> Iterator[list[Row]]:
        """Yield the object of an unproven last line: its closing bracket proves it whole, even in a cut file."""
        if line.strip():
            value, problem = plain.decode(line)
            if isinstance(value, dict):
                yield [self._maker.single(value, problem, self.place)]
                self.place += 1
