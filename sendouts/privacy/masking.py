"""Masking of contact fields that reviewers may not read: values stay distinguishable, but not identifiable."""

import json
import re

HIDDEN = "•••"
_LETTER, _DIGIT = re.compile(r"[^\W\d_]"), re.compile(r"\d")
# Number and length of the lines that stand for a file.
_LINES, _LINE = 3, 60
# In shorter texts the visible ends would be most of the value.
_SHOW_ENDS = 6


def masked(value: object) -> str:
    """Return a value without its middle: “m•••7@•••.com”, “•••42”, “•••”. Only texts and numbers show their ends."""
    if value is None or isinstance(value, bool | list | dict):
        return HIDDEN
    text = value.strip() if isinstance(value, str) else json.dumps(value)
    name, at, host = text.rpartition("@")
    if at and name and "." in host:
        return f"{_ends(name)}@{HIDDEN}.{host.rpartition('.')[2]}"
    if text.lstrip("+").replace(" ", "").isdigit():
        return HIDDEN + text[-2:] if len(text) >= _SHOW_ENDS else HIDDEN
    return _ends(text)


def _ends(text: str) -> str:
    return f"{text[0]}{HIDDEN}{text[-1]}" if len(text) >= _SHOW_ENDS else HIDDEN


def masked_lines(raw: bytes) -> str:
    """Return the first lines of a file with x for each letter and 9 for each digit: its form, and no contact data."""
    text = _DIGIT.sub("9", _LETTER.sub("x", raw.decode("utf-8", "replace")))
    lines = ["".join(char for char in line if char.isprintable()).strip() for line in text.splitlines()]
    return " ⏎ ".join(line[:_LINE] for line in [line for line in lines if line][:_LINES])
