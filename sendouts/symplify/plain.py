"""Tolerant JSON decoding: fast if well-formed, careful if not, and with bounded depth."""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from types import GenericAlias
from typing import Any

import msgspec

from actions.names import visible

# Above any payload, and well below Python's recursion limit, so that the result is the same everywhere.
MAX_DEPTH = 100
_FAST_DEPTH = 8

_LONE_SURROGATE_OR_NUL = re.compile("[\x00\ud800-\udfff]")
NUL = b"\\u0000"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def _value_type(depth: int) -> Any:
    """Return the type of a JSON value nested at most `depth` levels, so that msgspec enforces the depth at no cost."""
    scalar: Any = str | int | float | bool | None
    if depth == 0:
        return scalar
    inner = _value_type(depth - 1)
    return scalar | GenericAlias(list, (inner,)) | _object_type(inner)


def _object_type(inner: Any) -> Any:
    return GenericAlias(dict, (str, inner))


_VALUE = _value_type(_FAST_DEPTH)
_decode_value: Callable[[bytes], Any] = msgspec.json.Decoder(_VALUE).decode
_decode_object: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(_object_type(_VALUE)).decode
_decode_objects: Callable[[bytes], list[dict[str, Any]]] = msgspec.json.Decoder(
    GenericAlias(list, (_object_type(_VALUE),))
).decode

# Errors of the decoders above for input that careful() may still be able to read.
NOT_FAST = (msgspec.DecodeError, ValueError, RecursionError)


class NotJson(ValueError):
    """The text is not JSON at this place: `line` and `column` count from 1, in characters."""

    def __init__(self, line: int, column: int, *, cut: bool) -> None:
        super().__init__(line, column)
        self.line = line
        self.column = column
        self.cut = cut


class TooDeep(ValueError):
    """The JSON is nested more deeply than any payload has reason to be."""


def has_escape(raw: bytes, escape: bytes) -> bool:
    """Return whether the bytes contain this escape; a search for one byte is a hundred times as fast."""
    return b"\\" in raw and escape in raw


class Twice:
    """Stands for the value of a key that an object has twice, with different values; `last` is the last of them."""

    __slots__ = ("last",)

    def __init__(self, last: Any) -> None:
        self.last = last

    def __repr__(self) -> str:
        return f"Twice({self.last!r})"


def decode_objects(page: bytes, lines: Sequence[bytes] = ()) -> tuple[list[dict[str, Any]], bool]:
    """Decode objects that are separated by commas, or stand on lines; raise NOT_FAST.

    Return True with them if a key may occur twice in one of them, exactly or apart from case.
    """
    objects = [_decode_object(line) for line in lines] if lines else _decode_objects(b"[" + page + b"]")
    if _has_own_keys(page, objects):
        return objects, False
    if lines:
        return [careful(line.decode()) for line in lines], True
    return careful(f"[{page.decode()}]"), True


def decode_object(raw: bytes) -> dict[str, Any]:
    """Decode one object; raise NOT_FAST."""
    value = _decode_object(raw)
    return value if _has_own_keys(raw, [value]) else careful(raw.decode())


def check_object(raw: bytes) -> None:
    """Raise NOT_FAST where decode_object would; a key that occurs twice makes an object no less readable."""
    _decode_object(raw)


def decode(raw: bytes) -> tuple[Any, str]:
    """Decode one JSON document; return (value, "") or (value, "bad_text") or (None, "bad_json") or (None, "too_deep").

    "bad_text": the document contains a NUL, a lone surrogate or invalid UTF-8; the value is not scrubbed yet.
    """
    try:
        value = _decode_value(raw)
    except NOT_FAST:
        pass
    else:
        if _has_own_keys(raw, [value]):
            return value, "bad_text" if has_escape(raw, NUL) and not is_clean(value) else ""
    text = raw.decode("utf-8", errors="replace")
    damaged = REPLACEMENT in text and not is_utf8(raw)
    try:
        value = careful(text)
    except NotJson:
        return None, "bad_json"
    except TooDeep:
        return None, "too_deep"
    return value, "bad_text" if damaged or not is_clean(value) else ""


def careful(text: str) -> Any:
    """Decode JSON with lone surrogates, NaN, Infinity and outsized numbers (these become text).

    A key that occurs twice with different values gets a Twice. Raise NotJson or TooDeep.
    """
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_real, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise NotJson(error.lineno, error.colno, cut=_is_cut(text, error)) from None
    except RecursionError:
        raise TooDeep from None
    if _depth_exceeds(value, MAX_DEPTH):
        raise TooDeep
    return value


def is_clean(value: Any) -> bool:
    """Return whether no text in the value, keys included, contains a NUL or a lone surrogate."""
    if isinstance(value, str):
        return _LONE_SURROGATE_OR_NUL.search(value) is None
    if isinstance(value, dict):
        return all(is_clean(key) and is_clean(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(is_clean, value))
    return True


def scrub(value: Any) -> Any:
    """Return the value as databases store it: NUL and lone surrogates become U+FFFD, what is no JSON becomes text."""
    if isinstance(value, str):
        return _LONE_SURROGATE_OR_NUL.sub(REPLACEMENT, value)
    if isinstance(value, Twice):
        return scrub(value.last)
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {scrub(key): scrub(inner) for key, inner in value.items()}
    return [scrub(inner) for inner in value] if isinstance(value, list) else value


def digits(value: Any) -> Any:
    """Return a whole number as text; anything else unchanged."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def fold(key: str) -> str:
    """Return the form in which names of fields are compared."""
    return visible(key).casefold()


def twice_in(value: Any) -> str:
    """Return the path of a field that an object in the value has twice, with different values; "" if none has."""
    if isinstance(value, list):
        return next(filter(None, map(twice_in, value)), "")
    if not isinstance(value, dict):
        return ""
    if key := twice_at(value):
        return key
    paths = (f"{key}.{name}" for key, inner in value.items() if (name := twice_in(inner)))
    return next(paths, "")


def twice_at(value: dict[str, Any]) -> str:
    """Return the name of a field that this object has twice, with different values; "" if it has none."""
    seen: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, Twice) or not agree(seen.setdefault(fold(key), inner), inner):
            return key
    return ""


def last(value: Any) -> Any:
    """Return the last of the values of a key that occurs twice; any other value unchanged."""
    return value.last if isinstance(value, Twice) else value


def agree(one: Any, other: Any) -> bool:
    """Return whether two JSON values are written alike, apart from the order of keys."""
    return one is other or json.dumps(one, sort_keys=True, default=repr) == json.dumps(
        other, sort_keys=True, default=repr
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        first: dict[str, Any] = {}
        for key, value in pairs:
            if not agree(first.setdefault(key, value), value):
                found[key] = Twice(value)
    return found


def _has_own_keys(raw: bytes, values: Sequence[Any]) -> bool:
    """Return whether no object in these decoded values has a key twice, neither exactly nor apart from case.

    Every colon of the text follows a key, or is in a string. So if the decoded keys and the colons in decoded strings
    are as many, no key was lost. Only an escaped colon breaks this rule. False may be a false alarm.
    """
    if has_escape(raw, b"\\u003"):
        return False
    colons = raw.count(b":")
    shapes: set[tuple[str, ...]] = set()
    if _count_alike(values, shapes) != colons:
        shapes.clear()
        if _count_all(values, shapes) != colons:
            return False
    return not any(map(has_variants, shapes))


def _count_alike(values: Sequence[Any], shapes: set[tuple[str, ...]]) -> int:
    """Count keys and colons, looking only into fields where the first or the last object has some. Never too many.

    shapes: takes the keys of inner objects; RowMaker looks at those of the outer ones.
    """
    if not values or type(values[0]) is not dict or type(values[-1]) is not dict:
        return 0
    counted = sum(map(len, values))
    for name, value in (values[-1] | values[0]).items():
        if type(value) is str:
            if ":" in value or ":" in str(values[-1].get(name)):
                counted += "".join([text for each in values if type(text := each.get(name)) is str]).count(":")
        elif type(value) is dict:
            inner = [found for each in values if type(found := each.get(name)) is dict]
            shapes.update(map(tuple, inner))
            counted += _count_alike(inner, shapes)
    return counted


def _count_all(values: Iterable[Any], shapes: set[tuple[str, ...]]) -> int:
    """Count all keys, and all colons in strings."""
    counted = 0
    for value in values:
        if type(value) is str:
            counted += value.count(":")
        elif type(value) is dict:
            shapes.add(tuple(value))
            counted += len(value) + _count_all(value, shapes) + _count_all(value.values(), shapes)
        elif type(value) is list:
            counted += _count_all(value, shapes)
    return counted


@lru_cache(maxsize=4096)
def has_variants(shape: tuple[str, ...]) -> bool:
    """Return whether two of these keys are one apart from case and invisible characters."""
    return len(set(map(fold, shape))) < len(shape)


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts
        return digits


def _real(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def is_utf8(raw: bytes) -> bool:
    """Return whether the bytes are text in UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Return whether the only error is a premature end: inside a string, or in a final literal, number or escape."""
    return error.msg.startswith("Unterminated string") or len(text) - error.pos <= len('"\\uXXXX')


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
