"""Frames of a kept file: each is encrypted, and bound to its file, its place and the end. Free of Django.

    length (4) | whether it is the last (1) | random nonce (12) | ciphertext and tag (AES-256-GCM)

The last frame holds JSON about the end. A file without it was cut, and a frame that was moved does not open.
"""

import json
import os
import struct
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
HEAD = struct.Struct(">IB")
_NONCE_BYTES = 12
# A longer frame was never written: its length is damage.
MAX_FRAME = 1 << 26


class Damaged(Exception):
    """A frame is not the one that was written at this place."""


class FrameCipher:
    """Seals and opens the frames of one file, by its own random key."""

    def __init__(self, key: bytes, token: str) -> None:
        self._cipher = AESGCM(key)
        self._token = token.encode()

    def seal(self, number: int, plain: bytes) -> bytes:
        """Return the frame with this number."""
        return self._seal(number, plain, last=False)

    def seal_end(self, number: int, end: dict[str, Any]) -> bytes:
        """Return the last frame."""
        return self._seal(number, json.dumps(end).encode(), last=True)

    def _seal(self, number: int, plain: bytes, *, last: bool) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plain, self._place(number, last))
        return HEAD.pack(len(sealed), last) + sealed

    def open(self, number: int, frame: bytes) -> tuple[bytes, bool]:
        """Return the plain bytes of a frame and whether it is the last one; raise Damaged."""
        _, last = HEAD.unpack_from(frame)
        nonce = frame[HEAD.size : HEAD.size + _NONCE_BYTES]
        try:
            plain = self._cipher.decrypt(nonce, frame[HEAD.size + _NONCE_BYTES :], self._place(number, bool(last)))
        except (InvalidTag, ValueError):
            raise Damaged from None
        return plain, bool(last)

    def _place(self, number: int, last: bool) -> bytes:
        return self._token + number.to_bytes(8, "big") + bytes([last])
