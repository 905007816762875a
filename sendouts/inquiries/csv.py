"""CSV that spreadsheets open safely: no cell is a formula, whatever a contact or a colleague entered."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language

MARK = "\ufeff"
# Characters that begin a formula or a command in a spreadsheet, with the full-width forms that some spreadsheets also
# accept.
_BEGINS = frozenset("=+-@|%\t\r\n\uff1d\uff0b\uff0d\uff20\uff5c\uff05")
# Characters that spreadsheets skip before they look for a formula.
_PASSED_OVER = " \u00a0\u200b\u200e\u200f\u2060\u3000\ufeff\x00"


@dataclass(frozen=True, slots=True)
class CsvForm:
    """Format of a CSV file: the separator, and whether it starts with a BOM, which Excel needs to recognise UTF-8."""

    separator: str = ","
    bom: bool = True


# Excel expects semicolons in locales with a decimal comma, and accepts them elsewhere too.
SEMICOLONS = CsvForm(";")


def form_of_reader() -> CsvForm:
    """Return the form for the reader's language: a semicolon if its decimal sign is a comma."""
    return CsvForm(separator=";" if (get_language() or "").startswith("fr") else ",")


def harmless(value: Any) -> Any:
    """Return a value that no spreadsheet executes: text that looks like a formula gets an apostrophe prefix."""
    if not isinstance(value, str):
        return value
    if value.isalnum() and value.isascii():
        return value
    # Some readers end a cell at NUL.
    text = value.replace("\x00", "\ufffd")
    looked_at = text.lstrip(_PASSED_OVER)
    if (looked_at and looked_at[0] in _BEGINS) or (text and text[0] in _BEGINS):
        return "'" + text
    return text


def lines(rows: Iterable[Sequence[Any]], form: CsvForm = SEMICOLONS) -> Iterator[str]:
    """Yield the text of a file row by row; the first row carries the BOM."""
    mark = MARK if form.bom else ""
    for row in rows:
        yield mark + write([row], form)
        mark = ""


def write(rows: Iterable[Sequence[Any]], form: CsvForm) -> str:
    """Return some rows as CSV text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=form.separator, lineterminator="\r\n")
    writer.writerows([harmless(value) for value in row] for row in rows)
    return out.getvalue()
