"""Whole numbers from addresses and forms, which may contain any text."""

# As many digits as any id has.
_DIGITS = 18


def whole(text: str) -> int | None:
    """Return the number in a text; None if it is invalid, negative, or longer than any id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
