r"""Regular expressions written by staff, searched by RE2 in time linear in the value's length.

RE2 reads `\w`, `\d` and `\s` as ASCII, and `$` as the very end. They are rewritten to their meaning in Python's `re`.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import re2

from actions.contract import clean_text, gettext_noop

PATTERN_LENGTH = 500
VALUE_LENGTH = 1_000
# Bound on one search, in characters times instructions: some tens of milliseconds at worst, usually far less.
BUDGET = 1_000_000
# A pattern must be able to search values of this length.
USEFUL_LENGTH = 60
_COSTLY = gettext_noop("The pattern could take very long: it repeats too much.")
_NOT_HERE = gettext_noop(
    "This pattern needs what searches here do not know. That is: back-references, lookahead and lookbehind, "
    "possessive or atomic groups, \\W in brackets, \\b beside accents, and flags other than i, m and s."
)
# An escape, the start of a class, its end, the end of a value, or a repetition from 0.
_TOKEN = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|.)|\[\^?\]?|\]|\$|\{(?=,\d*\})", re.DOTALL)
_MULTILINE = re.compile(r"\(\?[is]*m")
# Outside Latin whole blocks count as letters: the exact set takes RE2 forty times as many instructions.
_LETTERS = (
    r"0-9A-Za-z_\x{aa}\x{b2}\x{b3}\x{b5}\x{b9}\x{ba}\x{bc}-\x{be}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{2c1}"
    r"\x{370}-\x{1fff}\x{2c00}-\x{2dff}\x{3005}-\x{d7ff}\x{f900}-\x{fdff}\x{fe70}-\x{fefc}"
    r"\x{ff10}-\x{ff19}\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}\x{ff66}-\x{ffdc}\x{10000}-\x{1cfff}\x{20000}-\x{3ffff}"
)
_SPACES = r"\s\x{b}\x{1c}-\x{1f}\x{85}\p{Z}"
_NOT_IN_CLASS, _ASCII_ONLY = (r"\W", r"\S"), (r"\b", r"\B")
_IN_CLASS = {r"\b": r"\x08", r"\w": _LETTERS, r"\d": r"\p{Nd}", r"\D": r"\P{Nd}", r"\s": _SPACES}
_OUTSIDE = {
    r"\w": f"[{_LETTERS}]",
    r"\W": f"[^{_LETTERS}]",
    r"\d": r"\p{Nd}",
    r"\D": r"\P{Nd}",
    r"\s": f"[{_SPACES}]",
    r"\S": f"[^{_SPACES}]",
    r"\Z": r"\z",
}

TooLong = object()


def searcher(pattern: str) -> Callable[[Any], bool | object | None]:
    """Return a function that tells whether the pattern is found anywhere in a value; raise ValueError with a sentence.

    The function returns None for values other than text, number or boolean, and TooLong for those over the bound. It
    searches the value instead of matching it whole: `^` and `$` mark its start and end.
    """
    if len(pattern) > PATTERN_LENGTH:
        raise ValueError(f"The pattern is longer than {PATTERN_LENGTH} characters.")
    compiled = _compile(pattern)
    limit = min(VALUE_LENGTH, BUDGET // compiled.programsize)
    if limit < USEFUL_LENGTH:
        raise ValueError(_COSTLY)
    search = compiled.search

    def found(value: Any) -> bool | object | None:
        if not isinstance(value, str):
            if not isinstance(value, bool | int | float):
                return None
            value = json.dumps(value)
        if len(value) > limit:
            return TooLong
        try:
            return search(value) is not None
        except UnicodeEncodeError:
            return search(clean_text(value)) is not None

    return found


def _compile(pattern: str) -> Any:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"The pattern is not a regular expression: {error}.") from error
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_as_re2(pattern), options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(_COSTLY if "too large" in _text(error) else _NOT_HERE) from error


def _text(error: Exception) -> str:
    text = error.args[0]
    return text.decode() if isinstance(text, bytes) else str(text)


def _as_re2(pattern: str) -> str:
    """Return the pattern in RE2's syntax; raise re2.error if RE2 has no equivalent."""
    in_class = False
    multiline = _MULTILINE.search(pattern) is not None

    def translate(found: re.Match[str]) -> str:
        nonlocal in_class
        piece = found[0]
        if piece[0] == "[":
            # Inside a class `[` is an ordinary character; so is `]` right after the opening one.
            inside, in_class = in_class, not (in_class and piece[-1] == "]")
            return "\\" + piece if inside else piece.replace("]", r"\]")
        if piece == "]":
            in_class = False
        elif piece == "$" and not in_class and not multiline:
            return r"(?:\n?\z)"
        elif piece == "{" and not in_class:
            return "{0"
        elif piece[:2] == r"\u" and len(piece) == 6:
            return rf"\x{{{piece[2:]}}}"
        elif piece in (_NOT_IN_CLASS if in_class else () if pattern.isascii() else _ASCII_ONLY):
            raise re2.error(piece)
        elif piece[0] == "\\":
            return (_IN_CLASS if in_class else _OUTSIDE).get(piece, piece)
        return piece

    return _TOKEN.sub(translate, pattern)
