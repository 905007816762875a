"""Invariants of the readers' results for any input; a breach is a sentence.

The rules rest on the readers of simple_readers.
"""

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any
from unittest.mock import patch

from actions.names import visible
from outbound.download import BrokenDownload
from sendouts.symplify import payload, source
from sendouts.symplify import rows as rows_of_files
from sendouts.symplify.items import ItemReader, Row, canonical
from sendouts.symplify.rows import ID_KEYS, MAX_ID, MAX_URI, URI_KEYS
from tests.fuzz.making import Made
from tests.fuzz.simple_readers import (
    find_key,
    is_damaged,
    is_json,
    pair_of,
    read_array,
    read_csv,
    read_json,
    read_lines,
    read_object,
    texts_in,
    unescape,
)


class Breach(AssertionError):
    """A reader did what it must never do."""


Outcome = tuple[ItemReader, list[Row]]


def read(made: Made, cuts: Random, *, proven: bool, breaks: bool, longest: int = 1 << 20) -> Outcome:
    """Read an input in blocks and pieces of any size; `breaks`: the connection breaks behind the last of them.

    longest: bytes of the longest row that is read.
    """

    def blocks() -> Iterator[bytes]:
        at = 0
        while at < len(made.sent):
            size = cuts.choice((1, 2, 7, 50, 1_000, 100_000))
            yield made.sent[at : at + size]
            at += size
        if breaks:
            raise BrokenDownload("cut", 0)

    with (
        patch.object(source, "PIECE", cuts.choice((3, 40, 300, 1 << 18))),
        patch.object(rows_of_files, "MAX_ROW", longest),
    ):
        reader = ItemReader(
            blocks(), content_encoding=made.encoding, transport_proves_end=lambda: proven and not breaks
        )
        return reader, [row for chunk in reader.chunks(cuts.choice((1, 3, 100))) for row in chunk]


def _told(outcome: Outcome) -> tuple[Any, ...]:
    """All that a reader tells; equal for equal files."""
    reader, rows = outcome
    return canonical(rows), reader.complete, reader.broken, reader.format, reader.first_problem, reader.rows


def judge_file(made: Made, random: Random) -> str:
    """Read a contact file and compare; the outcome in a word. Raises Breach, or whatever the reader raised."""
    proven, breaks = random.random() < 0.8, random.random() < 0.1
    reader, rows = read(made, random, proven=proven, breaks=breaks)
    if reader.rows != len(rows) or reader.unread != sum(bool(row.problem) for row in rows):
        raise Breach("the counts are not those of the rows")
    if reader.complete == bool(reader.broken):
        raise Breach("complete and broken at once, or neither")
    plain = _unpacked(made)
    _nothing_invented(plain, rows)
    if reader.complete and not breaks:
        _nothing_missing(reader, plain, rows)
    if reader.complete and (not proven or breaks) and reader.format not in ("json", "json_object") and not made.layers:
        raise Breach("complete, though nothing proved the end")
    if _told(read(made, random, proven=proven, breaks=breaks)) != _told((reader, rows)):
        raise Breach("other blocks, other rows")
    if random.random() < 0.2:
        short = [_told(read(made, random, proven=proven, breaks=breaks, longest=64)) for _ in range(2)]
        if short[0] != short[1]:
            raise Breach("other blocks, other rows that are too long")
    if made.contacts is not None:
        _all_as_written(made, made.contacts, reader, rows)
        if not made.layers:
            _cut_loses_only_the_rest(made, rows, random)
    return f"{reader.format or 'nothing'}: " + (
        ("whole" if not reader.unread else "whole, rows unread") if reader.complete else reader.broken
    )


def _all_as_written(made: Made, contacts: list[dict[str, Any]], reader: ItemReader, rows: list[Row]) -> None:
    """A sound file holds exactly the contacts that were written, with their fields."""
    if made.format == "csv":
        try:
            text = made.plain.decode("utf-8-sig")
        except UnicodeDecodeError:
            return
        if "&#" in text:
            return  # the semicolons of what Windows-1252 cannot write
        delimiter = next(mark for mark in text.partition("\n")[0].strip('"\r') if mark in ",;\t")
        table = io.StringIO(text, newline="")
        contacts = list(csv.DictReader(table, delimiter=delimiter, skipinitialspace=True))
    if reader.broken in ("", "cut") and reader.format == (
        "" if not contacts and made.format == "ndjson" else made.format
    ):
        ours = {name.casefold() for name in (*ID_KEYS, *URI_KEYS)}
        fields = [{key: value for key, value in one.items() if key.casefold() not in ours} for one in contacts]
        if [row.fields for row in rows] == fields:
            return
    raise Breach("a sound file that is not read as it was written")


def _cut_loses_only_the_rest(made: Made, rows: list[Row], random: Random) -> None:
    """Of a file that was cut, the rows before the cut are read, and it is never complete."""
    kept = random.randrange(len(made.plain) or 1)
    cut = replace(made, sent=made.plain[:kept])
    reader, found = read(cut, random, proven=False, breaks=random.random() < 0.5)
    if reader.complete:
        raise Breach("complete, though it was cut")
    before = [row for row in found if not row.problem]
    if canonical(before) != canonical([row for row in rows if not row.problem][: len(before)]):
        raise Breach("other rows before a cut")
    whole = sum(made.plain.find(f'{row.uri}"'.encode()) + 1 in range(1, kept - 100) for row in rows if row.uri)
    if made.format != "csv" and len(found) < whole - 1:
        raise Breach("rows before a cut that were not read")


def _unpacked(made: Made) -> bytes:
    """All plain bytes that can be had of what was sent."""
    data = made.sent
    for _ in range(2):
        if data[:2] != b"\x1f\x8b":
            break
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            # Damaged: the text before packing, and what zlib gives up to the damage.
            try:
                data = zlib.decompressobj(31).decompress(data) + b"\n" + made.plain
            except zlib.error:
                data = _up_to_damage(data) + b"\n" + made.plain
    return data


def _up_to_damage(data: bytes) -> bytes:
    inflater, out = zlib.decompressobj(31), b""
    try:
        for at in range(len(data)):
            out += inflater.decompress(data[at : at + 1])
    except zlib.error:
        pass
    return out


def _nothing_invented(plain: bytes, rows: list[Row]) -> None:
    """Id and URI of every readable row stand in the file, as written or as JSON or CSV escapes them."""
    texts = texts_in(plain)
    stands: list[str] = []
    for text in [*texts, *(text.replace("\xa0", " ").replace("\u2011", "-") for text in texts)]:
        stands += [text, unescape(text), text.replace('""', '"'), text.replace("\r\n", "\n").replace("\r", "\n")]
    for row in rows:
        if row.problem:
            continue
        if not row.contact_id.strip() or not row.uri or len(row.contact_id) > MAX_ID or len(row.uri) > MAX_URI:
            raise Breach("a readable row without id or URI")
        if is_damaged([row.contact_id, row.uri, row.fields]):
            raise Breach("a readable row with text that cannot be stored")
        for part in (row.contact_id, row.uri):
            if not any(part in text or part in visible(text) for text in stands):
                raise Breach("a contact that is not in the file")


def _nothing_missing(reader: ItemReader, plain: bytes, rows: list[Row]) -> None:
    """A complete file holds exactly the rows that a simple reader finds in it, wherever that one can read it."""
    find: dict[str, Callable[[bytes], list[Any] | None]] = {
        "json": read_array,
        "json_object": read_object,
        "ndjson": read_lines,
        "csv": read_csv,
    }
    if reader.format not in find:
        if plain.strip(b" \t\r\n\xef\xbb\xbf"):
            raise Breach("an empty file that is not empty")
        return
    expected = find[reader.format](plain)
    if expected is None:
        if reader.format == "json" and not is_json(plain):
            raise Breach("a complete array that is no JSON")
        return
    if len(expected) != len(rows):
        raise Breach(f"{len(expected)} rows in the file, {len(rows)} read")
    found = Counter((row.contact_id, row.uri) for row in rows if not row.problem)
    sound = Counter(pair for value in expected if (pair := pair_of(value)) is not None)
    if found != sound:
        raise Breach("other contacts than those of the file")


def judge_hook(body: bytes) -> str:
    """Parse a hook and compare; the outcome in a word. Raises Breach, or whatever the parser raised."""
    try:
        payload.is_readable(body)
        readable = True
    except payload.Unreadable as problem:
        readable = False
        if not str(problem):
            raise Breach("an unreadable hook without a sentence") from None
    try:
        read = payload.parse(body)
    except payload.NotUnderstood:
        if not readable:
            raise Breach("unreadable at the door, not understood behind it") from None
        return "not understood"
    except payload.Unreadable:
        if readable:
            raise Breach("readable at the door, unreadable behind it") from None
        return "unreadable"
    if not readable:
        raise Breach("unreadable at the door, readable behind it")
    if payload.parse(body) != read:
        raise Breach("read twice, and differently")
    if isinstance(read, payload.OtherEvent):
        if b"finishuri" in body.lower() or b"itemdownloaduri" in body.lower():
            raise Breach("a body that names a hook is taken for another event")
        return "other event"
    guessed = "charset_guessed" in read.problems
    value = read_json(body.decode("cp1252", "replace") if guessed else body.decode("utf-8-sig"))
    if not isinstance(value, dict):
        raise Breach("a hook that is no object")
    _items_stand(value, read)
    canonical(list(read.items))
    details = [[each.identifier, each.details] for each in read.asked]
    if is_damaged([read.finish_uri, read.download_uri, read.project, read.journey, read.sendout, read.extra, details]):
        raise Breach("text that cannot be stored")
    return "hook, unclear" if read.problems else "hook"


def _items_stand(value: dict[str, Any], read: payload.Hook) -> None:
    key = find_key(list(value), ("items",))
    given = value[key] if key is not None else None
    if not isinstance(given, list):
        if read.items:
            raise Breach("items from nowhere")
        return
    if len(given) != len(read.items):
        raise Breach(f"{len(given)} items in the hook, {len(read.items)} read")
    for item, row in zip(given, read.items, strict=True):
        if (pair_of(item) or ("", "")) != ((row.contact_id, row.uri) if not row.problem else ("", "")):
            raise Breach("another contact than that of the hook")
