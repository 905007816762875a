"""Whole numbers as addresses and forms bring them: anything at all may stand there."""

# As many digits as any id has.
_DIGITS = 18


def whole(text: str) -> int | None:
    """The number that a text is; None where it is none, is negative, or is longer than any id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
