"""Errors of the simulator."""


class BadRequestError(ValueError):
    """A control request that cannot be read; the text is a sentence for its sender."""
