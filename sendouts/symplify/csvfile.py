"""Contact file as CSV: a header row, then one contact per record, in UTF-8 or, if no charset is known, Windows-1252."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from actions.names import has_invisible, visible
from sendouts.symplify import rows
from sendouts.symplify.linefile import TOO_BIG, LineReader
from sendouts.symplify.plain import REPLACEMENT, Twice, fold
from sendouts.symplify.rows import ID_KEYS, URI_KEYS, Row, RowMaker, named
from sendouts.symplify.source import Source, Window

DELIMITERS = (",", ";", "\t", "|")
_UTF8_LETTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
# UTF-8 of the letters and quotation marks of Europe. In Windows-1252 they would be “Ã¼” or “â€™”, which nobody writes.
_EUROPEAN_UTF8 = re.compile(rb"[\xc2-\xc5][\x80-\xbf]|\xe2\x80[\x80-\xbf]")


def read_header(
    line: bytes, delimiters: Sequence[str] = DELIMITERS, *, utf8: bool = False
) -> tuple[str, list[str]] | None:
    """Return the delimiter and the column names; None if no delimiter yields an id column or a URI column."""
    text, damaged = _text(line, utf8=utf8)
    text = text.rstrip("\r\n")
    if damaged or "\0" in text or "\r" in text:
        return None
    best: tuple[int, str, list[str]] | None = None
    for delimiter in delimiters:
        try:
            names: list[str] = next(_parse([text], delimiter), [])
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
        self,
        window: Window,
        source: Source,
        maker: RowMaker,
        *,
        delimiter: str,
        columns: list[str],
        first_line: int,
        utf8: bool,
    ) -> None:
        self.place = first_line  # number of the next line to read
        self._source = source
        self._lines = LineReader(window, source)
        self._maker = maker
        self._delimiter = delimiter
        self._utf8 = utf8
        maker.findings.invisible += sum(has_invisible(name, visible(name)) for name in columns)
        columns = [visible(name) for name in columns]
        while columns and not columns[-1]:
            columns.pop()
        self._columns = columns
        self._twins = _find_twins(columns)
        self._width = 0  # cells of the first record; more than columns if each line ends with a delimiter
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
            lines = _page_text(page, utf8=self._utf8).split("\n")
            records = list(_parse(lines, self._delimiter))
        except (UnicodeDecodeError, csv.Error):
            return []
        columns = self._columns
        if len(records) != len(lines):
            return []
        as_usual = self._width == len(columns) and set(map(len, records)) == {self._width}
        if not as_usual and not all(map(self._fits, records)):
            return []
        # The widths were compared above; a second comparison by zip costs a third of the time.
        objects: list[dict[str, Any]] = [dict(zip(columns, record, strict=False)) for record in records]
        if self._twins:
            for fields, record in zip(objects, records, strict=True):
                self._mark_twins(fields, record)
        made = self._maker.many(objects, self.place, suspicious=bool(self._twins) or b"\0" in page)
        self.place += len(made)
        return made

    def _fits(self, record: list[str]) -> bool:
        """Return whether a record has a cell for each column, or only empty cells in addition.

        Additional cells are in doubt: an earlier cell may hold a delimiter. They are no fault if the URI is in its
        place, and the first record has as many or the URI comes last.
        """
        columns = len(self._columns)
        if len(record) == columns:
            self._width = self._width or columns
            return self._width == columns or self._is_uri_last(record)
        if len(record) < columns or any(map(str.strip, record[columns:])) or self._uri_column is None:
            return False
        if not record[self._uri_column].lower().startswith(("http://", "https://")):
            return False
        self._width = self._width or len(record)
        return len(record) == self._width or self._is_uri_last(record)

    def _is_uri_last(self, record: list[str]) -> bool:
        return self._uri_column == len(self._columns) - 1 and record[self._uri_column].lower().startswith("http")

    def _mark_twins(self, fields: dict[str, Any], record: list[str]) -> None:
        for twins in self._twins:
            values = {visible(record[place]) for place in twins}
            for place in twins:
                fields[self._columns[place]] = Twice(record[place]) if len(values) > 1 else record[twins[0]]

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
            feed = _Feed(lines, at, utf8=self._utf8)
            reader = _parse(feed, self._delimiter)
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
        return self._fits(record) and not any("\n" in cell and self._row_within.search(cell) for cell in record)

    def _row(self, record: list[str], line: bytes, *, damaged: bool) -> Row:
        if self._fits(record):
            value: dict[str, Any] = dict(zip(self._columns, record, strict=False))
            self._mark_twins(value, record)
            return self._maker.single(value, "bad_text" if damaged else "", self.place)
        return self._maker.unreadable("bad_columns", self.place, self._uri_in(line))

    def _uri_in(self, line: bytes) -> str:
        """Return the reject URI of a line with a wrong number of columns, if its column holds one."""
        text, damaged = _text(line, utf8=self._utf8)
        try:
            cells: list[str] = next(_parse([text], self._delimiter, strict=False), [])
        except csv.Error:
            return ""
        if damaged or self._uri_column is None or self._uri_column >= len(cells):
            return ""
        uri = cells[self._uri_column].strip()
        plausible = uri.lower().startswith(("http://", "https://")) and len(uri) <= rows.MAX_URI and uri.isprintable()
        return uri if plausible else ""


class _Feed:
    """Iterator that feeds lines to a csv.reader, at most one record's worth, and remembers them."""

    def __init__(self, lines: list[bytes], at: int, *, utf8: bool) -> None:
        self._utf8 = utf8
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
        text, damaged = _text(line, utf8=self._utf8)
        self.damaged = self.damaged or damaged
        return text + "\n"


def _parse(lines: Iterable[str], delimiter: str, *, strict: bool = True) -> Any:
    """Return a reader of records; spaces behind a delimiter are no part of the value."""
    return csv.reader(lines, delimiter=delimiter, strict=strict, skipinitialspace=True)


def _find_twins(columns: Sequence[str]) -> list[list[int]]:
    """Return the places of the columns that share a name, apart from case; empty names are nobody's."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(columns):
        places[fold(name)].append(place)
    return [alike for name, alike in places.items() if name and len(alike) > 1]


def _page_text(page: bytes, *, utf8: bool) -> str:
    """Return a page as text if all its non-ASCII lines share one encoding; else raise UnicodeDecodeError."""
    try:
        return page.decode("utf-8")
    except UnicodeDecodeError:
        if utf8 or _UTF8_LETTER.search(page):  # the page mixes encodings: decode line by line
            raise
        return page.decode("cp1252")


def _text(line: bytes, *, utf8: bool) -> tuple[str, bool]:
    """Return a line as text, and whether it is damaged: in no encoding, or in two at once."""
    try:
        return line.decode("utf-8"), False
    except UnicodeDecodeError:
        text = line.decode("cp1252", errors="replace")
        return text, utf8 or REPLACEMENT in text or _EUROPEAN_UTF8.search(line) is not None
