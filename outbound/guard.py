"""Rules on permitted outbound calls: URIs, and the addresses behind their host names."""

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, urljoin

import idna

from outbound.addresses import is_private, is_public, read_address

PORTS = {"http": 80, "https": 443}
MAX_URI = 8_000
# The platform must get back exactly what it wrote, so only what HTTP cannot carry is encoded: spaces and letters that
# are not ASCII.
_KEPT_IN_PATH = string.punctuation

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(/[^?#]*)?(\?[^#]*)?(?:#.*)?", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN = re.compile(r"[\x21-\x7e]*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")


class Refused(Exception):
    """The gateway may not call this host.

    `code` is one of scheme, userinfo, host_not_listed, bad_uri, private_address. The text contains the host and the
    code, never path or query. It is not an OSError, since HTTP libraries retry those.
    """

    def __init__(self, code: str, host: str) -> None:
        super().__init__(f"{host or 'the URI'}: {code}")
        self.code = code
        self.host = host


@dataclass(frozen=True, slots=True)
class Target:
    """A permitted URI, as a whole in `uri`, and its parts.

    HTTP libraries rewrite paths. Give them `base`, and put `path` (with the query) into the request line.
    """

    scheme: str
    host: str
    port: int
    may_be_private: bool
    uri: str = field(default="", repr=False)

    @property
    def base(self) -> str:
        return self.uri[: len(self.uri) - len(self.path)] + "/"

    @property
    def path(self) -> str:
        _, slash, path = self.uri.partition("://")[2].partition("/")
        return slash + path


@dataclass(frozen=True, slots=True)
class AllowList:
    """The hosts that may be called. Immutable and hashable; compared by content.

    `hosts` are names for any port; `pairs` are (name or address, port); `addresses` are for any port; `suffixes` start
    with a dot and match the names below them, not the bare name.
    """

    hosts: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, int]] = frozenset()
    addresses: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    allow_http: bool = False

    @classmethod
    def parse(cls, entries: Iterable[str], allow_http: bool) -> "AllowList":
        """Read entries `host`, `host:port`, `.suffix`, or an address with or without port; skip blank ones.

        Raise ValueError for the first entry of another form, or for an address that is neither public nor private.
        """
        hosts, pairs, addresses, suffixes = set(), set(), set(), set()
        for entry in entries:
            text = entry.strip()
            if not text:
                continue
            try:
                if text.startswith("."):
                    suffixes.add("." + _read_name(text[1:]))
                    continue
                host, port, is_address = _read_entry(text)
            except ValueError as error:
                raise ValueError(f"{entry!r} is no host, host:port, .suffix or address to call: {error}") from error
            if port is not None:
                pairs.add((host, port))
            elif is_address:
                addresses.add(host)
            else:
                hosts.add(host)
        return cls(frozenset(hosts), frozenset(pairs), frozenset(addresses), tuple(sorted(suffixes)), allow_http)

    def check_uri(self, uri: str) -> Target:
        """Return the target of a URI; raise Refused."""
        readable = isinstance(uri, str) and len(uri) <= MAX_URI and not _CONTROL.search(uri)
        match = _URI.fullmatch(uri) if readable else None
        if match is None:
            raise Refused("bad_uri", "")
        scheme, authority, path, query = match.groups()
        target = _check_authority(self, scheme, authority)
        rest = (path or "/") + (query or "")
        if not _PLAIN.fullmatch(rest):
            try:
                rest = quote(rest, safe=_KEPT_IN_PATH)
            except UnicodeEncodeError:
                # A lone surrogate has no UTF-8 form, so no such URI exists. Raised below, so that its context omits the
                # text.
                rest = ""
        if not rest:
            raise Refused("bad_uri", target.host)
        return Target(target.scheme, target.host, target.port, target.may_be_private, target.uri + rest)

    def check_host(self, scheme: str, host: str, port: int) -> Target:
        """Return the target of a connection about to be opened; raise Refused. IPv6 with or without brackets."""
        name = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return _check_authority(self, scheme, f"{name}:{port}")


def address_allowed(ip: str, target: Target) -> bool:
    """Return whether the dialled address is allowed for the target. `ip` is numeric; a zone is refused."""
    address = read_address(ip)
    if address is None:
        return False
    literal = read_address(target.host)
    if literal is not None and literal != address:
        return False
    return is_public(address) or (target.may_be_private and is_private(address))


def resolve(base: str, reference: str) -> str:
    """Return the URI that a Location header means at `base`, with path and query as they are written."""
    found = _URI.fullmatch(base)
    if found is None or _SCHEME.match(reference):
        return reference
    scheme, authority, path, _ = found.groups()
    if reference.startswith("//"):
        return f"{scheme}:{reference}"
    if reference.startswith("/"):
        return f"{scheme}://{authority}{reference}"
    if reference.startswith("?"):
        return f"{scheme}://{authority}{path or '/'}{reference}"
    return urljoin(base, reference)


def origin(uri: str) -> str:
    """Return scheme and authority of a URI, for a comparison; empty if it has none."""
    found = _URI.fullmatch(uri)
    return f"{found[1]}://{found[2]}".lower() if found else ""


# Cached per host: a batch contains thousands of URIs, but only one or two hosts.
@lru_cache(maxsize=1024)
def _judge_authority(allow: AllowList, scheme: str, authority: str) -> Target | tuple[str, str]:
    """Return the target without path, or (code, host): a cached exception would keep its callers' frames alive."""
    scheme = scheme.lower()
    if "@" in authority:
        return "userinfo", _shown(authority.rpartition("@")[2])
    try:
        host, port, is_address = _read_host(authority)
    except ValueError:
        return "bad_uri", _shown(authority)
    if scheme not in PORTS or (scheme == "http" and not allow.allow_http):
        return "scheme", host
    port = port or PORTS[scheme]
    paired = (host, port) in allow.pairs
    if is_address:
        listed = paired or host in allow.addresses
        may_be_private = listed
    else:
        listed = paired or host in allow.hosts or any(host.endswith(suffix) for suffix in allow.suffixes)
        may_be_private = paired
    if not listed:
        return "host_not_listed", host
    shown = f"[{host}]" if ":" in host else host
    base = f"{scheme}://{shown}" if port == PORTS[scheme] else f"{scheme}://{shown}:{port}"
    return Target(scheme, host, port, may_be_private, base)


def _check_authority(allow: AllowList, scheme: str, authority: str) -> Target:
    verdict = _judge_authority(allow, scheme, authority)
    if isinstance(verdict, tuple):
        raise Refused(*verdict)
    return verdict


def _shown(authority: str) -> str:
    """Return the part of an unreadable authority that may be shown: short, printable, without a possible password."""
    return re.sub(r"[^A-Za-z0-9.:_\-\[\]]", "?", authority)[:100]


def _read_entry(text: str) -> tuple[str, int | None, bool]:
    host, port, is_address = _read_host(f"[{text}]" if read_address(text) and ":" in text else text)
    address = read_address(host)
    if address is not None and not (is_public(address) or is_private(address)):
        raise ValueError("this address is neither public nor private")
    return host, port, is_address


def _read_host(authority: str) -> tuple[str, int | None, bool]:
    """Return (host, port or None, whether it is an address) of `host` or `[v6]`, each with or without port."""
    if authority.startswith("["):
        inside, bracket, rest = authority[1:].partition("]")
        address = read_address(inside)
        if not bracket or address is None or address.version != 6 or (rest and not rest.startswith(":")):
            raise ValueError("not an IPv6 address in brackets")
        return str(address), _read_port(rest[1:]), True
    name, colon, port = authority.partition(":")
    number = _read_port(port) if colon else None
    host = _read_name(name)
    return host, number, read_address(host) is not None


def _read_port(text: str) -> int | None:
    if not text:
        return None
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= 65_535:
        raise ValueError("not a port")
    return int(text)


def _read_name(text: str) -> str:
    """Return a host name in the form for comparison, or four decimal numbers; raise ValueError.

    The form is IDNA, in lower case, without a trailing dot.
    """
    name = text if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
    name = name.lower()
    name = name[:-1] if name.endswith(".") else name
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("not a host name")
    # Some resolvers read a name that ends in a number as an address (0x7f.1, 2130706433, 0177.0.0.1). Accept only the
    # one spelling that all resolvers read alike.
    if _NUMBER.fullmatch(labels[-1]) and read_address(name) is None:
        raise ValueError("an address in an unusual form")
    return name
