"""Small HTTP server whose every answer is written by the test."""

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Request:
    """One request as it was read; `connection` counts from 1."""

    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    local_ip: str
    wire: socket.socket = field(repr=False)


def reply(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """An answer with Content-Length; header names are written with _ for -."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def reset(request: Request) -> bytes:
    """Break the connection off with a reset."""
    request.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return b""


class Site:
    """Listens on a free port; `answer(request)` gives the bytes to send, b"" to close the connection instead.

    An answer that says Connection: close is the last of its connection. `wrap` puts TLS on an accepted socket.
    """

    def __init__(
        self,
        answer: Callable[[Request], bytes],
        host: str = "127.0.0.1",
        wrap: Callable[[socket.socket], socket.socket] | None = None,
    ) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.connections = 0
        self.under_way = 0
        self.most_at_once = 0
        self._wrap = wrap
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=512)
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def uri(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        """A URI of this site."""
        return f"{scheme}://{host}:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(wire)
                thread = threading.Thread(target=self._serve, args=(wire, self.connections), daemon=True)
                self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket, number: int) -> None:
        wire = accepted
        try:
            wire = self._wrap(accepted) if self._wrap else accepted
            self._talk(wire, number)
        except OSError:
            pass
        finally:
            wire.close()
            accepted.close()

    def _talk(self, wire: socket.socket, number: int) -> None:
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                data = wire.recv(65_536)
                if not data:
                    return
                received += data
            head, _, received = received.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            parted = (line.partition(":") for line in lines)
            headers = {name: value.strip() for name, _, value in parted}
            if headers.get("Expect") == "100-continue":
                wire.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = int(headers.get("Content-Length", "0"))
            while len(received) < length:
                received += wire.recv(65_536)
            body, received = received[:length], received[length:]
            method, path, _ = first.split(" ")
            request = Request(number, method, path, headers, body, wire.getsockname()[0], wire)
            with self._lock:
                self.requests.append(request)
                self.under_way += 1
                self.most_at_once = max(self.most_at_once, self.under_way)
            try:
                answer = self.answer(request)
            finally:
                with self._lock:
                    self.under_way -= 1
            if not answer:
                return
            wire.sendall(answer)
            if b"connection: close" in answer.lower():
                return

    def close(self) -> None:
        """Close everything and wait for the threads; a second time does nothing."""
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(5)
        with self._lock:
            for wire in self._open:
                try:
                    wire.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
        for thread in self._threads:
            thread.join(5)
