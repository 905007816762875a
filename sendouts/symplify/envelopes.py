"""Unpack the body of a request: its Content-Encoding and its charset."""

import codecs
import re
import zlib

from sendouts.symplify.plain import is_utf8

GZIP = b"\x1f\x8b"
# Maximum number of compressions around a body, and of members in one gzip stream: each costs a copy of the rest.
_MAX_LAYERS, _MAX_MEMBERS = 3, 100
_WBITS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
# Codecs of Python that are no charset of a text on the wire.
_NO_CHARSETS = re.compile(r"escape|punycode|idna|undefined|utf-8-sig")


class TooLarge(ValueError):
    """The body is longer than allowed once it is unpacked."""


def unpack(body: bytes, encodings: str, content_type: str, most: int) -> bytes:
    """Return the body without compression and in UTF-8, or as it came if that is not possible. Raises TooLarge.

    encodings: the header Content-Encoding. gzip is recognised by its first bytes too; a name that is no compression is
    ignored. Never inflates more than `most` bytes.
    """
    names = [name.strip() for name in encodings.lower().split(",")]
    for name in names[: -_MAX_LAYERS - 1 : -1]:
        body = inflate(body, name, most) or body
    for _ in range(_MAX_LAYERS):
        if not body.startswith(GZIP):
            break
        body = inflate(body, "gzip", most) or body
    body = _to_utf8(body, content_type)
    if len(body) > most:
        raise TooLarge
    return body


def inflate(body: bytes, encoding: str, most: int) -> bytes | None:
    """Return the plain bytes; None if the body is not whole or not compressed in this way. Raises TooLarge."""
    for wbits in _WBITS.get(encoding, ()):
        if (plain := _inflate(body, wbits, most)) is not None:
            return plain
    return None


def _inflate(body: bytes, wbits: int, most: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    for _ in range(_MAX_MEMBERS):
        inflater = zlib.decompressobj(wbits)
        try:
            part = inflater.decompress(body, most - size + 1)
        except zlib.error:
            return None
        parts.append(part)
        size += len(part)
        if size > most:
            raise TooLarge
        if not inflater.eof:
            return None
        body = inflater.unused_data.lstrip(b"\0")
        if not body:
            return b"".join(parts)
    return None


def _to_utf8(body: bytes, content_type: str) -> bytes:
    """Return a text in its declared charset as UTF-8, unless it is UTF-8 already: JSON has no other charset."""
    found = _CHARSET.search(content_type)
    if found is None:
        return body
    try:
        if _NO_CHARSETS.search(codecs.lookup(found[1]).name) or (not body.isascii() and is_utf8(body)):
            return body
        return body.decode(found[1]).encode()
    except (LookupError, ValueError):
        return body
