"""The HTTP API for programs: the same rows and the same functions as the screens."""
