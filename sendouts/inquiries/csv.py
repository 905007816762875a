"""CSV that spreadsheets open safely: no cell is a formula, whatever a contact or a colleague wrote into it."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language

MARK = "\ufeff"
# With what a spreadsheet begins a formula or a command, and the wide forms that some take for the same.
_BEGINS = frozenset("=+-@|%\t\r\n\uff1d\uff0b\uff0d\uff20\uff5c\uff05")
# What spreadsheets pass over before they look for it.
_PASSED_OVER = " \u00a0\u200b\u200e\u200f\u2060\u3000\ufeff\x00"


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How a file is written: what separates its cells, and whether it says that it is UTF-8, as Excel wants it."""

    separator: str = ","
    bom: bool = True


# What Excel expects wherever the comma is the decimal sign, and opens elsewhere too.
SEMICOLONS = CsvForm(";")


def form_of_reader() -> CsvForm:
    """The form that spreadsheets in the reader's language expect: where the comma is part of numbers, a semicolon."""
    return CsvForm(separator=";" if (get_language() or "").startswith("fr") else ",")


def harmless(value: Any) -> Any:
    """A value that no spreadsheet carries out: text that looks like a formula gets an apostrophe before it; numbers stay."""
    if not isinstance(value, str):
        return value
    if value.isalnum() and value.isascii():
        return value
    # NUL ends a cell for some readers.
    text = value.replace("\x00", "\ufffd")
    looked_at = text.lstrip(_PASSED_OVER)
    if (looked_at and looked_at[0] in _BEGINS) or (text and text[0] in _BEGINS):
        return "'" + text
    return text


def lines(rows: Iterable[Sequence[Any]], form: CsvForm = SEMICOLONS) -> Iterator[str]:
    """The text of a file, row by row; the first carries the mark."""
    mark = MARK if form.bom else ""
    for row in rows:
        yield mark + write([row], form)
        mark = ""


def write(rows: Iterable[Sequence[Any]], form: CsvForm) -> str:
    """The lines of some rows."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=form.separator, lineterminator="\r\n")
    writer.writerows([harmless(value) for value in row] for row in rows)
    return out.getvalue()
