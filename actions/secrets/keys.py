"""The keys of values at rest: ENCRYPTION_KEYS, the two ciphers made from them, and the rotation of both.

Each entry of ENCRYPTION_KEYS is a Fernet key. The first one seals and each of them opens, so a key is replaced without
a gap. Texts that staff enter are Fernet tokens. Bytes are sealed with AES-256-GCM under derived keys:

    0x01 | key name (4) | random nonce (12) | ciphertext and tag (16)

All other bytes are stored unchanged, so that a deployment may begin without keys. Unsealed bytes that would look sealed
get the prefix 0x00; empty stays empty, since queries ask for it. Sealed bytes are bound to their place: moved to
another row, they do not open.
"""

import os
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models

from actions.secrets.at_rest import AtRest

_PURPOSE = b"send-gate-gateway: URIs and hooks at rest"
_AS_IT_IS = b"\x00"
_SEALED = b"\x01"
_NAME = slice(1, 5)
_NONCE = slice(5, 17)
_REST = slice(17, None)
_NONCE_BYTES = 12

Stored = bytes | memoryview | str


class CannotOpen(Exception):
    """No key opens the stored value."""


def parse_keys(entries: Sequence[str]) -> tuple[str, ...]:
    """Return the keys; raise ImproperlyConfigured for an entry that is not a Fernet key, without printing it."""
    for place, key in enumerate(entries, 1):
        try:
            Fernet(key)
        except ValueError:
            raise ImproperlyConfigured(
                f"ENCRYPTION_KEYS: entry {place} is not a key. Make one: python -c "
                "'import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'"
            ) from None
    return tuple(entries)


def make_key() -> str:
    return Fernet.generate_key().decode()


class Keyring:
    """The keys of a deployment, newest first. Thread-safe."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernets = [Fernet(key) for key in keys]
        derived = [_derive(key) for key in keys]
        self._ciphers = dict(derived)
        # Prefix of all bytes sealed by the first key; empty without keys.
        self._head = _SEALED + derived[0][0] if derived else b""

    def seal(self, plain: bytes, place: bytes) -> AtRest:
        """Return the form in which these bytes may be stored, at this place and no other."""
        return self.seal_all((plain,), (place,))[0]

    def seal_all(self, plains: Sequence[bytes], places: Sequence[bytes]) -> list[AtRest]:
        """Return what `seal` returns for each of them, with one call to the system for all nonces."""
        if not self._head:
            return [AtRest(_AS_IT_IS + plain if plain[:1] in (_AS_IT_IS, _SEALED) else plain) for plain in plains]
        encrypt, head = self._ciphers[self._head[_NAME]].encrypt, self._head
        random = os.urandom(_NONCE_BYTES * len(plains))
        nonces = [random[start : start + _NONCE_BYTES] for start in range(0, len(random), _NONCE_BYTES)]
        return [
            AtRest(head + nonce + encrypt(nonce, plain, place) if plain else b"")
            for plain, place, nonce in zip(plains, places, nonces, strict=True)
        ]

    def open(self, stored: bytes | memoryview, place: bytes) -> bytes:
        """Return the plain bytes stored at this place; raise CannotOpen if they are sealed and no key opens them."""
        stored = bytes(stored)
        if stored[:1] != _SEALED:
            return stored[1:] if stored[:1] == _AS_IT_IS else stored
        cipher = self._ciphers.get(stored[_NAME])
        if cipher is None:
            raise CannotOpen
        try:
            return cipher.decrypt(stored[_NONCE], stored[_REST], place)
        except (InvalidTag, ValueError):
            # The value is damaged, truncated, or copied from another place.
            raise CannotOpen from None

    def seal_text(self, text: str) -> str:
        """Return the token of a text."""
        if not self._fernets:
            raise ImproperlyConfigured("ENCRYPTION_KEYS is not set, so secrets can neither be stored nor read.")
        return self._fernets[0].encrypt(text.encode()).decode()

    def open_text(self, token: str) -> str:
        """Return the text of a token; raise CannotOpen."""
        if not self._fernets:
            raise CannotOpen
        try:
            return MultiFernet(self._fernets).decrypt(token.encode()).decode()
        except InvalidToken:
            raise CannotOpen from None

    def is_current(self, stored: Stored) -> bool:
        """Return whether a value has its current form: sealed with the first key, or unsealed bytes without keys."""
        if isinstance(stored, str):
            try:
                return bool(self._fernets and self._fernets[0].decrypt(stored.encode()))
            except InvalidToken:
                return False
        stored = bytes(stored)
        return not stored or (stored.startswith(self._head) if self._head else stored[:1] != _SEALED)

    def seal_again(self, stored: Stored, place: bytes = b"") -> str | AtRest:
        """Return a token, or bytes of this place, sealed with the first key; raise CannotOpen."""
        if isinstance(stored, str):
            return self.seal_text(self.open_text(stored))
        return self.seal(self.open(stored, place), place)


def keyring() -> Keyring:
    """Return the keyring of this deployment."""
    return _keyring(tuple(settings.ENCRYPTION_KEYS))


@lru_cache(maxsize=8)
def _keyring(keys: tuple[str, ...]) -> Keyring:
    return Keyring(keys)


def _derive(key: str) -> tuple[bytes, AESGCM]:
    """Return key name and cipher derived from one Fernet key for this purpose; neither reveals that key."""
    made = HKDF(SHA256(), length=36, salt=None, info=_PURPOSE).derive(urlsafe_b64decode(key))
    return made[:4], AESGCM(made[4:])


def rotate(
    model: type[models.Model], column: str, values: Iterable[tuple[int, Stored, bytes]]
) -> tuple[int, list[int]]:
    """Seal values of a column again with the first key: row id, stored value and place (of no meaning for texts).

    Values in their current form, and values that changed meanwhile, are left as they are. Returns the number of
    resealed values, and the ids of the rows that no key opens.
    """
    keys = keyring()
    sealed: list[tuple[str | bytes, int, str | bytes]] = []
    shut = []
    for pk, stored, place in values:
        if keys.is_current(stored):
            continue
        try:
            before = stored if isinstance(stored, str) else bytes(stored)
            sealed.append((keys.seal_again(stored, place), pk, before))
        except CannotOpen:
            shut.append(pk)
    if not sealed:
        return 0, shut
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {model._meta.db_table} SET {column} = %s WHERE id = %s AND {column} = %s", sealed)
        return cursor.rowcount, shut
