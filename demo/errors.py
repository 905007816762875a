"""How the demo says that it cannot go on."""


class DemoFailed(Exception):
    """The demo cannot go on; the text is a sentence for the person who started it."""
