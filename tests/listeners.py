"""Receivers of alarms over real SMTP and HTTP: a mail server and a chat service that can also fail."""

import json
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Post(socketserver.ThreadingTCPServer):
    """A mail server: `mails` are what it took; `answer` is what it says to the data of a mail (empty: it hangs up)."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Postman)
        self.mails: list[Any] = []
        self.answer = "250 taken"


class Postman(socketserver.StreamRequestHandler):
    server: Post

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                self._say("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                if self.server.answer.startswith("2") or not self.server.answer:
                    self.server.mails.append(message_from_bytes(text, policy=policy.default))
                if not self.server.answer:
                    return
                self._say(self.server.answer)
            else:
                self._say("221 bye" if word == "QUIT" else "250 fine")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Chat(ThreadingHTTPServer):
    """A chat service: `posts` are what it got; `status` and `said` are what it answers (0: it hangs up)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Poster)
        self.said = b""
        self.posts: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.status = 200
        self.retry_after = ""


class Poster(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heads.append({name.lower(): value for name, value in self.headers.items()})
        self.server.posts.append(json.loads(self.server.bodies[-1]))
        if self.server.status:
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(self.server.said)))
            if self.server.retry_after:
                self.send_header("Retry-After", self.server.retry_after)
            self.end_headers()
            self.wfile.write(self.server.said)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def running(server: Any) -> Iterator[Any]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
