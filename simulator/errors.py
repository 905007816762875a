"""What the simulator refuses."""


class BadRequestError(ValueError):
    """A control request that cannot be read; the text is a sentence for whoever sent it."""
