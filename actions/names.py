"""Normal form of names, ids and addresses, for comparison."""

import hashlib
import re
import unicodedata

from actions.sentences import clean_text

NAME_LENGTH = 255

# What Unicode says to ignore in display (zero-width spaces and joiners, marks of direction and of byte order, soft
# hyphens, fillers, variation selectors), annotation marks, and control characters that are not white space.
_INVISIBLE = re.compile(
    "[\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Characters that differ from plain ones only in that they forbid a line break.
_UNBREAKABLE = {0xA0: " ", 0x2007: " ", 0x202F: " ", 0x2011: "-"}


def visible(text: str) -> str:
    """Return an id, an address or the name of a field as a reader sees it: trimmed, without invisible characters.

    Both sides of a comparison must pass through here. Names of people, projects and sendouts must not: emoji and
    several scripts need joiners.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    return _INVISIBLE.sub("", text).translate(_UNBREAKABLE).strip()


def normal_name(text: str) -> str:
    """Return a name in the form for comparison: trimmed, NFC, storable, at most 255 characters.

    A longer name is cut and ends in a fingerprint of the whole, so that two long names stay different.
    """
    name = unicodedata.normalize("NFC", clean_text(text)).strip()
    if len(name) <= NAME_LENGTH:
        return name
    return f"{name[: NAME_LENGTH - 17]}…{hashlib.sha256(name.encode()).hexdigest()[:16]}"
