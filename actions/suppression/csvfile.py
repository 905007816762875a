"""Lines of an uploaded file in pieces of any size, one entry a line.

The delimiter is a comma, semicolon or tab; the encoding UTF-8 or Windows-1252.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST_LINE = 64_000
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t"
# Accepted column names, ignoring case. Messages use the first one.
_VALUES = {
    "contact_id": ("contact_id", "contactid", "contact id", "original_id", "originalid", "id"),
    "email": ("email", "e-mail", "mail", "courriel", "e_mail"),
    "phone": ("phone", "phone_number", "mobile", "telephone", "téléphone", "portable"),
}
_ANY = ("value", "valeur", "sha256")
_REASON = ("reason", "motif")
_EXPIRES = ("expires", "expires_at", "expiration")


class NotReadable(Exception):
    """The file does not contain entries; `code` gives the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadLine(Exception):
    """One line cannot be read; `code` gives the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Layout:
    """Meaning of the columns; `header` tells whether the first line names them."""

    delimiter: str
    value: int = 0
    reason: int | None = None
    expires: int | None = None
    header: bool = False


def lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut bytes into lines, each with its line end; raise NotReadable if a line is too long."""
    left = b""
    for block in blocks:
        left += block
        # A carriage return at the very end may be half of a line end.
        cut = max(left.rfind(b"\n"), left.rfind(b"\r", 0, len(left) - 1)) + 1
        for line in left[:cut].splitlines(keepends=True):
            yield _bounded(line)
        left = _bounded(left[cut:])
    if left:
        yield from left.splitlines(keepends=True)


def _bounded(line: bytes) -> bytes:
    if len(line) > LONGEST_LINE:
        raise NotReadable("long_line")
    return line


def layout_of(first: bytes, holds: str) -> Layout:
    """Read the first line; raise NotReadable. Without a named value column, the first one has the values."""
    if b"\x00" in first:
        raise NotReadable("not_text")
    text = first.removeprefix(_BOM).decode("utf-8", "replace")
    # Take the delimiter that occurs first: values contain none of them.
    delimiter = min(_DELIMITERS, key=lambda each: text.find(each) if each in text else len(text))
    try:
        names = [name.strip().casefold() for name in cells(first, delimiter)]
    except BadLine:
        return Layout(delimiter)
    own, others = _VALUES[holds], {name for each, known in _VALUES.items() if each != holds for name in known}
    value = _place(names, (*own, *_ANY))
    reason, expires = _place(names, _REASON), _place(names, _EXPIRES)
    if value is None and others & set(names):
        raise NotReadable("other_column")
    header = any(place is not None for place in (value, reason, expires))
    return Layout(delimiter, value or 0, reason, expires, header)


def _place(names: list[str], known: Iterable[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def cells(line: bytes, delimiter: str) -> list[str]:
    """Return the cells of one line; raise BadLine. Quoted cells end on their line: a lost quote costs one line only."""
    line = line.removeprefix(_BOM)
    if b"\x00" in line:
        raise BadLine("text")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        try:
            text = line.decode("cp1252")
        except UnicodeDecodeError:
            raise BadLine("text") from None
    text = text.rstrip("\r\n")
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        raise BadLine("quotes") from None
