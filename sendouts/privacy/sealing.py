"""The platform's URIs and the raw hooks as they lie on a disk: sealed with AES-256-GCM, under keys made of ENCRYPTION_KEYS.

    0x01 | name of the key (4) | random nonce (12) | what was sealed, and its tag (16)

Everything else is as it came, so that a deployment may begin without keys. What would look sealed and is not has 0x00 before it;
empty stays empty, which queries ask for. A sealed value is bound to its place: moved to another row, it does not open.
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
    """The first key seals, each of them opens; a sealed value names its key. May be used from several threads."""

    def __init__(self, keys: Sequence[str]) -> None:
        derived = [_derive(key) for key in keys]
        self._ciphers = dict(derived)
        self._seal: Callable[[bytes, bytes, bytes], bytes] | None = None
        # What every value begins with that the first key has sealed; empty without keys.
        self.head = b""
        if derived:
            name, cipher = derived[0]
            self.head, self._seal = _SEALED + name, cipher.encrypt

    def seal(self, plain: bytes, place: bytes) -> AtRest:
        """The form in which a value may be written to a disk, at this place and no other."""
        if not plain:
            return AtRest(b"")
        if self._seal is None:
            return AtRest(_AS_IT_IS + plain if plain[:1] in (_AS_IT_IS, _SEALED) else plain)
        nonce = os.urandom(_NONCE_BYTES)
        return AtRest(self.head + nonce + self._seal(nonce, plain, place))

    def is_current(self, stored: bytes | memoryview) -> bool:
        """Whether a value is as it would be written today: sealed with the first key, or not at all without keys."""
        stored = bytes(stored)
        return not stored or (stored.startswith(self.head) if self.head else stored[:1] != _SEALED)

    def open(self, stored: bytes | memoryview, place: bytes) -> bytes:
        """What was stored at this place; raises CannotOpen where it is sealed and no key opens it."""
        stored = bytes(stored)
        if stored[:1] != _SEALED:
            return stored[1:] if stored[:1] == _AS_IT_IS else stored
        cipher = self._ciphers.get(stored[_NAME])
        if cipher is None:
            raise CannotOpen
        try:
            return cipher.decrypt(stored[_NONCE], stored[_REST], place)
        except (InvalidTag, ValueError):
            # Damaged, cut off, or brought here from another place.
            raise CannotOpen from None

    def seal_again(self, stored: bytes | memoryview, place: bytes) -> AtRest:
        """The same under the first key; raises CannotOpen."""
        return self.seal(self.open(stored, place), place)


def keyring() -> Keyring:
    """The keys of this deployment."""
    return _keyring(tuple(settings.ENCRYPTION_KEYS))


@lru_cache(maxsize=8)
def _keyring(keys: tuple[str, ...]) -> Keyring:
    return Keyring(keys)


def _derive(key: str) -> tuple[bytes, AESGCM]:
    """The name and the cipher that one Fernet key gives for this purpose; neither tells anything about that key."""
    made = HKDF(SHA256(), length=36, salt=None, info=_PURPOSE).derive(urlsafe_b64decode(key))
    return made[:4], AESGCM(made[4:])


def of_decision(pk: int) -> bytes:
    """The place of a decision's URI."""
    return b"uri" + pk.to_bytes(8, "big")


def of_finish(delivery_key: str) -> bytes:
    """The place of a batch's finishUri; the batch has no id yet when it is sealed."""
    return b"finish" + delivery_key.encode()


def of_download(delivery_key: str) -> bytes:
    """The place of a batch's itemDownloadUri."""
    return b"download" + delivery_key.encode()


def of_hook(uuid: UUID) -> bytes:
    """The place of a raw hook, in a journal and in its row."""
    return b"hook" + uuid.bytes
