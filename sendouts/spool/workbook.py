"""Read the rows of an Excel workbook (XLSX) as text, in bounded memory. Free of Django.

The cells are read one after the other, so a cell far away costs nothing. Texts that cells share are kept as bytes.
"""

import re
import zipfile
from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from io import BytesIO
from xml.parsers import expat

# Bytes of the file, of its unpacked parts together, and of the texts that cells share: what one process can hold.
MAX_FILE = 1 << 26
MAX_PLAIN = 1 << 31
MAX_TEXTS = 1 << 27
MAX_COLUMNS = 500
# Highest ratio of unpacked to packed bytes of a part beyond some size; sheets pack to a tenth or a twentieth.
MAX_RATIO = 200
_RATIO_FROM = 1 << 26
# A spreadsheet keeps so many digits of a number and rounds the others.
EXACT_DIGITS = 15
_PIECE = 1 << 16
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
# What a number format says literally, in quotes, brackets or behind a backslash, is no part of a date.
_LITERAL = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_COLUMN = re.compile(r"[A-Z]{1,3}")

Attributes = dict[str, str]


class NoWorkbook(Exception):
    """The file is no workbook that can be read; the text is a code of `OfferProblem`."""


class Workbook:
    """One workbook. `rounded`: numbers with more digits than a spreadsheet keeps, which are left empty."""

    def __init__(self, data: bytes) -> None:
        self.rounded = 0
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            raise NoWorkbook("damaged") from None
        parts = self._zip.infolist()
        if any(part.flag_bits & 1 for part in parts):
            raise NoWorkbook("old_or_protected")
        large = [part for part in parts if part.file_size > max(_RATIO_FROM, MAX_RATIO * part.compress_size)]
        if large or sum(part.file_size for part in parts) > MAX_PLAIN:
            raise NoWorkbook("too_big")
        self._names = {part.filename for part in parts}
        self._texts = bytearray()
        self._ends = array("Q", [0])
        self._date_styles: set[int] = set()
        self._from_1904 = False

    def rows(self) -> Iterator[list[str]]:
        """Yield the rows that hold something, of the only sheet that does; raise NoWorkbook.

        The first row gives the width; a row with more cells than that is one cell longer.
        """
        sheets = self._find_sheets()
        self._read_styles()
        self._read_texts()
        filled = [path for path in sheets if next(self._sheet(path), None)]
        if len(filled) != 1:
            raise NoWorkbook("several_sheets" if filled else "no_contacts")
        self.rounded = width = 0
        for cells in self._sheet(filled[0]):
            width = width or max(cells) + 1
            if width > MAX_COLUMNS:
                raise NoWorkbook("too_big")
            row = [""] * (width + (max(cells) >= width))
            for column, text in cells.items():
                row[min(column, width)] = text
            yield row

    def _find_sheets(self) -> list[str]:
        targets: dict[str, str] = {}
        sheets: list[str] = []

        def relation(name: str, given: Attributes) -> None:
            if name == "Relationship":
                targets[given.get("Id", "")] = given.get("Target", "")

        def sheet(name: str, given: Attributes) -> None:
            if name == "workbookPr":
                self._from_1904 = given.get("date1904", "") in {"1", "true"}
            elif name == "sheet" and (target := targets.get(given.get("id", ""))):
                sheets.append(target.lstrip("/") if target.startswith("/") else f"xl/{target}")

        self._parse("xl/_rels/workbook.xml.rels", relation)
        self._parse("xl/workbook.xml", sheet)
        return [path for path in sheets if path in self._names]

    def _read_styles(self) -> None:
        """Learn which styles show a number as a date."""
        formats: dict[str, str] = {}
        within: list[str] = []
        number = 0

        def begin(name: str, given: Attributes) -> None:
            nonlocal number
            within.append(name)
            if name == "numFmt":
                formats[given.get("numFmtId", "")] = _LITERAL.sub("", given.get("formatCode", "")).lower()
            elif name == "xf" and within[-2:-1] == ["cellXfs"]:
                code = given.get("numFmtId", "0")
                text = formats.get(code)
                if any(mark in text for mark in "ydh") if text is not None else code.isdigit() and int(code) in _DATES:
                    self._date_styles.add(number)
                number += 1

        if "xl/styles.xml" in self._names:
            self._parse("xl/styles.xml", begin, end=lambda _: within.pop())

    def _read_texts(self) -> None:
        """Read the texts that cells share; a phonetic reading (rPh) is no part of one."""
        open_now: list[str] = []

        def text(data: str) -> None:
            if open_now[-1:] == ["t"] and "rPh" not in open_now:
                self._texts.extend(data.encode())
                if len(self._texts) > MAX_TEXTS:
                    raise NoWorkbook("too_big")

        def end(name: str) -> None:
            open_now.pop()
            if name == "si":
                self._ends.append(len(self._texts))

        if "xl/sharedStrings.xml" in self._names:
            self._parse("xl/sharedStrings.xml", lambda name, _: open_now.append(name), text, end)

    def _sheet(self, path: str) -> Iterator[dict[int, str]]:
        reader = _SheetReader(self)
        for _ in self._pieces(path, reader.begin, reader.text, reader.end):
            yield from reader.rows
            reader.rows.clear()

    def value(self, kind: str, style: str, text: str) -> str:
        """Return the text of a cell: of a date in ISO form, of a whole number without exponent."""
        if kind == "s":
            place = int(text) if text.strip().isdigit() else len(self._ends)
            if place + 1 >= len(self._ends):
                raise NoWorkbook("damaged")
            return self._texts[self._ends[place] : self._ends[place + 1]].decode()
        if kind in {"str", "inlineStr", "d"}:
            return text
        if kind == "b":
            return "true" if text.strip() == "1" else "false"
        # An error, such as #N/A, is no value.
        return "" if kind == "e" or not text.strip() else self._number(text.strip(), style)

    def _number(self, text: str, style: str) -> str:
        try:
            value = Decimal(text)
            if style.isdigit() and int(style) in self._date_styles:
                return self._date(value)
        except (InvalidOperation, OverflowError):
            raise NoWorkbook("damaged") from None
        if not value.is_finite() or value.adjusted() >= EXACT_DIGITS:
            self.rounded += 1
            return ""
        return str(int(value)) if value == value.to_integral_value() else repr(float(value))

    def _date(self, value: Decimal) -> str:
        first = datetime(1904, 1, 1, tzinfo=UTC) if self._from_1904 else datetime(1899, 12, 30, tzinfo=UTC)
        moment = first + timedelta(seconds=round(float(value) * 86_400))
        return moment.date().isoformat() if value == value.to_integral_value() else moment.isoformat()[:19]

    def _parse(
        self,
        path: str,
        begin: Callable[[str, Attributes], object],
        text: Callable[[str], object] | None = None,
        end: Callable[[str], object] | None = None,
    ) -> None:
        for _ in self._pieces(path, begin, text, end):
            pass

    def _pieces(
        self,
        path: str,
        begin: Callable[[str, Attributes], object],
        text: Callable[[str], object] | None,
        end: Callable[[str], object] | None,
    ) -> Iterator[None]:
        """Parse one part; yield after each piece of it. Names come without their namespaces."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = lambda name, given: begin(_local(name), {_local(k): v for k, v in given.items()})
        if text is not None:
            parser.CharacterDataHandler = text
        if end is not None:
            parser.EndElementHandler = lambda name: end(_local(name))
        try:
            with self._zip.open(path) as part:
                while piece := part.read(_PIECE):
                    parser.Parse(piece)
                    yield
                parser.Parse(b"", True)
        except (expat.ExpatError, zipfile.BadZipFile, KeyError, EOFError, OSError, RuntimeError, ValueError):
            raise NoWorkbook("damaged") from None
        yield


class _SheetReader:
    """Collects the cells of a sheet: `rows` has those that are complete, each as texts by column."""

    def __init__(self, book: Workbook) -> None:
        self.rows: list[dict[int, str]] = []
        self._book = book
        self._cells: dict[int, str] = {}
        self._column = -1
        self._kind = self._style = ""
        self._parts: list[str] = []
        self._reads = self._phonetic = False

    def begin(self, name: str, given: Attributes) -> None:
        if name == "row":
            self._cells, self._column = {}, -1
        elif name == "c":
            found = _COLUMN.match(given.get("r", ""))
            self._column = _number_of(found[0]) if found else self._column + 1
            self._kind, self._style, self._parts = given.get("t", "n"), given.get("s", ""), []
        elif name == "rPh":
            self._phonetic = True
        elif name in {"v", "t"}:
            self._reads = not self._phonetic

    def text(self, data: str) -> None:
        if self._reads:
            self._parts.append(data)

    def end(self, name: str) -> None:
        if name in {"v", "t"}:
            self._reads = False
        elif name == "rPh":
            self._phonetic = False
        elif name == "c":
            if text := self._book.value(self._kind, self._style, "".join(self._parts)):
                self._cells[self._column] = text
        elif name == "row" and self._cells:
            self.rows.append(self._cells)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _number_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _refuse(*_: object) -> None:
    raise NoWorkbook("damaged")
