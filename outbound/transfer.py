"""libcurl for many calls: an easy handle that is configured once, and the epoll loop that drives a multi handle."""

import select
import socket
import time
from collections.abc import Mapping
from typing import Any

import certifi
import pycurl

from outbound.body import MAX_BODY
from outbound.guard import Target, address_allowed

# Longest single wait, in seconds, so that the caller's clock and stop are checked in time.
TICK = 0.25

METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE", "GET"})


class Opened(socket.socket):
    """A socket for libcurl, which uses a duplicate of its descriptor: ours closes once it is duplicated."""

    def __del__(self) -> None:
        self.close()


class Transfer:
    """A handle, and the state of its current call.

    `sent`: the request may have left. `refused`: the guard refused every address of the host. `body`: what came of
    the answer's body, up to MAX_BODY. `cut`: the connection broke before its end.
    """

    def __init__(self, method: str, headers: list[bytes], timeout: float, connect_timeout: float) -> None:
        self.key: Any = None
        self.number = 0
        self.stalled_before = 0.0
        self.target: Target | None = None
        self.sent = False
        self.dialled = False
        self.refused = False
        self.body = b""
        self.cut = False
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
        handle.setopt(pycurl.WRITEFUNCTION, self._keep)
        handle.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        handle.setopt(pycurl.PREREQFUNCTION, self._allow_first_send)

    def load(self, key: Any, number: int, target: Target, stalled: float) -> None:
        """Prepare the handle for one call."""
        self.key, self.number, self.target, self.stalled_before = key, number, target, stalled
        self.sent = self.dialled = self.refused = False
        self.body, self.cut = b"", False
        self.handle.setopt(pycurl.URL, target.base)
        self.handle.setopt(pycurl.REQUEST_TARGET, target.path)

    def _open_socket(self, purpose: int, address: tuple[int, int, int, tuple[Any, ...]]) -> socket.socket | int:
        # libcurl prints and drops exceptions of callbacks: keep the exception here, so that the fan-out can raise it.
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

    def _allow_first_send(self, *where: object) -> int:
        # libcurl repeats a request if a kept connection died during it. The first request may have taken effect, so
        # only the caller may decide to repeat it.
        try:
            if self.sent:
                return pycurl.PREREQFUNC_ABORT
            self.sent = True
            return pycurl.PREREQFUNC_OK
        except BaseException as fault:
            self.fault = fault
            return pycurl.PREREQFUNC_ABORT

    def _keep(self, block: bytes) -> int:
        # If fewer bytes are returned than came, libcurl drops the connection. The status remains valid.
        self.body += block[: MAX_BODY - len(self.body)]
        return len(block) if len(self.body) < MAX_BODY else 0

    def end(self, error: int) -> None:
        """Note how the transfer ended: 0, or libcurl's code of an error."""
        unannounced = error == pycurl.E_RECV_ERROR and self.handle.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T) < 0
        # Some servers end a body of unannounced length without closing TLS. A body above our limit is not cut, either.
        self.cut = bool(error) and not unannounced and error != pycurl.E_WRITE_ERROR

    def status(self) -> int:
        """Return the status of the answer, 0 if none came."""
        status: int = self.handle.getinfo(pycurl.RESPONSE_CODE)
        # 1xx only announces an answer.
        return status if status >= 200 else 0

    def failure(self) -> str:
        """Return the error word for a call that ended without status."""
        if self.sent:
            return "lost"
        return "refused" if self.refused and not self.dialled else "unsent"

    def retry_after(self) -> float | None:
        """Return the seconds of Retry-After; libcurl converts a date to seconds."""
        seconds = self.handle.getinfo(pycurl.RETRY_AFTER)
        return float(seconds) if seconds > 0 else None

    def seconds(self) -> float:
        """Return the duration of the whole call."""
        taken: float = self.handle.getinfo(pycurl.TOTAL_TIME)
        return taken

    def latency(self) -> float:
        """Return the time from the request to the first byte of the answer, without connecting."""
        latency: float = self.handle.getinfo(pycurl.STARTTRANSFER_TIME) - self.handle.getinfo(pycurl.PRETRANSFER_TIME)
        return latency


def header_lines(headers: Mapping[str, str]) -> list[bytes]:
    """Return headers in the form for libcurl; raise ValueError for one that would add another line."""
    lines = {"expect": "Expect:", "content-type": "Content-Type:"}
    for name, value in headers.items():
        if not name or ":" in name or any(mark in name + value for mark in "\r\n\0"):
            raise ValueError(f"header {name!r} cannot be sent")
        if name.lower() in ("host", "content-length", "transfer-encoding"):
            raise ValueError(f"header {name!r} is not a setting")
        lines[name.lower()] = f"{name}: {value}" if value else f"{name};"
    return [line.encode("latin-1") for line in lines.values()]


def method_name(method: str) -> str:
    """Return the method in capitals; raise ValueError for a method that these calls cannot use."""
    if method.upper() not in METHODS:
        raise ValueError(f"method {method!r} is not one of {', '.join(sorted(METHODS))}")
    return method.upper()


def _set_method(handle: pycurl.Curl, method: str) -> None:
    if method == "GET":
        handle.setopt(pycurl.HTTPGET, 1)
        return
    # All other methods send an empty body, so that Content-Length: 0 is sent.
    handle.setopt(pycurl.POST, 1)
    handle.setopt(pycurl.POSTFIELDS, "")
    if method != "POST":
        handle.setopt(pycurl.CUSTOMREQUEST, method)


class Poller:
    """Runs the transfers of one CurlMulti in the calling thread.

    CurlMulti.select() would do for few connections, but it spins once a file descriptor is above 1023.
    """

    def __init__(self, connections: int) -> None:
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self.fault: BaseException | None = None
        self._epoll = select.epoll()
        self._wake_at: float | None = None

    def _watch(self, what: int, fd: int, multi: pycurl.CurlMulti, data: object) -> int:
        # libcurl prints and drops exceptions of callbacks: keep the exception here, so that run() can raise it.
        try:
            if what == pycurl.POLL_REMOVE:
                self._forget(fd)
                return 0
            reads = select.EPOLLIN if what & pycurl.POLL_IN else 0
            writes = select.EPOLLOUT if what & pycurl.POLL_OUT else 0
            try:
                self._epoll.modify(fd, reads | writes)
            except FileNotFoundError:
                self._epoll.register(fd, reads | writes)
        except BaseException as fault:
            self.fault = fault
        return 0

    def _forget(self, fd: int) -> None:
        try:
            self._epoll.unregister(fd)
        except OSError:
            # Closing a socket removes it from epoll before libcurl reports it.
            return

    def _set_timer(self, milliseconds: int) -> int:
        try:
            self._wake_at = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000
        except BaseException as fault:
            self.fault = fault
        return 0

    def run(self, wait: float) -> None:
        """Advance every transfer as far as possible, waiting for the network at most `wait` seconds."""
        if self._wake_at is not None:
            wait = min(wait, self._wake_at - time.monotonic())
        for fd, event in self._epoll.poll(max(0.0, wait)):
            bits = (
                (pycurl.CSELECT_IN if event & (select.EPOLLIN | select.EPOLLHUP) else 0)
                | (pycurl.CSELECT_OUT if event & select.EPOLLOUT else 0)
                | (pycurl.CSELECT_ERR if event & select.EPOLLERR else 0)
            )
            self.multi.socket_action(fd, bits)
        if self._wake_at is not None and self._wake_at <= time.monotonic():
            self._wake_at = None
            self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault

    def finished(self) -> list[tuple[pycurl.Curl, int]]:
        """Return and remove the handles that ended since the last call, each with its error, 0 if there is none."""
        ended: list[tuple[pycurl.Curl, int]] = []
        while True:
            more, good, bad = self.multi.info_read()
            ended += [(handle, 0) for handle in good]
            ended += [(handle, error) for handle, error, _ in bad]
            if not more:
                break
        for handle, _ in ended:
            self.multi.remove_handle(handle)
        return ended

    def close(self) -> None:
        """Close every connection."""
        self.multi.close()
        self._epoll.close()
