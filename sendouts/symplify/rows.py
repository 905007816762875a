"""Row: one contact as the platform wrote it, with its id, reject URI, fields and problem."""

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from actions.contract import Sentences, gettext_noop
from actions.names import NOTHING, has_invisible, is_for_nothing, trim, visible
from actions.spreadsheet import Mangled, mangled
from sendouts.symplify.plain import REPLACEMENT, digits, fold, has_variants, is_clean, scrub, twice_in

ID_KEYS = ("contactId", "originalId", "original_id", "contact_id", "id")
URI_KEYS = ("cancelUri", "rejectUri", "cancel_uri", "reject_uri")

MAX_ID = 255  # characters
MAX_URI = 8000  # no server accepts longer ones
MAX_ROW = 1 << 20  # bytes of one row; anything longer is not a contact
_KNOWN_SHAPES = 1000
# How an id may begin that is mangled: a cheap test of many ids, of which each has a bar in front.
_MANGLED = (
    r"[=#'+\-]|Err:|[0-9]{1,4}[./-][0-9]{1,2}[./-]"
    r"|[0-9]{1,3}(?:[.,][0-9]+)?[eE]|[0-9]{1,2}\.?[ -][A-Za-z]|[A-Za-z]{3,5}\.?[ -][0-9]{2}"
)
_MANGLED_FIRST = "=#'+-0123456789EJFMASONDjfmasond"
_NAME_SHOWN = 100  # characters


class RowDoubt(Sentences):
    """Why a row is unread, with a name."""

    TWICE = "row.twice", gettext_noop("it has the field “%(name)s” twice, with different values")
    ID = "row.id", gettext_noop("its contact id: %(why)s")


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One contact of a file or of a hook. The id is in its visible form, for comparison, display and calls.

    `problem` is "" or a code: not_an_object, no_id, no_uri, bad_json, bad_columns, bad_text, too_long, too_deep,
    too_big, twice, mangled. A row with a problem keeps a URI that can be trusted, so that the contact can still be
    rejected. `place` is set only on rows with a problem and counts from 1: a line of text, or a position in the array.
    `text` is the stored sentence about a problem that has one of its own.
    """

    contact_id: str
    uri: str
    fields: dict[str, Any]
    problem: str = ""
    place: int = 0
    text: str = ""


class RowFindings:
    """Findings of a reader besides the rows.

    `rows` counts all rows so far, `unread` those with a problem. `first_problem` is its code and its place: a line in
    NDJSON and CSV, else an array position, on page `first_page`. `first_text` is its sentence, if it has one. `broken`
    says why the end was not reached or is not proven; "" if it is. `invisible` counts ids, URIs and names of fields
    that were written with characters that nobody sees.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.unread = 0
        self.first_problem: tuple[str, int] | None = None
        self.first_text = ""
        self.first_page = 1
        self.page = 1
        self.broken = ""
        self.invisible = 0

    def problem(self, code: str, place: int, text: str = "") -> None:
        self.unread += 1
        if self.first_problem is None:
            self.first_text = text
        self._note(code, place)

    def stop(self, code: str, place: int) -> None:
        """Record why nothing after this place can be read; the first reason is kept."""
        if not self.broken:
            self.broken = code
            self._note(code, place)

    def _note(self, code: str, place: int) -> None:
        if self.first_problem is None:
            self.first_problem = (code, place)
            self.first_page = self.page


class RowMaker:
    """Factory that turns decoded objects into rows and counts unreadable ones."""

    def __init__(self, findings: RowFindings, empty_words: frozenset[str] = NOTHING) -> None:
        self.findings = findings
        self._empty_words = empty_words
        # maps the keys of a row to its id key and its URI key
        self._shapes: dict[tuple[str, ...], tuple[str, str]] = {}

    def many(self, objects: Iterable[dict[str, Any]], place: int, *, suspicious: bool = False) -> list[Row]:
        """Return the rows of consecutive objects, the first at `place`; takes over the objects.

        `suspicious`: some may contain a NUL, or a key twice.
        """
        rows: list[Row] = []
        shapes = self._shapes
        append = rows.append
        for fields in objects:
            names = shapes.get(tuple(fields))
            if names is not None and not suspicious:
                contact_id = fields.pop(names[0], None)
                uri = fields.pop(names[1], None)
                # Check the common case first; _judge() handles every row that is not plainly valid.
                if type(contact_id) is str and type(uri) is str and 0 < len(contact_id) <= MAX_ID:
                    uri = uri.strip()
                    if 0 < len(uri) <= MAX_URI:
                        append(Row(contact_id, uri, fields))
                        continue
                append(self._judge(contact_id, uri, fields, place + len(rows), clean=True))
            else:
                append(self.one(fields, "", place + len(rows)))
        self.findings.rows += len(rows)
        if _are_plain(rows, self._empty_words):
            return rows
        return [
            row if row.problem else self._judge(row.contact_id, row.uri, row.fields, number, clean=True)
            for number, row in enumerate(rows, place)
        ]

    def is_contact(self, value: Any) -> bool:
        """Return whether a value among others is a contact: it has a reject URI."""
        return is_contact(value)

    def single(self, value: Any, problem: str, place: int) -> Row:
        """Return the row of one decoded value; `problem` is the decoder's code."""
        self.findings.rows += 1
        return self.one(value, problem, place)

    def unreadable(self, problem: str, place: int, uri: str = "") -> Row:
        """Return a row of which nothing was readable, except perhaps its URI."""
        self.findings.rows += 1
        return self._bad("", uri, {}, problem, place)

    def one(self, value: Any, problem: str, place: int) -> Row:
        if problem not in ("", "bad_text"):
            return self._bad("", "", {}, problem, place)
        if not isinstance(value, dict):
            return self._bad("", "", {}, problem or "not_an_object", place)
        twice = twice_in(value)
        id_key, uri_key = self._learn(tuple(value))
        contact_id = value.pop(id_key, None) if id_key is not None else None
        uri = value.pop(uri_key, None) if uri_key is not None else None
        clean = not problem and is_clean(value) and is_clean(contact_id) and is_clean(uri)
        if twice and clean:
            return self._doubtful(contact_id, uri, twice, (id_key, uri_key), place)
        return self._judge(contact_id, uri, value, place, clean=clean)

    def _doubtful(self, contact_id: Any, uri: Any, name: str, keys: tuple[str | None, str | None], place: int) -> Row:
        """Return the row of an object that has a field twice: without the id or the URI, if it is one of those."""
        id_key, uri_key = keys
        identity = "" if id_key and fold(name) == fold(id_key) else self._id(contact_id)
        address = "" if uri_key and fold(name) == fold(uri_key) else self._address(uri)
        text = RowDoubt.TWICE(name=scrub(name)[:_NAME_SHOWN])
        return self._bad(identity[:MAX_ID], address if len(address) <= MAX_URI else "", {}, "twice", place, text)

    def _judge(self, contact_id: Any, uri: Any, fields: dict[str, Any], place: int, *, clean: bool) -> Row:
        """Return the row after checking for problems, the most serious first."""
        identity, address = self._id(contact_id), self._address(uri)
        if not clean:
            trusted = address if is_clean(address) and REPLACEMENT not in address and len(address) <= MAX_URI else ""
            return self._bad(scrub(identity)[:MAX_ID], trusted, {}, "bad_text", place)
        if len(identity) > MAX_ID or len(address) > MAX_URI:
            return self._bad(identity[:MAX_ID], address if len(address) <= MAX_URI else "", {}, "too_long", place)
        if not address:
            return self._bad(identity, "", fields, "no_uri", place)
        if changed := _mangled(contact_id):
            return self._bad(identity, address, fields, "mangled", place, RowDoubt.ID(why=changed()))
        if not identity:
            return self._bad("", address, fields, "no_id", place)
        return Row(identity, address, fields)

    def _id(self, contact_id: Any) -> str:
        """Return an id in its visible form; "" if it is no text, or only a word for nothing."""
        text = digits(contact_id)
        return "" if not isinstance(text, str) else self._counted(text, visible(text))

    def _address(self, uri: Any) -> str:
        """Return a trimmed URI; "" if it is no text, or only a word for nothing."""
        return "" if not isinstance(uri, str) else self._counted(uri, trim(uri))

    def _counted(self, text: str, seen: str) -> str:
        self.findings.invisible += has_invisible(text, seen)
        return "" if is_for_nothing(seen, self._empty_words) else seen

    def _bad(self, contact_id: str, uri: str, fields: dict[str, Any], problem: str, place: int, text: str = "") -> Row:
        self.findings.problem(problem, place, text)
        return Row(contact_id, uri, fields, problem, place, text)

    def _learn(self, keys: tuple[str, ...]) -> tuple[str | None, str | None]:
        id_key, uri_key = named(keys, ID_KEYS), named(keys, URI_KEYS)
        if id_key is not None and uri_key is not None and not has_variants(keys):
            if len(self._shapes) >= _KNOWN_SHAPES:  # bound the memory for files whose rows all differ
                self._shapes.clear()
            self._shapes[keys] = (id_key, uri_key)
            self.findings.invisible += sum(has_invisible(key, visible(key)) for key in keys)
        return id_key, uri_key


def named(keys: Sequence[str], wanted: Sequence[str]) -> str | None:
    """Return the first key of `wanted` that is present, ignoring case; an exact spelling comes first."""
    if wanted[0] in keys:
        return wanted[0]
    folded = {fold(key): key for key in keys}
    for name in wanted:
        if name in keys:
            return name
        if (found := folded.get(name.casefold())) is not None:
            return found
    return None


def is_contact(value: Any) -> bool:
    return isinstance(value, dict) and named(list(value), URI_KEYS) is not None


@lru_cache(maxsize=64)
def _maybe_none(words: frozenset[str]) -> tuple[re.Pattern[str], int]:
    """Return a pattern that finds a mangled id or a word for nothing in plain ids, and the length of the longest word.

    The words are folded; what is not ASCII needs no place in the pattern.
    """
    plain = sorted(filter(str.isascii, words))
    first = re.escape(
        "".join(sorted({*_MANGLED_FIRST, *(case(word[0]) for word in plain for case in (str.upper, str.lower))}))
    )
    named = rf"|(?i:{'|'.join(map(re.escape, plain))})\|" if plain else ""
    return re.compile(rf"\|(?=[{first}])(?:{_MANGLED}{named})"), max(map(len, plain), default=0)


def _are_plain(rows: Sequence[Row], words: frozenset[str]) -> bool:
    """Return whether no id or URI needs a closer look. One test of many rows costs a tenth of a test of each."""
    maybe_none, longest = _maybe_none(words)
    ids = "|".join(["", *[row.contact_id for row in rows], ""])
    if not (ids.isascii() and ids.isprintable()) or " " in ids or maybe_none.search(ids):
        return False
    uris = [row.uri for row in rows if not row.problem]
    return "".join(uris).isascii() and min(map(len, uris), default=longest + 1) > longest


def _mangled(contact_id: Any) -> Mangled | None:
    """Return what a spreadsheet or a program made of an id; None if it looks as it was."""
    if isinstance(contact_id, float) and math.isfinite(contact_id):
        return Mangled.ROUNDED
    return mangled(visible(contact_id)) if isinstance(contact_id, str) else None
