"""Error of the demo."""


class DemoFailed(Exception):
    """The demo cannot go on; the text is a sentence for the person who started it."""
