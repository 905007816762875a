"""Normal form of names, for comparison."""

import hashlib
import unicodedata

from actions.sentences import clean_text

NAME_LENGTH = 255


def normal_name(text: str) -> str:
    """Return a name in the form for comparison: trimmed, NFC, storable, at most 255 characters.

    A longer name is cut and ends in a fingerprint of the whole, so that two long names stay different.
    """
    name = unicodedata.normalize("NFC", clean_text(text)).strip()
    if len(name) <= NAME_LENGTH:
        return name
    return f"{name[: NAME_LENGTH - 17]}…{hashlib.sha256(name.encode()).hexdigest()[:16]}"
