"""The column of a file that holds its values: found by a known heading, or chosen by a person, and never guessed."""

import re
import unicodedata
from collections.abc import Collection, Sequence

from django.utils.translation import gettext as _

from actions.names import visible

# Columns named in a sentence, and characters of each.
_MOST, _LONGEST = 12, 40
_QUOTED = re.compile(r"“(.*?)”(?=, |$)")


class UnclearColumn(Exception):
    """No column is known, or several are; `columns` names them for a sentence."""

    def __init__(self, columns: str) -> None:
        super().__init__(columns)
        self.columns = columns


def fold(heading: str) -> str:
    """Return a heading for comparison: its letters and digits, in lower case and without accents."""
    text = unicodedata.normalize("NFKD", visible(heading)).casefold()
    return "".join(char for char in text if char.isalnum())


def find_column(headings: Sequence[str], *tiers: Collection[str]) -> int | None:
    """Return the place of the heading that one of the tiers knows, the first tier first; None if no tier does.

    Tiers hold folded names. Raise UnclearColumn if a tier knows several of the headings.
    """
    folded = [fold(each) for each in headings]
    for names in tiers:
        found = [place for place, name in enumerate(folded) if name in names]
        if len(found) > 1:
            raise UnclearColumn(in_words(headings))
        if found:
            return found[0]
    return None


def choose_column(headings: Sequence[str], wanted: str) -> tuple[int, bool]:
    """Return the place of the column that a person named, and whether the first line has headings.

    They write its heading, or its number from 1 if the file has no headings. Raise UnclearColumn.
    """
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 4 else 0
    if 1 <= number <= len(headings):
        return number - 1, False
    named = [place for place, each in enumerate(headings) if fold(each) == fold(wanted)]
    if len(named) == 1 and fold(wanted):
        return named[0], True
    raise UnclearColumn(in_words(headings))


def in_words(headings: Sequence[str]) -> str:
    """Return the columns as a sentence names them. What may be data of a contact is named by its number."""
    names = [visible(each) for each in headings[:_MOST]]
    words = [
        f"“{name[:_LONGEST]}”" if name and not any(char.isdigit() or char == "@" for char in name) else str(place)
        for place, name in enumerate(names, 1)
    ]
    return ", ".join([*words, "…"] if len(headings) > _MOST else words)


def in_own_quotes(columns: str) -> str:
    """Return columns, named by `in_words` in whatever process, with the quotation marks of the reader's language."""
    return _QUOTED.sub(lambda found: _("“%(name)s”") % {"name": found[1]}, columns)
