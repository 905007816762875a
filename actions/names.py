"""Normal form of names, ids and addresses, for comparison."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable

from actions.sentences import clean_text

NAME_LENGTH = 255
# Longest word for nothing, in characters.
WORD_LENGTH = 40

# What Unicode says to ignore in display, annotation marks, and control characters that are not white space. The first
# are zero-width spaces and joiners, marks of direction and of byte order, soft hyphens, fillers, variation selectors.
_INVISIBLE_SET = (
    "\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_INVISIBLE_SET}]")
_EDGES = re.compile(rf"\A[\s{_INVISIBLE_SET}]+|[\s{_INVISIBLE_SET}]+\Z")
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


def fold_words(words: Iterable[str]) -> frozenset[str]:
    """Return words for nothing in the form for comparison."""
    return frozenset(visible(word).casefold() for word in words) - {""}


def is_for_nothing(text: str, words: Collection[str]) -> bool:
    """Return whether a text in its visible form is one of the folded words for nothing; case does not count."""
    return len(text) <= WORD_LENGTH and text.casefold() in words


def has_invisible(text: str, seen: str) -> bool:
    """Return whether a text was written with more than its visible form and white space around that."""
    return seen != text and seen != text.strip(" \t\r\n")


def trim(text: str) -> str:
    """Return a URI without white space and invisible characters around it; what is inside is called as it came."""
    return text.strip() if text.isascii() else _EDGES.sub("", text)


def normal_name(text: str) -> str:
    """Return a name in the form for comparison: trimmed, NFC, storable, at most 255 characters.

    A longer name is cut and ends in a fingerprint of the whole, so that two long names stay different.
    """
    name = unicodedata.normalize("NFC", clean_text(text)).strip()
    if len(name) <= NAME_LENGTH:
        return name
    return f"{name[: NAME_LENGTH - 17]}…{hashlib.sha256(name.encode()).hexdigest()[:16]}"


# Words that exports write for an empty value: what a project proposes.
EMPTY_WORDS = (
    *("NULL", "\\N", "N/A", "n.a.", "#N/A", "None", "nil", "NaN", "undefined"),
    *("(null)", "<null>", "[null]", "(none)", "(empty)", "-", "--", "–", "—"),
)
NOTHING = fold_words(EMPTY_WORDS)
MOST_WORDS = 100


def proposed_words() -> list[str]:
    """Return the words for nothing of a new project."""
    return list(EMPTY_WORDS)
