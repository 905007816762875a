"""Contact file as CSV: a header row, then one contact per record, in UTF-8 or Windows-1252."""

import csv
import re
from collections.abc import Iterator

from sendouts.symplify import rows
from sendouts.symplify.linefile import TOO_BIG, LineReader
from sendouts.symplify.plain import REPLACEMENT
from sendouts.symplify.rows import ID_KEYS, URI_KEYS, Row, RowMaker, named
from sendouts.symplify.source import Source, Window

DELIMITERS = (",", ";", "\t")
_UTF8_LETTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")


def read_header(line: bytes) -> tuple[str, list[str]] | None:
    """Return the delimiter and the column names; None if no delimiter yields an id column or a URI column."""
    text, damaged = _text(line)
    text = text.rstrip("\r\n")
    if damaged or "\0" in text or "\r" in text:
        return None
    best: tuple[int, str, list[str]] | None = None
    for delimiter in DELIMITERS:
        try:
            names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter, strict=True), [])]
        except csv.Error:
            continue
        found = (named(names, ID_KEYS) is not None) + (named(names, URI_KEYS) is not None)
        if found and (best is None or found > best[0]):
            best = (found, delimiter, names)
    return None if best is None else best[1:]


class CsvFile:
    """A file with a header row; a quoted record may span lines.

    The encoding is detected per line, because a file may be pure ASCII for a million lines. An unclosed quote costs
    only its own line, not the following ones.
    """

    name = "csv"
    closed = False  # lines do not prove that the file is complete

    def __init__(
        self, window: Window, source: Source, maker: RowMaker, *, delimiter: str, columns: list[str], first_line: int
    ) -> None:
        self.place = first_line  # number of the next line to read
        self._source = source
        self._lines = LineReader(window, source)
        self._maker = maker
        self._delimiter = delimiter
        self._columns = columns
        uri = named(columns, URI_KEYS)
        self._uri_column = None if uri is None else len(columns) - 1 - columns[::-1].index(uri)
        mark = re.escape(delimiter)
        self._row_within = re.compile(rf'{mark}"?https?://|^"?https?://[^\n]*{mark}', re.IGNORECASE | re.MULTILINE)
        self._open: list[bytes] = []  # lines of a record that is not complete yet

    def rows(self) -> Iterator[list[Row]]:
        for page in self._lines.pages():
            if page is TOO_BIG:
                yield from self._read_records([], last=True)
                yield [self._maker.unreadable("too_big", self.place)]
                self.place += 1
            elif not self._open and not page.strip(b"\r\n"):
                self.place += page.count(b"\n") + 1
            elif quick := self._read_page(page):
                yield quick
            else:
                yield from self._read_records(page.split(b"\n"), last=False)
        if self._source.proven():
            yield from self._read_records([], last=True)

    def _read_page(self, page: bytes) -> list[Row]:
        """Return the rows of a page if every line is one sound record; else an empty list."""
        if self._open:
            return []
        try:
            lines = _page_text(page).split("\n")
            records = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error):
            return []
        columns = self._columns
        if len(records) != len(lines) or set(map(len, records)) != {len(columns)}:
            return []
        # The widths were compared above; a second comparison by zip costs a third of the time.
        objects = [dict(zip(columns, record, strict=False)) for record in records]
        made = self._maker.many(objects, self.place, suspicious=b"\0" in page)
        self.place += len(made)
        return made

    def _read_records(self, lines: list[bytes], *, last: bool) -> Iterator[list[Row]]:
        """Yield rows record by record; keep an incomplete record for the next call, unless these are the last lines."""
        lines = self._open + lines
        self._open = []
        at = 0
        while at < len(lines):
            if not lines[at].rstrip(b"\r"):
                at += 1
                self.place += 1
                continue
            feed = _Feed(lines, at)
            reader = csv.reader(feed, delimiter=self._delimiter, strict=True)
            try:
                record = next(reader)
            except csv.Error:
                if feed.wants_more and not last:
                    self._open = lines[at:]
                    return
                record = []
            span = reader.line_num
            if span > 1 and not self._sound(record):
                record, span = [], 1
            yield [self._row(record, lines[at], damaged=feed.damaged)]
            at += span
            self.place += span

    def _sound(self, record: list[str]) -> bool:
        """Return whether a multi-line record is one record, not several joined by a stray quote."""
        return len(record) == len(self._columns) and not any(
            "\n" in cell and self._row_within.search(cell) for cell in record
        )

    def _row(self, record: list[str], line: bytes, *, damaged: bool) -> Row:
        if len(record) == len(self._columns):
            value = dict(zip(self._columns, record, strict=True))
            return self._maker.single(value, "bad_text" if damaged else "", self.place)
        return self._maker.unreadable("bad_columns", self.place, self._uri_in(line))

    def _uri_in(self, line: bytes) -> str:
        """Return the reject URI of a line with a wrong number of columns, if its column holds one."""
        text, damaged = _text(line)
        try:
            cells = next(csv.reader([text], delimiter=self._delimiter), [])
        except csv.Error:
            return ""
        if damaged or self._uri_column is None or self._uri_column >= len(cells):
            return ""
        uri = cells[self._uri_column].strip()
        plausible = uri.lower().startswith(("http://", "https://")) and len(uri) <= rows.MAX_URI and uri.isprintable()
        return uri if plausible else ""


class _Feed:
    """Iterator that feeds lines to a csv.reader, at most one record's worth, and remembers them."""

    def __init__(self, lines: list[bytes], at: int) -> None:
        self.damaged = False
        self.wants_more = False
        self._lines = lines
        self._at = at
        self._size = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if self._at >= len(self._lines):
            self.wants_more = True
            raise StopIteration
        line = self._lines[self._at]
        self._at += 1
        self._size += len(line)
        if self._size > rows.MAX_ROW:
            raise StopIteration
        text, damaged = _text(line)
        self.damaged = self.damaged or damaged
        return text + "\n"


def _page_text(page: bytes) -> str:
    """Return a page as text if all its non-ASCII lines share one encoding; else raise UnicodeDecodeError."""
    try:
        return page.decode("utf-8")
    except UnicodeDecodeError:
        if _UTF8_LETTER.search(page):  # the page mixes encodings: decode line by line
            raise
        return page.decode("cp1252")


def _text(line: bytes) -> tuple[str, bool]:
    """Return a line as text, and whether some of its bytes are invalid in both encodings."""
    try:
        return line.decode("utf-8"), False
    except UnicodeDecodeError:
        text = line.decode("cp1252", errors="replace")
        return text, REPLACEMENT in text
