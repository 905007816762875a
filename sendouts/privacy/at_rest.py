"""The type of bytes that the database and the journal may hold. Free of Django."""

from typing import NewType

# Made by `sealing.seal`.
AtRest = NewType("AtRest", bytes)
