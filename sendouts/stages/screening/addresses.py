"""The addresses of a batch, looked at before anybody accepts: may they be called, and which contacts share one?"""

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from urllib.parse import urljoin

from actions.secrets.at_rest import AtRest
from actions.secrets.keys import CannotOpen, keyring
from outbound.guard import MAX_URI, AllowList, Refused
from sendouts import lifecycle
from sendouts.models import Attention, Batch, Decision
from sendouts.models.attention import AttentionData
from sendouts.models.decision import rows_of
from sendouts.privacy import sealing
from sendouts.services.hosts import platform

# Contacts whose address is opened, to name the hosts of those that may not be called; and how many hosts are named.
LOOKED_AT = 200
MOST_HOSTS = 5
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# A relative address begins like this. “gate.example.com/17” does not: it may be a host without its scheme.
_RELATIVE = re.compile(r"[/?]|\.{1,2}/|[^/?#.:]+(?:[/?#]|$)")

_as_number = struct.Struct(">q").unpack


class Addresses:
    """Reader of the URIs of contacts. `base`: the URI of their file, for relative ones; empty for a hook."""

    def __init__(self, base: str = "", allow: AllowList | None = None) -> None:
        self._base = base
        self._allow = platform().allow if allow is None else allow

    def read(self, uri: str) -> tuple[str, int | None]:
        """Return the URI to call, and its mark; no mark if it may not be called."""
        if not uri:
            return uri, None
        if self._base and not _ABSOLUTE.match(uri) and _RELATIVE.match(uri):
            try:
                uri = urljoin(self._base, uri)
            except ValueError:
                return uri, None
        try:
            # Spellings of one URI have one mark: capitals in the host, its usual port, a fragment.
            called = self._allow.check_uri(uri).uri
        except Refused:
            return uri, None
        return uri, _mark(called.encode())

    def read_all(self, uris: Sequence[str]) -> Iterator[tuple[bytes, int | None]]:
        """Read many as `read` does, and yield them as bytes. Most are at one host, and written as they are called."""
        home = self._find_home(uris)
        for uri in uris:
            if home and uri.startswith(home):
                called = uri.encode()
                yield called, _mark(called)
            else:
                address, mark = self.read(uri)
                yield address.encode(), mark

    def _find_home(self, uris: Sequence[str]) -> str:
        """Return how those of the URIs begin that are called as written; "" if some need a closer look."""
        text = "".join(uris)
        plain = text.isascii() and text.isprintable() and " " not in text and "#" not in text
        if not plain or max(map(len, uris), default=0) > MAX_URI:
            return ""
        try:
            return self._allow.check_uri(next(filter(None, uris), "")).base
        except Refused:
            return ""


def _mark(called: bytes) -> int:
    mark: int = _as_number(blake2b(called, digest_size=8).digest())[0]
    return mark


def find_trouble(batch: Batch, refused: int, first: Iterable[tuple[int, AtRest]]) -> tuple[str, AttentionData]:
    """Return the attention that addresses of a batch need, which may not be called.

    refused: how many contacts have such an address; first: the first of them, with their sealed URIs.
    """
    allow, keys = platform().allow, keyring()
    try:
        finish = keys.open(batch.finish_uri, sealing.of_finish(batch.delivery_key)).decode()
    except CannotOpen:
        # Finishing says so, and waits for the key.
        finish = ""
    found = dict.fromkeys(filter(None, [_why_not(allow, finish) if finish else None]))
    data: AttentionData = {"finish": True} if found else {}
    for pk, sealed in first:
        if why := _why_not(allow, keys.open(sealed, sealing.of_decision(pk)).decode()):
            found[why] = None
    if not found:
        return "", {}
    hosts = list(found)[:MOST_HOSTS]
    data |= {"rows": refused, "code": hosts[0][0], "host": hosts[0][1]}
    data["hosts"] = [host for code, host in hosts if code == "host_not_listed"]
    before, about = lifecycle.found_in_hook(batch)
    if before:
        data["hook"] = [before, about]
    return Attention.HOST_NOT_LISTED, data


def find_refused(batch_id: int) -> tuple[int, list[tuple[int, AtRest]]]:
    """Return how many contacts of a batch have an address that may not be called, and the first of them."""
    rows = Decision.objects.filter(rows_of(batch_id), uri_mark__isnull=True).exclude(uri=b"")
    first = [(pk, AtRest(bytes(uri))) for pk, uri in rows.order_by("pk").values_list("pk", "uri")[:LOOKED_AT]]
    return (rows.count() if len(first) == LOOKED_AT else len(first)), first


def _why_not(allow: AllowList, uri: str) -> tuple[str, str] | None:
    try:
        allow.check_uri(uri)
    except Refused as refusal:
        relative = refusal.code == "bad_uri" and not _ABSOLUTE.match(uri)
        return ("relative" if relative else refusal.code), refusal.host
    return None
