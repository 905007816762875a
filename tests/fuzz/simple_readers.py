"""Readers of contact files that are too simple to be wrong: json.loads on the whole text, lines, the csv module."""

import csv
import io
import json
import math
import re
from typing import Any

from actions.names import NOTHING, is_for_nothing, trim, visible
from actions.spreadsheet import mangled
from sendouts.symplify.rows import ID_KEYS, MAX_ID, MAX_URI, URI_KEYS

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)', re.DOTALL)
_DAMAGED = re.compile("[\0\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)", re.DOTALL)
_SHORT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
Pair = tuple[str, str]


def texts_in(plain: bytes) -> list[str]:
    """The file as text, in each way in which bytes may be read."""
    lines = plain.split(b"\n")
    mixed = "\n".join(_line(line) for line in lines)
    return list(dict.fromkeys((mixed, plain.decode("utf-8", "replace"), plain.decode("cp1252", "replace"))))


def _line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def unescape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _SHORT.get(found[2], found[2])

    plain = _ESCAPED.sub(one, text)
    # Two halves of a pair, each written as an escape, are one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_json(text: str) -> Any:
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


def is_json(plain: bytes) -> bool:
    try:
        read_json(_json_text(plain))
    except RecursionError:
        return True  # too deep for the simple reader, which says nothing then
    except ValueError:
        return False
    return True


def read_array(plain: bytes) -> list[Any] | None:
    try:
        value = read_json(_json_text(plain))
    except (ValueError, RecursionError):
        return None
    return _kept(value, plain) if isinstance(value, list) else None


def read_object(plain: bytes) -> list[Any] | None:
    # Which array is the one is judged by the reader alone; here only files with a single array are compared.
    try:
        value = read_json(_json_text(plain))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or _json_text(plain).count("[") != 1:
        return None
    arrays = [each for each in value.values() if isinstance(each, list)]
    return (
        _kept(arrays[0], plain) if len(arrays) == 1 and any(isinstance(each, dict) for each in arrays[0][:1]) else None
    )


def read_lines(plain: bytes) -> list[Any] | None:
    text = plain.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    # Lines may end with carriage returns alone, if the first of them is sound.
    if b"\n" not in text and is_json(text.partition(b"\r")[0]):
        text = text.replace(b"\r", b"\n")
    lines = [line for line in text.split(b"\n") if line.strip(b" \t\r\n\v\f")]
    values = []
    for line in lines:
        try:
            values.append(read_json(line.decode("utf-8")))
        except UnicodeDecodeError:
            values.append(None)
        except (ValueError, RecursionError):
            values.append(None)
    return values


def read_csv(plain: bytes) -> list[Any] | None:
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
        named = (find_key(header, ID_KEYS) is not None) + (find_key(header, URI_KEYS) is not None)
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


def find_key(keys: list[str], wanted: tuple[str, ...]) -> str | None:
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


def is_damaged(value: Any) -> bool:
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


def pair_of(value: Any) -> Pair | None:
    """Id and URI of a row that nothing is wrong with."""
    if not isinstance(value, dict) or _depth(value) > 101:
        return None
    id_key, uri_key = find_key(list(value), ID_KEYS), find_key(list(value), URI_KEYS)
    identity = value.get(id_key) if id_key is not None else None
    uri = value.get(uri_key) if uri_key is not None else None
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str) or not isinstance(uri, str) or not identity.strip() or not uri.strip():
        return None
    if len(identity) > MAX_ID or len(uri.strip()) > MAX_URI or is_damaged(value):
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
