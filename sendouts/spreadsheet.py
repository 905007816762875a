"""Tables as files that Excel and its like open by a double click, in French and in English.

UTF-8 with a byte order mark, so that accents are read as such; semicolons, which Excel expects wherever the comma is the decimal
sign; CRLF. A cell that a program would take for a formula begins with an apostrophe.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any

MARK = "\ufeff"
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: Any) -> Any:
    """A text that no program takes for a formula; numbers stay as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The text of a file, row by row; the first carries the mark."""
    out = StringIO()
    write = csv.writer(out, delimiter=";", lineterminator="\r\n").writerow
    out.write(MARK)
    for row in rows:
        write([harmless(value) for value in row])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
