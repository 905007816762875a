"""Lines of an uploaded file in pieces of any size, one entry a line.

The delimiter is a comma, semicolon or tab; the encoding UTF-8 or Windows-1252.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from actions.columns import UnclearColumn, choose_column, find_column, fold, in_words
from actions.suppression.values import Spelling, Unlike

LONGEST_LINE = 64_000
_BOM = b"\xef\xbb\xbf"
DELIMITERS = ",;\t"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Known headings, folded. The first tier of ids is the platform's own name for them.
_VALUES = {
    "contact_id": (
        _words("contactid originalid"),
        _words(
            "id identifiant idcontact identifiantcontact contactidentifier contactkey kontaktid userid externalid "
            "customerid customernumber clientid idclient identifiantclient numeroclient numerodeclient "
            "subscriberid subscriberkey kundennummer kundennr kundenid"
        ),
    ),
    "email": (
        _words(
            "email mail courriel emailaddress mailaddress adresseemail adressemail adressecourriel adresseelectronique "
            "emailadresse mailadresse"
        ),
    ),
    "phone": (
        _words(
            "phone phonenumber mobile mobilephone mobilenumber tel telmobile telephone telephonenumber telephonemobile "
            "numerotelephone numerodetelephone portable numeroportable gsm telefon telefonnummer handy handynummer "
            "mobilnummer"
        ),
    ),
}
_ANY = frozenset({"value", "valeur", "wert", "sha256"})
_REASON = frozenset({"reason", "motif", "raison", "grund"})
_EXPIRES = frozenset({"expires", "expiresat", "expiration", "expire", "expirele"})


class NotReadable(Exception):
    """The file does not contain entries; `code` gives the reason, and `columns` names its columns if they matter."""

    def __init__(self, code: str, columns: str = "") -> None:
        super().__init__(code)
        self.code, self.columns = code, columns


class BadLine(Exception):
    """One line cannot be read; `code` gives the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Layout:
    """Meaning of the columns; `header` tells whether the first line names them.

    `columns` is their number in the first line; 0 means unknown.
    """

    delimiter: str
    value: int = 0
    reason: int | None = None
    expires: int | None = None
    header: bool = False
    columns: int = 0


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


def layout_of(first: bytes, writing: Spelling, chosen: str = "") -> Layout:
    """Read the first line; raise NotReadable if the column of the values is not certain.

    It is the one that a person chose, or has a known heading. Without these it is the only column, or the only one with
    an address or a number. Any text could be a contact id: among several columns only a heading tells.
    """
    if b"\x00" in first:
        raise NotReadable("not_text")
    text = first.removeprefix(_BOM).decode("utf-8", "replace")
    # Take the delimiter that occurs first: values contain none of them.
    delimiter = min(DELIMITERS, key=lambda each: text.find(each) if each in text else len(text))
    try:
        names = cells(first, delimiter)
    except BadLine:
        return Layout(delimiter)
    try:
        reason, expires = find_column(names, _REASON), find_column(names, _EXPIRES)
        if chosen.strip():
            value, header = choose_column(names, chosen.strip())
        else:
            value, header = _find_values(names, writing, {reason, expires} - {None})
    except UnclearColumn as unclear:
        raise NotReadable("choose_column", unclear.columns) from None
    header = header or reason is not None or expires is not None
    return Layout(delimiter, value, reason, expires, header, len(names))


def _find_values(names: list[str], writing: Spelling, taken: set[int | None]) -> tuple[int, bool]:
    """Return the place of the values, and whether its heading is known; raise NotReadable or UnclearColumn."""
    known = find_column(names, *_VALUES[writing.holds], _ANY)
    if known is not None:
        return known, True
    others = {name for holds, tiers in _VALUES.items() if holds != writing.holds for tier in tiers for name in tier}
    if others & set(map(fold, names)):
        raise NotReadable("other_column")
    left = [place for place, name in enumerate(names) if place not in taken and (name.strip() or len(names) == 1)]
    if writing.holds == "contact_id":
        # A word without any digit may be a heading as well as an id.
        if len(names) == 1 and any(char.isdigit() for char in names[0]):
            return 0, False
        raise UnclearColumn(in_words(names))
    fitting = [place for place in left if _fits(names[place], writing)]
    if len(fitting) == 1 or (not fitting and len(left) == 1):
        return (fitting or left)[0], False
    raise UnclearColumn(in_words(names))


def _fits(text: str, writing: Spelling) -> bool:
    try:
        return bool(writing.key(text))
    except Unlike:
        return False


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
