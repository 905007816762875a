"""Type of the bytes that the database and the journal may store. Free of Django."""

from typing import NewType

# Created by `keys.Keyring.seal`.
AtRest = NewType("AtRest", bytes)
