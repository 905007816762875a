"""Recognition of values that a spreadsheet has changed: rounded numbers, dates, error values, formulas, narrow columns.

A row whose id, address, number or code is one of them is unread: its meaning is lost, and a guess could concern
somebody else. Free of Django.
"""

import re
from datetime import date

from actions.contract import Sentences, gettext_noop


class Mangled(Sentences):
    """What a spreadsheet made of a value, with the advice how to export it again."""

    ROUNDED = (
        "spreadsheet.rounded",
        gettext_noop("a spreadsheet has rounded this number; format the column as text, then export it again"),
    )
    NARROW = (
        "spreadsheet.narrow",
        gettext_noop("the column was too narrow for this value; widen it, then export it again"),
    )
    ERROR = "spreadsheet.error", gettext_noop("this is an error value of a spreadsheet; correct its formula there")
    FORMULA = "spreadsheet.formula", gettext_noop("this is a formula of a spreadsheet; export its value instead")
    DATE = (
        "spreadsheet.date",
        gettext_noop("a spreadsheet has made a date of this; format the column as text, then export it again"),
    )
    APOSTROPHE = (
        "spreadsheet.apostrophe",
        gettext_noop("the apostrophe in front marks text in a spreadsheet; export the value without it"),
    )


# By code, as lines and uploads store it.
MANGLED = {each.code: each for each in Mangled}

# 1.23457E+16, 1,2E+05, 12.3E+15; without a sign only beside a fraction, since 12E4 may be a code.
_ROUNDED = re.compile(r"[+-]?(?:\d{1,3}(?:[.,]\d+)?E[+-]\d{1,3}|\d[.,]\d+E\d{1,3})", re.IGNORECASE)
_NARROW = re.compile("#{2,}")
# #N/A, #REF!, #NOM?, #DIV/0!, and Err:502 of LibreOffice.
_ERROR = re.compile(r"#(?:N/?[ADV]|[^\W\d_][\w/]{1,18}[!?])|Err:\d{3}", re.IGNORECASE)
_APOSTROPHE = re.compile(r"'[=+\-@\d]")
_YEAR_LAST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})")
_YEAR_FIRST = re.compile(r"(\d{4})([./-])(\d{1,2})\2(\d{1,2})")
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AP]M)?Z?")
# Capitals count: MAR-26 may be a code, and a spreadsheet writes Mar-26.
_MONTHS = (
    "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Sept|Mrz|Mär|Mai|Okt|Dez|"
    r"janv\.?|févr\.?|mars|avr\.?|mai|juin|juil\.?|août|sept\.?|oct\.?|nov\.?|déc\.?"
)
_MONTH = re.compile(rf"\d{{1,2}}\.?[ -](?:{_MONTHS})(?:[ -]\d{{2,4}})?|(?:{_MONTHS})[ -]\d{{2,4}}")


def mangled(text: str) -> Mangled | None:
    """Return what a spreadsheet made of an id, an address, a number or a code; None if it looks as it was."""
    text = text.strip()
    first = text[:1]
    if first == "=":
        return Mangled.FORMULA
    if first == "'":
        return Mangled.APOSTROPHE if _APOSTROPHE.match(text) else None
    if first == "#":
        found = Mangled.NARROW if _NARROW.fullmatch(text) else Mangled.ERROR
        return found if found is Mangled.NARROW or _ERROR.fullmatch(text) else None
    if text[:4] == "Err:" and _ERROR.fullmatch(text):
        return Mangled.ERROR
    if _ROUNDED.fullmatch(text):
        return Mangled.ROUNDED
    return Mangled.DATE if _MONTH.fullmatch(text) or _is_date(text) else None


def _is_date(text: str) -> bool:
    """Return whether a text is a day as spreadsheets write it, with a time or without."""
    if found := _YEAR_FIRST.match(text):
        year, month, day = int(found[1]), int(found[3]), int(found[4])
    elif found := _YEAR_LAST.match(text):
        if found[2] != "/" and len(found[4]) == 2:
            # Such as 10-11-12 and 1.2.03: ids and versions look like that, too.
            return False
        day, month, year = int(found[1]), int(found[3]), 2000 + int(found[4]) % 100
        day, month = (day, month) if month <= 12 else (month, day)
    else:
        return False
    rest = text[found.end() :]
    if rest and not _TIME.fullmatch(rest):
        return False
    try:
        return 1900 <= date(year, month, day).year < 2200
    except ValueError:
        return False
