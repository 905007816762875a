"""One easy handle of libcurl, made ready once and used for many calls."""

import socket
from collections.abc import Mapping
from typing import Any

import certifi
import pycurl

from outbound.guard import Target, address_allowed

# Of an answer's body nothing is used; beyond this many bytes the connection is dropped, and the status stands.
MAX_BODY = 64 * 1024
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE", "GET"})


class Opened(socket.socket):
    """A socket for libcurl, which works on a copy of its descriptor: ours closes as soon as it was copied."""

    def __del__(self) -> None:
        self.close()


class Transfer:
    """A handle, and what is known of the call that it carries.

    `sent` says that the request may have left; `refused` that the guard refused every address it was asked about.
    """

    def __init__(self, method: str, headers: list[bytes], timeout: float, connect_timeout: float) -> None:
        self.key: Any = None
        self.number = 0
        self.stalled_before = 0.0
        self.target: Target | None = None
        self.sent = False
        self.dialled = False
        self.refused = False
        self.fault: BaseException | None = None
        handle = self.handle = pycurl.Curl()
        handle.transfer = self
        _set_method(handle, method)
        handle.setopt(pycurl.HTTPHEADER, headers)
        handle.setopt(pycurl.USERAGENT, "send-gate")
        handle.setopt(pycurl.TIMEOUT_MS, int(timeout * 1000))
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, int(connect_timeout * 1000))
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.HTTP09_ALLOWED, 0)
        handle.setopt(pycurl.FOLLOWLOCATION, 0)
        handle.setopt(pycurl.PATH_AS_IS, 1)
        handle.setopt(pycurl.PROXY, "")
        handle.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        handle.setopt(pycurl.CAINFO, certifi.where())
        # len() takes every block and keeps none: the cheapest way to throw a body away.
        handle.setopt(pycurl.WRITEFUNCTION, len)
        handle.setopt(pycurl.MAXFILESIZE, MAX_BODY)
        handle.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        handle.setopt(pycurl.PREREQFUNCTION, self._about_to_send)

    def load(self, key: Any, number: int, target: Target, stalled: float) -> None:
        """Make the handle ready for one call."""
        self.key, self.number, self.target, self.stalled_before = key, number, target, stalled
        self.sent = self.dialled = self.refused = False
        self.handle.setopt(pycurl.URL, target.uri)

    def _open_socket(self, purpose: int, address: tuple[int, int, int, tuple[Any, ...]]) -> socket.socket | int:
        # libcurl prints and drops what a callback raises: it is kept here, and the fan-out raises it.
        try:
            family, kind, protocol, endpoint = address
            if family not in (socket.AF_INET, socket.AF_INET6) or self.target is None:
                return pycurl.SOCKET_BAD
            ip = endpoint[0].decode() if isinstance(endpoint[0], bytes) else endpoint[0]
            if not address_allowed(ip, self.target):
                self.refused = True
                return pycurl.SOCKET_BAD
            self.dialled = True
            return Opened(family, kind, protocol)
        except BaseException as fault:
            self.fault = fault
            return pycurl.SOCKET_BAD

    def _about_to_send(self, *where: object) -> int:
        # libcurl repeats a request by itself when a kept connection died under it. Whether the first one took effect is
        # unknown then, and only the caller may decide to repeat.
        try:
            if self.sent:
                return pycurl.PREREQFUNC_ABORT
            self.sent = True
            return pycurl.PREREQFUNC_OK
        except BaseException as fault:
            self.fault = fault
            return pycurl.PREREQFUNC_ABORT

    def status(self) -> int:
        """The status of the answer, 0 when none came."""
        status: int = self.handle.getinfo(pycurl.RESPONSE_CODE)
        # 1xx says that an answer will come.
        return status if status >= 200 else 0

    def failure(self) -> str:
        """The one word for a call that ended without status."""
        if self.sent:
            return "lost"
        return "refused" if self.refused and not self.dialled else "unsent"

    def retry_after(self) -> float | None:
        """Seconds that the answer asks to wait; a date was made seconds by libcurl."""
        seconds = self.handle.getinfo(pycurl.RETRY_AFTER)
        return float(seconds) if seconds > 0 else None

    def seconds(self) -> float:
        """How long the call took in all."""
        taken: float = self.handle.getinfo(pycurl.TOTAL_TIME)
        return taken

    def latency(self) -> float:
        """From the request to the answer's first byte: what the other side took, connecting left aside."""
        latency: float = self.handle.getinfo(pycurl.STARTTRANSFER_TIME) - self.handle.getinfo(pycurl.PRETRANSFER_TIME)
        return latency


def header_lines(headers: Mapping[str, str]) -> list[bytes]:
    """Headers as libcurl takes them; ValueError where one would add a line of its own."""
    lines = {"expect": "Expect:", "content-type": "Content-Type:"}
    for name, value in headers.items():
        if not name or ":" in name or any(mark in name + value for mark in "\r\n\0"):
            raise ValueError(f"header {name!r} cannot be sent")
        if name.lower() in ("host", "content-length", "transfer-encoding"):
            raise ValueError(f"header {name!r} is not a setting")
        lines[name.lower()] = f"{name}: {value}" if value else f"{name};"
    return [line.encode("latin-1") for line in lines.values()]


def method_name(method: str) -> str:
    """The method in capitals; ValueError where it is none that these calls can use."""
    if method.upper() not in METHODS:
        raise ValueError(f"method {method!r} is not one of {', '.join(sorted(METHODS))}")
    return method.upper()


def _set_method(handle: pycurl.Curl, method: str) -> None:
    if method == "GET":
        handle.setopt(pycurl.HTTPGET, 1)
        return
    # Everything else carries an empty body, so that Content-Length: 0 is said.
    handle.setopt(pycurl.POST, 1)
    handle.setopt(pycurl.POSTFIELDS, "")
    if method != "POST":
        handle.setopt(pycurl.CUSTOMREQUEST, method)
