"""Tolerant JSON decoding: fast if well-formed, careful if not, and with bounded depth."""

import json
import math
import re
from collections.abc import Callable
from types import GenericAlias
from typing import Any

import msgspec

# Above any payload, and well below Python's recursion limit, so that the result is the same everywhere.
MAX_DEPTH = 100
_FAST_DEPTH = 8

_LONE_SURROGATE_OR_NUL = re.compile("[\x00\ud800-\udfff]")
_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]++|\\.)*+"|-?Infinity|NaN', re.DOTALL)
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
decode_object: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(_object_type(_VALUE)).decode
decode_objects: Callable[[bytes], list[dict[str, Any]]] = msgspec.json.Decoder(
    GenericAlias(list, (_object_type(_VALUE),))
).decode

# Errors of the decoders above for input that careful() may still be able to read.
NOT_FAST = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class NotJson(ValueError):
    """The text is not JSON at this place: `line` and `column` count from 1, in characters."""

    def __init__(self, line: int, column: int, *, cut: bool) -> None:
        super().__init__(line, column)
        self.line = line
        self.column = column
        self.cut = cut


class TooDeep(ValueError):
    """The JSON is nested more deeply than any payload has reason to be."""


def decode(raw: bytes) -> tuple[Any, str]:
    """Decode one JSON document; return (value, "") or (value, "bad_text") or (None, "bad_json") or (None, "too_deep").

    "bad_text": the document contains a NUL, a lone surrogate or invalid UTF-8; the value is not scrubbed yet.
    """
    try:
        value = _decode_value(raw)
    except NOT_FAST:
        pass
    else:
        return value, "bad_text" if b"\\u0000" in raw and not is_clean(value) else ""
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
    """Decode JSON with lone surrogates and outsized numbers (these become text); raise NotJson or TooDeep."""
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise NotJson(error.lineno, error.colno, cut=_is_cut(text, error)) from None
    except _NotANumber:
        raise _not_a_number(text) from None
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
    """Return the value with every NUL and lone surrogate replaced by U+FFFD, in keys too; unchanged if it is clean."""
    if is_clean(value):
        return value
    if isinstance(value, str):
        return _LONE_SURROGATE_OR_NUL.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {scrub(key): scrub(inner) for key, inner in value.items()}
    return [scrub(inner) for inner in value]


def digits(value: Any) -> Any:
    """Return a whole number as text; anything else unchanged."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _NotANumber(Exception):
    """NaN or Infinity, which JSON does not allow."""


def _not_a_number(text: str) -> NotJson:
    at = next((found.start() for found in _STRING_OR_CONSTANT.finditer(text) if found[0][0] != '"'), 0)
    return NotJson(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), cut=False)


def _no_constant(name: str) -> Any:
    raise _NotANumber


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
