"""The codes of a text or CSV file: which column holds them is known or chosen, and a line that is no code is named."""

import csv
from collections.abc import Iterable, Iterator
from enum import StrEnum

from actions.codes.models import CODE_LENGTH
from actions.columns import UnclearColumn, choose_column, find_column, in_words
from actions.spreadsheet import mangled

_SEPARATORS = ";\t,"
# Known headings, folded, in English, French and German; the second tier is less certain.
_HEADINGS = (
    frozenset(
        {
            *("code", "codes", "promocode", "promocodes", "promotioncode", "promotionalcode", "discountcode"),
            *("coupon", "coupons", "couponcode", "couponcodes", "voucher", "vouchers", "vouchercode", "vouchercodes"),
            *("giftcode", "codepromo", "codespromo", "codepromotionnel", "codepromotion", "codereduction"),
            *("codedereduction", "coderemise", "bondereduction", "codecadeau", "codeavantage"),
            *("gutschein", "gutscheine", "gutscheincode", "gutscheincodes", "rabattcode", "aktionscode"),
        }
    ),
    frozenset({"value", "valeur", "wert"}),
)


class CodeFault(StrEnum):
    """What is wrong with a line; besides these there are the codes of `spreadsheet.Mangled`."""

    NO_CODE = "no_code"
    MARKUP = "markup"
    COMMENT = "comment"
    COLUMNS = "columns"
    QUOTES = "quotes"


class BadCode(ValueError):
    """Not a valid code. `line` is its line, counted from 1; 0 if there are no lines. `why` is the code of its fault."""

    def __init__(self, line: int = 0, why: str = CodeFault.NO_CODE) -> None:
        super().__init__(line)
        self.line, self.why = line, why


def clean(text: str, line: int = 0) -> str:
    """Return a code as it is stored; raise BadCode if it is empty, too long, not printable or no code at all."""
    code = text.strip().strip('"').strip()
    if made := mangled(code):
        raise BadCode(line, made.code)
    if not code or len(code) > CODE_LENGTH or not code.isprintable():
        raise BadCode(line)
    return code


def read(lines: Iterable[bytes], column: str = "") -> Iterator[str]:
    """Yield the codes of a text or CSV file in UTF-8, one per line; raise BadCode or UnclearColumn.

    `column` is the heading, or the number without headings, that a person chose. Without it, the codes are in the
    column with a known heading, or in the only one.
    """
    separator, place, columns = "", 0, 0
    declared = ""
    first_word = ""
    for number, raw in enumerate(lines, start=1):
        line = _text(raw, number)
        if not line:
            continue
        if not columns:
            if line.lower().startswith("sep=") and len(line) <= 5:
                declared = line[4:] or "\t"
                continue
            separator = declared or min(_SEPARATORS, key=lambda each: line.find(each) if each in line else len(line))
        cells = _cells(line, separator, number)
        if not columns:
            columns = len(cells)
            place, headed = _find(cells, column)
            if headed:
                continue
            first_word = "" if column or any(char.isdigit() for char in line) else line
        elif first_word and any(char.isdigit() for char in line):
            # A first line without a digit, before codes with some, may be a heading that is not known.
            raise UnclearColumn(in_words([first_word]))
        else:
            first_word = ""
        rounded = mangled(line.strip('"'))
        if rounded or (separator == "," and (rounded := mangled(",".join(cells[place : place + 2])))):
            raise BadCode(number, rounded.code)
        if any(cell.strip() for cell in cells[columns:]) or (columns == 1 and _is_split(line)):
            raise BadCode(number, CodeFault.COLUMNS)
        yield clean(cells[place] if place < len(cells) else "", number)


def _is_split(line: str) -> bool:
    return '"' not in line and any(each in line.rstrip(_SEPARATORS) for each in _SEPARATORS)


def _text(raw: bytes, number: int) -> str:
    try:
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError:
        raise BadCode(number) from None
    if line.startswith(("<", "{", "[")):
        raise BadCode(number, CodeFault.MARKUP)
    if line.startswith(("#", "//", "--")) and not mangled(line):
        raise BadCode(number, CodeFault.COMMENT)
    return line


def _cells(line: str, separator: str, number: int) -> list[str]:
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        raise BadCode(number, CodeFault.QUOTES) from None


def _find(cells: list[str], column: str) -> tuple[int, bool]:
    """Return the place of the codes in the first line, and whether it has headings; raise UnclearColumn."""
    if column.strip():
        return choose_column(cells, column.strip())
    known = find_column(cells, *_HEADINGS)
    if known is not None:
        return known, True
    if len(cells) > 1 and any(cell.strip() for cell in cells[1:]):
        raise UnclearColumn(in_words(cells))
    return 0, False
