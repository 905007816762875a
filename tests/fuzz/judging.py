"""Invariants of the readers' results for any input; a breach is a sentence.

The rules rest on readers that are too simple to be wrong: json.loads on the whole text, lines, the csv module.
"""

import csv
import gzip
import io
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any
from unittest.mock import patch

from actions.names import NOTHING, is_for_nothing, trim, visible
from actions.spreadsheet import mangled
from outbound.download import BrokenDownload
from sendouts.symplify import payload, source
from sendouts.symplify import rows as rows_of_files
from sendouts.symplify.items import ItemReader, Row, canonical
from sendouts.symplify.rows import ID_KEYS, MAX_ID, MAX_URI, URI_KEYS
from tests.fuzz.making import Made

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)', re.DOTALL)
_DAMAGED = re.compile("[\0\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)", re.DOTALL)
_SHORT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
Pair = tuple[str, str]


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


def _texts(plain: bytes) -> list[str]:
    """The file as text, in each way in which bytes may be read."""
    lines = plain.split(b"\n")
    mixed = "\n".join(_line(line) for line in lines)
    return list(dict.fromkeys((mixed, plain.decode("utf-8", "replace"), plain.decode("cp1252", "replace"))))


def _line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _SHORT.get(found[2], found[2])

    plain = _ESCAPED.sub(one, text)
    # Two halves of a pair, each written as an escape, are one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _nothing_invented(plain: bytes, rows: list[Row]) -> None:
    """Id and URI of every readable row stand in the file, as written or as JSON or CSV escapes them."""
    texts = _texts(plain)
    stands: list[str] = []
    for text in [*texts, *(text.replace("\xa0", " ").replace("\u2011", "-") for text in texts)]:
        stands += [text, _unescaped(text), text.replace('""', '"'), text.replace("\r\n", "\n").replace("\r", "\n")]
    for row in rows:
        if row.problem:
            continue
        if not row.contact_id.strip() or not row.uri or len(row.contact_id) > MAX_ID or len(row.uri) > MAX_URI:
            raise Breach("a readable row without id or URI")
        if _damaged([row.contact_id, row.uri, row.fields]):
            raise Breach("a readable row with text that cannot be stored")
        for part in (row.contact_id, row.uri):
            if not any(part in text or part in visible(text) for text in stands):
                raise Breach("a contact that is not in the file")


def _nothing_missing(reader: ItemReader, plain: bytes, rows: list[Row]) -> None:
    """A complete file holds exactly the rows that a simple reader finds in it, wherever that one can read it."""
    find: dict[str, Callable[[bytes], list[Any] | None]] = {
        "json": _in_array,
        "json_object": _in_object,
        "ndjson": _in_lines,
        "csv": _in_csv,
    }
    if reader.format not in find:
        if plain.strip(b" \t\r\n\xef\xbb\xbf"):
            raise Breach("an empty file that is not empty")
        return
    expected = find[reader.format](plain)
    if expected is None:
        if reader.format == "json" and not _is_json(plain):
            raise Breach("a complete array that is no JSON")
        return
    if len(expected) != len(rows):
        raise Breach(f"{len(expected)} rows in the file, {len(rows)} read")
    found = Counter((row.contact_id, row.uri) for row in rows if not row.problem)
    sound = Counter(pair for value in expected if (pair := _pair(value)) is not None)
    if found != sound:
        raise Breach("other contacts than those of the file")


def _loads(text: str) -> Any:
    """JSON as the readers have it: numbers beyond all bounds are text."""

    def real(digits: str) -> float | str:
        return float(digits) if math.isfinite(float(digits)) else digits

    return json.loads(
        text,
        parse_int=lambda digits: int(digits) if len(digits) < 4_000 else digits,
        parse_float=real,
        object_pairs_hook=_own_keys,
    )


def _own_keys(pairs: list[Pair]) -> Any:
    """The object, or half a character in one, which no sound row has, if a key occurs twice with different values."""
    values: dict[str, set[str]] = {}
    for key, value in pairs:
        values.setdefault(visible(key).casefold(), set()).add(json.dumps(value, sort_keys=True))
    return dict(pairs) if all(len(each) == 1 for each in values.values()) else dict(pairs) | {"twice": "\ud800"}


def _json_text(plain: bytes) -> str:
    return plain.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def _is_json(plain: bytes) -> bool:
    try:
        _loads(_json_text(plain))
    except RecursionError:
        return True  # too deep for the simple reader, which says nothing then
    except ValueError:
        return False
    return True


def _in_array(plain: bytes) -> list[Any] | None:
    try:
        value = _loads(_json_text(plain))
    except (ValueError, RecursionError):
        return None
    return _kept(value, plain) if isinstance(value, list) else None


def _in_object(plain: bytes) -> list[Any] | None:
    # Which array is the one is judged by the reader alone; here only files with a single array are compared.
    try:
        value = _loads(_json_text(plain))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or _json_text(plain).count("[") != 1:
        return None
    arrays = [each for each in value.values() if isinstance(each, list)]
    return (
        _kept(arrays[0], plain) if len(arrays) == 1 and any(isinstance(each, dict) for each in arrays[0][:1]) else None
    )


def _in_lines(plain: bytes) -> list[Any] | None:
    text = plain.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    # Lines may end with carriage returns alone, if the first of them is sound.
    if b"\n" not in text and _is_json(text.partition(b"\r")[0]):
        text = text.replace(b"\r", b"\n")
    lines = [line for line in text.split(b"\n") if line.strip(b" \t\r\n\v\f")]
    values = []
    for line in lines:
        try:
            values.append(_loads(line.decode("utf-8")))
        except UnicodeDecodeError:
            values.append(None)
        except (ValueError, RecursionError):
            values.append(None)
    return values


def _in_csv(plain: bytes) -> list[Any] | None:
    """Only where no quote makes borders doubtful: then a line is a record."""
    if b'"' in plain or b"\0" in plain or not (_is_utf8(plain) or _is_western(plain)):
        return None
    lines = [line for line in _line_texts(plain) if line.strip("\r")]
    # White space alone before the header is passed over.
    while lines and not lines[0].strip():
        lines.pop(0)
    if any("\r" in line.removesuffix("\r") for line in lines) or any("\ufffd" in line for line in lines):
        return None
    best: list[dict[str, str] | None] | None = None
    most = 0
    if "|" in lines[0]:
        return None
    for delimiter in ",;\t":
        header = [visible(name) for name in next(csv.reader(io.StringIO(lines[0]), delimiter=delimiter), [])]
        named = (_key(header, ID_KEYS) is not None) + (_key(header, URI_KEYS) is not None)
        if named > most:
            most = named
            if not header[-1] or len(set(map(str.casefold, header))) < len(header):
                return None  # a column without a name, or one twice
            cells = [line.removesuffix("\r").split(delimiter) for line in lines[1:]]
            if any(len(row) > len(header) and not any(map(str.strip, row[len(header) :])) for row in cells):
                return None  # empty cells too many are read where that is beyond doubt
            best = [dict(zip(header, row, strict=True)) if len(row) == len(header) else None for row in cells]
    return best


def _is_utf8(plain: bytes) -> bool:
    try:
        plain.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_western(plain: bytes) -> bool:
    """Whether no line is in UTF-8 beyond ASCII: lines in two encodings are in doubt."""
    return not plain.startswith(b"\xef\xbb\xbf") and re.search(rb"[\xc2-\xf4][\x80-\xbf]", plain) is None


def _line_texts(plain: bytes) -> list[str]:
    return [_line(line) for line in plain.removeprefix(b"\xef\xbb\xbf").split(b"\n")]


def _kept(values: list[Any], plain: bytes) -> list[Any] | None:
    # Text that was not UTF-8 cannot be compared by its decoded form.
    try:
        plain.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return values


def _key(keys: list[str], wanted: tuple[str, ...]) -> str | None:
    for name in wanted[:1]:
        if name in keys:
            return name
    folded = {visible(key).casefold(): key for key in keys}
    for name in wanted:
        if name in keys:
            return name
        if name.casefold() in folded:
            return folded[name.casefold()]
    return None


def _damaged(value: Any) -> bool:
    """Whether a text in it, keys included, cannot be stored: a NUL, or half a character."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str) and _DAMAGED.search(one):
            return True
        if isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one
    return False


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth < 200:
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return depth


def _pair(value: Any) -> Pair | None:
    """Id and URI of a row that nothing is wrong with."""
    if not isinstance(value, dict) or _depth(value) > 101:
        return None
    id_key, uri_key = _key(list(value), ID_KEYS), _key(list(value), URI_KEYS)
    identity = value.get(id_key) if id_key is not None else None
    uri = value.get(uri_key) if uri_key is not None else None
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str) or not isinstance(uri, str) or not identity.strip() or not uri.strip():
        return None
    if len(identity) > MAX_ID or len(uri.strip()) > MAX_URI or _damaged(value):
        return None
    identity, uri = visible(identity), trim(uri)
    if (
        not identity
        or not uri
        or is_for_nothing(identity, NOTHING)
        or is_for_nothing(uri, NOTHING)
        or mangled(identity)
    ):
        return None
    return identity, uri


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
    value = _loads(body.decode("cp1252", "replace") if guessed else body.decode("utf-8-sig"))
    if not isinstance(value, dict):
        raise Breach("a hook that is no object")
    _items_stand(value, read)
    canonical(list(read.items))
    details = [[each.identifier, each.details] for each in read.asked]
    if _damaged([read.finish_uri, read.download_uri, read.project, read.journey, read.sendout, read.extra, details]):
        raise Breach("text that cannot be stored")
    return "hook, unclear" if read.problems else "hook"


def _items_stand(value: dict[str, Any], read: payload.Hook) -> None:
    key = _key(list(value), ("items",))
    given = value[key] if key is not None else None
    if not isinstance(given, list):
        if read.items:
            raise Breach("items from nowhere")
        return
    if len(given) != len(read.items):
        raise Breach(f"{len(given)} items in the hook, {len(read.items)} read")
    for item, row in zip(given, read.items, strict=True):
        if (_pair(item) or ("", "")) != ((row.contact_id, row.uri) if not row.problem else ("", "")):
            raise Breach("another contact than that of the hook")
