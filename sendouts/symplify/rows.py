"""Row: one contact as the platform wrote it, with its id, reject URI, fields and problem."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from sendouts.symplify.plain import REPLACEMENT, digits, is_clean, scrub

ID_KEYS = ("contactId", "originalId", "original_id", "contact_id", "id")
URI_KEYS = ("cancelUri", "rejectUri", "cancel_uri", "reject_uri")

MAX_ID = 255  # characters
MAX_URI = 8000  # no server accepts longer ones
MAX_ROW = 1 << 20  # bytes of one row; anything longer is not a contact
_KNOWN_SHAPES = 1000


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One contact of a file or of a hook.

    `problem` is "" or a code: not_an_object, no_id, no_uri, bad_json, bad_columns, bad_text, too_long, too_deep,
    too_big. A row with a problem keeps a URI that can be trusted, so that the contact can still be rejected. `place` is
    set only on rows with a problem and counts from 1: a line of text, or a position in the array.
    """

    contact_id: str
    uri: str
    fields: dict[str, Any]
    problem: str = ""
    place: int = 0


class RowFindings:
    """Findings of a reader besides the rows.

    `rows` counts all rows so far, `unread` those with a problem. `first_problem` is its code and its place: a line in
    NDJSON and CSV, else an array position. `broken` says why the end was not reached or is not proven; "" if it is.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.unread = 0
        self.first_problem: tuple[str, int] | None = None
        self.broken = ""

    def problem(self, code: str, place: int) -> None:
        self.unread += 1
        self._note(code, place)

    def stop(self, code: str, place: int) -> None:
        """Record why nothing after this place can be read; the first reason is kept."""
        if not self.broken:
            self.broken = code
            self._note(code, place)

    def _note(self, code: str, place: int) -> None:
        if self.first_problem is None:
            self.first_problem = (code, place)


class RowMaker:
    """Factory that turns decoded objects into rows and counts unreadable ones."""

    def __init__(self, findings: RowFindings) -> None:
        self.findings = findings
        # maps the keys of a row to its id key and its URI key
        self._shapes: dict[tuple[str, ...], tuple[str, str]] = {}

    def many(self, objects: Iterable[dict[str, Any]], place: int, *, suspicious: bool = False) -> list[Row]:
        """Return the rows of consecutive objects, the first at `place`; takes over the objects.

        `suspicious`: some may contain a NUL.
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
                    if 0 < len(uri) <= MAX_URI and not contact_id.isspace():
                        append(Row(contact_id, uri, fields))
                        continue
                append(self._judge(contact_id, uri, fields, place + len(rows), clean=True))
            else:
                append(self.one(fields, "", place + len(rows)))
        self.findings.rows += len(rows)
        return rows

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
        id_key, uri_key = self._learn(tuple(value))
        contact_id = value.pop(id_key, None) if id_key is not None else None
        uri = value.pop(uri_key, None) if uri_key is not None else None
        clean = not problem and is_clean(value) and is_clean(contact_id) and is_clean(uri)
        return self._judge(contact_id, uri, value, place, clean=clean)

    def _judge(self, contact_id: Any, uri: Any, fields: dict[str, Any], place: int, *, clean: bool) -> Row:
        """Return the row after checking for problems, the most serious first."""
        contact_id = digits(contact_id)
        identity = contact_id if isinstance(contact_id, str) and contact_id.strip() else ""
        address = uri.strip() if isinstance(uri, str) else ""
        if not clean:
            trusted = address if is_clean(address) and REPLACEMENT not in address and len(address) <= MAX_URI else ""
            return self._bad(scrub(identity)[:MAX_ID], trusted, {}, "bad_text", place)
        if len(identity) > MAX_ID or len(address) > MAX_URI:
            return self._bad(identity[:MAX_ID], address if len(address) <= MAX_URI else "", {}, "too_long", place)
        if not address:
            return self._bad(identity, "", fields, "no_uri", place)
        if not identity:
            return self._bad("", address, fields, "no_id", place)
        return Row(identity, address, fields)

    def _bad(self, contact_id: str, uri: str, fields: dict[str, Any], problem: str, place: int) -> Row:
        self.findings.problem(problem, place)
        return Row(contact_id, uri, fields, problem, place)

    def _learn(self, keys: tuple[str, ...]) -> tuple[str | None, str | None]:
        id_key, uri_key = named(keys, ID_KEYS), named(keys, URI_KEYS)
        if id_key is not None and uri_key is not None:
            if len(self._shapes) >= _KNOWN_SHAPES:  # bound the memory for files whose rows all differ
                self._shapes.clear()
            self._shapes[keys] = (id_key, uri_key)
        return id_key, uri_key


def named(keys: Sequence[str], wanted: Sequence[str]) -> str | None:
    """Return the first key of `wanted` that is present, ignoring case; an exact spelling comes first."""
    if wanted[0] in keys:
        return wanted[0]
    folded = {key.casefold(): key for key in keys}
    for name in wanted:
        if name in keys:
            return name
        if (found := folded.get(name.casefold())) is not None:
            return found
    return None
