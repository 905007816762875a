"""How a value of a contact compares with a value of the configuration: text, numbers and booleans meet half way.

Every comparison answers True, False, or None where the two cannot be compared.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

TRUE_WORDS = frozenset({"true", "1", "yes", "oui"})
FALSE_WORDS = frozenset({"false", "0", "no", "non"})
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:[.,][0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")


# Characters. Composing takes time that grows with the square of a run of accents; longer texts are compared as they are.
_COMPOSED = 1_000


def tidy(text: str) -> str:
    """Trim, and compose accents the one way, so that the same word typed on two machines is equal."""
    text = text.strip()
    return text if text.isascii() or len(text) > _COMPOSED else unicodedata.normalize("NFC", text)


def as_boolean(value: Any) -> bool | None:
    """Read true/false, 1/0, yes/no, oui/non, ignoring case and spaces around."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None
    return None


def as_number(value: Any) -> int | float | None:
    """Read a number, or text that is one, without spaces inside; a comma is a decimal comma, so `1,000` is one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return None
        value = int(text) if text.lstrip("+-").isdigit() else float(text.replace(",", "."))
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return None


def equal(value: Any, wanted: bool | int | float | str) -> bool | None:
    """Compare two values: text with text as written (capitals count), else as booleans, else as numbers."""
    if isinstance(value, str) and isinstance(wanted, str):
        return tidy(value) == tidy(wanted)
    read: Callable[[Any], bool | int | float | None] = as_number
    if isinstance(value, bool) or isinstance(wanted, bool):
        read = as_boolean
    left, right = read(value), read(wanted)
    return None if left is None or right is None else left == right


def among(value: Any, wanted: tuple[bool | int | float | str, ...]) -> bool | None:
    """Whether the value equals one of those; None where it can be compared with none of them."""
    answers = [equal(value, each) for each in wanted]
    return True if True in answers else False if False in answers else None


def greater(value: Any, limit: int | float) -> bool | None:
    number = as_number(value)
    return None if number is None else number > limit


def less(value: Any, limit: int | float) -> bool | None:
    number = as_number(value)
    return None if number is None else number < limit
