"""Contacts as bytes: lines of JSON or CSV, plain or compressed, and cut into pieces for separate sending."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from actions.catalog.transfer.base import ALWAYS, outcome_of
from actions.contract import Context
from actions.effect import Pending, Run

# Contacts read and compressed together.
ROWS = 2_000


def as_json(value: Any) -> bytes:
    """Return JSON in UTF-8; code points that are no characters become “?”."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class ContentForm:
    """Format of a file. A compressed file is a sequence of gzip members, which every gzip reader takes as one file."""

    format: str
    packed: bool
    fields: tuple[str, ...]

    @property
    def extension(self) -> str:
        return f".{self.format}.gz" if self.packed else f".{self.format}"

    @property
    def content_type(self) -> str:
        if self.packed:
            return "application/gzip"
        return "text/csv; charset=utf-8" if self.format == "csv" else "application/x-ndjson"

    def begin(self) -> bytes:
        """Return the bytes before the first contact."""
        return self._packed(_csv([[*ALWAYS, *self.fields]])) if self.format == "csv" else b""

    def write(self, page: Sequence[Pending], context: Context) -> bytes:
        if self.format == "csv":
            return self._packed(_csv([self._columns(pending, context) for pending in page]))
        return self._packed(lines(page, context))

    def _columns(self, pending: Pending, context: Context) -> list[Any]:
        return [*outcome_of(pending, context).values(), *(_cell(pending.payload.get(name)) for name in self.fields)]

    def _packed(self, text: bytes) -> bytes:
        return gzip.compress(text, mtime=0) if self.packed else text


def lines(page: Sequence[Pending], context: Context) -> bytes:
    """Return one JSON object per line, each complete."""
    return b"".join(as_json({**outcome_of(pending, context), "fields": pending.payload}) + b"\n" for pending in page)


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    """Return text as it is, "" for null, and any other value as JSON: true, 12.5, ["a"]."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file, up to the contact `row`; `last` at the end of the file."""

    body: bytes
    row: int
    last: bool


def pieces(run: Run, context: Context, writing: ContentForm, *, after: int, size: int) -> Iterator[Piece]:
    """Write the contacts after a row (-1: all) in pieces of at least `size` bytes; only the last may be shorter."""
    body = bytearray(writing.begin() if after < 0 else b"")
    ready: Piece | None = None
    row = after
    for page in run.pages(ROWS):
        ahead = [pending for pending in page if pending.row > after]
        if not ahead:
            continue
        if ready is not None:
            yield ready
            ready = None
        body += writing.write(ahead, context)
        row = ahead[-1].row
        if len(body) >= size:
            ready, body = Piece(bytes(body), row, False), bytearray()
    if ready is not None:
        yield Piece(ready.body, ready.row, True)
    elif row > after:
        yield Piece(bytes(body), row, True)
