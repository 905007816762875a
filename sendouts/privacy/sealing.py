"""Sealing of the platform's URIs and raw hooks at rest: AES-256-GCM, with keys derived from ENCRYPTION_KEYS.

    0x01 | key name (4) | random nonce (12) | ciphertext and tag (16)

All other values are stored unchanged, so that a deployment may begin without keys. An unsealed value that would look
sealed gets the prefix 0x00; empty stays empty, since queries ask for it. A sealed value is bound to its place: moved to
another row, it does not open.
"""

import os
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from actions.secrets.encrypted import CannotOpen
from sendouts.privacy.at_rest import AtRest

_PURPOSE = b"send-gate-gateway: URIs and hooks at rest"
_AS_IT_IS = b"\x00"
_SEALED = b"\x01"
_NAME = slice(1, 5)
_NONCE = slice(5, 17)
_REST = slice(17, None)
_NONCE_BYTES = 12


class Keyring:
    """Set of keys: the first one seals, each of them opens; a sealed value names its key. Thread-safe."""

    def __init__(self, keys: Sequence[str]) -> None:
        derived = [_derive(key) for key in keys]
        self._ciphers = dict(derived)
        self._seal: Callable[[bytes, bytes, bytes], bytes] | None = None
        # Prefix of every value sealed by the first key; empty without keys.
        self.head = b""
        if derived:
            name, cipher = derived[0]
            self.head, self._seal = _SEALED + name, cipher.encrypt

    def seal(self, plain: bytes, place: bytes) -> AtRest:
        """Return the form in which a value may be stored, at this place and no other."""
        if not plain:
            return AtRest(b"")
        if self._seal is None:
            return AtRest(_AS_IT_IS + plain if plain[:1] in (_AS_IT_IS, _SEALED) else plain)
        nonce = os.urandom(_NONCE_BYTES)
        return AtRest(self.head + nonce + self._seal(nonce, plain, place))

    def is_current(self, stored: bytes | memoryview) -> bool:
        """Return whether a value has its current form: sealed with the first key, or unsealed without keys."""
        stored = bytes(stored)
        return not stored or (stored.startswith(self.head) if self.head else stored[:1] != _SEALED)

    def open(self, stored: bytes | memoryview, place: bytes) -> bytes:
        """Return the plain value stored at this place; raise CannotOpen if it is sealed and no key opens it."""
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

    def seal_again(self, stored: bytes | memoryview, place: bytes) -> AtRest:
        """Return the value sealed under the first key; raise CannotOpen."""
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


def of_decision(pk: int) -> bytes:
    """Return the place of a decision's URI."""
    return b"uri" + pk.to_bytes(8, "big")


def of_finish(delivery_key: str) -> bytes:
    """Return the place of a batch's finishUri; it avoids the batch id, which does not exist yet at sealing."""
    return b"finish" + delivery_key.encode()


def of_download(delivery_key: str) -> bytes:
    """Return the place of a batch's itemDownloadUri."""
    return b"download" + delivery_key.encode()


def of_hook(uuid: UUID) -> bytes:
    """Return the place of a raw hook, in a journal and in its row."""
    return b"hook" + uuid.bytes
