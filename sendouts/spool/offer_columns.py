"""Columns of an offered file: their names, its first rows, and the file again with id and address where a reader looks.

A CSV file has the columns of its first line. The columns of JSON are the paths of its fields, such as `contact.ref`.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any, NamedTuple

from sendouts.models import Spool
from sendouts.spool.offers import OfferProblem, open_offer
from sendouts.spool.spooled import SpooledFile
from sendouts.spool.workbook import NoWorkbook
from sendouts.symplify.csvfile import DELIMITERS
from sendouts.symplify.formats import as_utf8
from sendouts.symplify.items import ItemReader
from sendouts.symplify.plain import fold, has_variants, twice_in
from sendouts.symplify.rows import ID_KEYS, URI_KEYS, Row, RowMaker, named
from sendouts.symplify.source import Source

# Rows shown, and rows in which the columns of JSON are looked for.
SHOWN = 10
_MOST = 60
# Levels of JSON that are looked into, and entries of a list that are columns.
_LEVELS, _ENTRIES = 5, 5
_AT_ONCE = 5_000
_KNOWN = {fold(name) for name in (*ID_KEYS, *URI_KEYS)}
_OBJECTS = {"json", "json_object", "ndjson"}
# Stands for a contact that cannot be read, and is read as one.
_UNREAD: dict[str, Any] = {}


class FileColumns(NamedTuple):
    """`rows` are the first rows, each with a text for each name; `first` is the number of the first of them."""

    names: list[str]
    rows: list[list[str]]
    first: int

    @property
    def identity(self) -> int | None:
        """Return the place of the contact id, if its name is a known one."""
        found = named(self.names, ID_KEYS)
        return None if found is None else self.names.index(found)

    @property
    def uri(self) -> int | None:
        """Return the place of the reject address, if its name is a known one."""
        found = named(self.names, URI_KEYS)
        return None if found is None else self.names.index(found)

    @property
    def addresses(self) -> list[int]:
        """Return the places of the columns that hold addresses, in each of the first rows."""
        places = range(len(self.names)) if self.rows else ()
        return [place for place in places if all(is_address(row[place]) for row in self.rows)]


def columns_of(row: Spool) -> FileColumns | None:
    """Return the columns of an offered file; None if it has not two. Raises CannotOpen and LostFile."""
    with open_offer(row) as file:
        found = _table(next(_pieces(file), b""))
    if found is None:
        with open_offer(row) as file:
            found = _objects(file)
    return found if found is not None and len(found.names) > 1 else None


def renamed(row: Spool, identity: int, uri: int) -> Iterator[bytes]:
    """Yield an offered file with the columns at these two places under the names that a reader expects.

    Raise NoWorkbook. In JSON the other fields stay where they are, so that checks find them.
    """
    found = columns_of(row)
    if found is None or max(identity, uri) >= len(found.names) or identity == uri:
        raise NoWorkbook(OfferProblem.NO_COLUMNS)
    with open_offer(row) as file:
        if found.first > 1:
            yield from _renamed_table(_pieces(file), identity, uri)
        else:
            reader = _object_reader(file)
            for rows in reader.chunks(_AT_ONCE):
                lines = [json.dumps(_mapped(each, found.names[identity], found.names[uri])) for each in rows]
                yield "".join(f"{line}\n" for line in lines).encode()
            check_end(reader)


def check_end(reader: ItemReader) -> None:
    """Raise NoWorkbook if a reader did not come to the proven end of an offered file."""
    if not reader.format and reader.broken not in {"", "cut"}:
        raise NoWorkbook(OfferProblem.OTHER_FORM)
    if reader.broken in {"rows_missing", "more_pages"}:
        raise NoWorkbook(OfferProblem.NOT_ALL)
    if not reader.complete:
        raise NoWorkbook(OfferProblem.DAMAGED)


def is_address(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower().startswith(("http://", "https://"))


def _pieces(file: SpooledFile) -> Iterator[bytes]:
    return as_utf8(Source(file.blocks(), "", file.proves_end).pieces(), "")[0]


def _table(head: bytes) -> FileColumns | None:
    found = _header(head)
    if found is None:
        return None
    names, mark = found
    text = head.decode("utf-8-sig", "replace")
    lines = [line for line in csv.reader(text.splitlines(), delimiter=mark) if line][1 : SHOWN + 1]
    return FileColumns(names, [[*line, *[""] * len(names)][: len(names)] for line in lines], 2)


def _header(head: bytes) -> tuple[list[str], str] | None:
    """Return the cells of the first line and what separates them; None if there are no two, or the line is no text."""
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]
    if not line.strip() or line.lstrip()[:1] in b"{[<" or b"\0" in line or line.count(b'"') % 2:
        return None
    text = line.decode("utf-8", "replace").rstrip("\r")
    mark = max(DELIMITERS, key=text.count)
    cells = next(csv.reader([text], delimiter=mark), [])
    return (cells, mark) if len(cells) > 1 else None


def _renamed_table(pieces: Iterator[bytes], identity: int, uri: int) -> Iterator[bytes]:
    head = next(pieces, b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    cells, mark = _header(head) or ([], ",")
    names = [_other(cell) for cell in cells]
    names[identity], names[uri] = ID_KEYS[0], URI_KEYS[0]
    text = StringIO()
    csv.writer(text, delimiter=mark, lineterminator="\n").writerow(names)
    yield text.getvalue().encode()
    yield head.partition(b"\n")[2]
    yield from pieces


def _objects(file: SpooledFile) -> FileColumns | None:
    reader = _object_reader(file)
    rows = next(reader.chunks(SHOWN), [])[:SHOWN]
    if reader.format not in _OBJECTS:
        return None
    flat = [_flat(each.fields) for each in rows]
    names = list(dict.fromkeys(name for fields in flat for name in fields))[:_MOST]
    return FileColumns(names, [[_as_text(fields.get(name)) for name in names] for fields in flat], 1)


def _object_reader(file: SpooledFile) -> ItemReader:
    return ItemReader(file.blocks(), transport_proves_end=file.proves_end, maker=_ObjectMaker)


class _ObjectMaker(RowMaker):
    """Makes rows of objects with any names: `fields` is the whole object, and empty if it cannot be read."""

    def many(self, objects: Iterable[dict[str, Any]], place: int, *, suspicious: bool = False) -> list[Row]:
        if suspicious:
            rows = [self.one(fields, "", place) for fields in objects]
        else:
            rows = [Row("", "", _UNREAD if has_variants(tuple(fields)) else fields) for fields in objects]
        self.findings.rows += len(rows)
        return rows

    def one(self, value: Any, problem: str, place: int) -> Row:
        sound = not problem and isinstance(value, dict) and not twice_in(value)
        return Row("", "", value if sound else _UNREAD)

    def is_contact(self, value: Any) -> bool:
        return isinstance(value, dict) and any(map(is_address, _flat(value).values()))


def _flat(value: Any, path: str = "", level: int = 0) -> dict[str, Any]:
    """Return the values inside of an object by their paths."""
    inner: Iterable[tuple[Any, Any]]
    if level < _LEVELS and isinstance(value, dict):
        inner = value.items()
    elif level < _LEVELS and isinstance(value, list):
        inner = enumerate(value[:_ENTRIES], 1)
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for name, each in inner:
        found |= _flat(each, f"{path}.{name}" if path else str(name), level + 1)
    return found


def _mapped(row: Row, identity: str, uri: str) -> dict[str, Any]:
    if not row.fields:
        return _UNREAD
    flat = _flat(row.fields)
    others = {_other(name): value for name, value in row.fields.items()}
    return {ID_KEYS[0]: flat.get(identity), URI_KEYS[0]: flat.get(uri), **others}


def _other(name: str) -> str:
    """Return a name that a reader takes neither for the id nor for the address."""
    return f"{name} (2)" if fold(name) in _KNOWN else name


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
