"""pycurl's multi handle driven by epoll: the work per call does not grow with the number of pending calls."""

import select
import time

import pycurl

# Longest single wait, in seconds, so that the caller's clock and stop are checked in time.
TICK = 0.25


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
