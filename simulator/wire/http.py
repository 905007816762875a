"""HTTP/1.1 server: each connection answers its requests in order, and can break off at any point."""

from __future__ import annotations

import asyncio
import socket
import struct
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httptools

from simulator.wire.replies import Manner, Pace, Reply, head, json_body, whole

# The largest sensible bodies are control requests that give rows.
MAX_BODY = 64 * 1024 * 1024
# Number of pipelined requests after which reading pauses until the first ones are answered.
MAX_WAITING = 128
# Paths whose headers are parsed; calls to other paths come in hundreds of thousands and skip that cost.
READS_HEADERS = (b"/receive/", b"/consent/", b"/rest/", b"/oauth/")

Result = Reply | Coroutine[Any, Any, Reply]
Handler = Callable[["Request"], Result]


@dataclass(frozen=True, slots=True)
class Request:
    """One complete request; `target` includes the query.

    `headers` have lower-case names and are kept only for READS_HEADERS.
    """

    method: bytes
    target: bytes
    body: bytes
    keep_alive: bool
    headers: Mapping[str, str]


class Connection(asyncio.Protocol):
    """Connection that parses requests, hands each to the handler in turn, and sends the reply in its manner."""

    def __init__(self, handle: Handler, loop: asyncio.AbstractEventLoop) -> None:
        self.handle = handle
        self.loop = loop
        self.queue: deque[Request] = deque()
        self.busy = False
        self.closed = False
        self.broken = False
        self.reading = True
        self.request: Request | None = None
        self.reply: Reply | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        self.writable: asyncio.Event | None = None
        self.target = b""
        self.body: list[bytes] = []
        self.headers: dict[str, str] = {}
        self.size = 0

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        if self.broken:
            return
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self.timer is not None:
            self.timer.cancel()
        if self.task is not None:
            self.task.cancel()
        if self.reply is not None and self.reply.lost is not None:
            self.reply.lost()
        if self.writable is not None:
            self.writable.set()
        self.queue.clear()

    def pause_writing(self) -> None:
        self.writable = self.writable or asyncio.Event()
        self.writable.clear()

    def resume_writing(self) -> None:
        if self.writable is not None:
            self.writable.set()

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        self.target = b""
        self.body = []
        self.headers = {}
        self.size = 0

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"expect" and not self.busy and not self.queue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.target.startswith(READS_HEADERS):
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.size += len(body)
        if self.size > MAX_BODY:
            self._refuse(413)
        else:
            self.body.append(body)

    def on_message_complete(self) -> None:
        if self.broken:
            return
        parser = self.parser
        body = b"".join(self.body) if self.body else b""
        self.queue.append(Request(parser.get_method(), self.target, body, parser.should_keep_alive(), self.headers))
        if not self.busy:
            self._next()
        elif len(self.queue) > MAX_WAITING and self.reading:
            self.reading = False
            self.transport.pause_reading()

    # Replies.

    def _next(self) -> None:
        while self.queue and not self.busy and not self.closed:
            self.busy = True
            self.request = self.queue.popleft()
            try:
                result = self.handle(self.request)
            except Exception:
                result = self._failure()
            if isinstance(result, Reply):
                self._due(result)
            else:
                self.task = self.loop.create_task(self._answer_later(result))
        if not self.reading and not self.queue and not self.closed:
            self.reading = True
            self.transport.resume_reading()

    def _due(self, reply: Reply) -> None:
        if reply.delay > 0:
            self.reply = reply
            self.timer = self.loop.call_later(reply.delay, self._after_delay, reply)
        else:
            self._send(reply)

    def _after_delay(self, reply: Reply) -> None:
        self.timer = None
        self._send(reply)
        self._next()

    async def _answer_later(self, work: Coroutine[Any, Any, Reply]) -> None:
        try:
            reply = await work
        except Exception:
            reply = self._failure()
        if not self.closed:
            self.task = None
            self._due(reply)
            self._next()

    def _send(self, reply: Reply) -> None:
        if reply.manner is Manner.HANG:
            return
        if reply.manner is Manner.RESET:
            self._reset()
        elif reply.stream is not None or reply.pace is not None:
            self.reply = reply
            self.task = self.loop.create_task(self._stream(reply))
        else:
            self.transport.write(self._without_body(reply.wire))
            self._sent(reply)

    def _sent(self, reply: Reply) -> None:
        self.reply = None
        self.busy = False
        if reply.close or (self.request is not None and not self.request.keep_alive):
            self.closed = True
            self.transport.close()

    async def _stream(self, reply: Reply) -> None:
        try:
            async for piece in _pieces(reply):
                self.transport.write(piece)
                if self.writable is not None:
                    await asyncio.wait_for(self.writable.wait(), reply.patience)
                # The pieces are made on the event loop's thread: give other connections a turn between two of them.
                await asyncio.sleep(reply.pace.interval if reply.pace else 0)
                if self.closed:
                    return
        except TimeoutError:
            self._reset()
            return
        except Exception:
            # The head is already sent: a body that fails must not look complete.
            traceback.print_exc()
            self._reset()
            return
        self.task = None
        self._sent(reply)
        self._next()

    def _without_body(self, wire: bytes) -> bytes:
        if self.request is not None and self.request.method == b"HEAD":
            return wire[: wire.index(b"\r\n\r\n") + 4]
        return wire

    def _reset(self) -> None:
        """Make the kernel send RST: the client sees a reset, not an end."""
        self.closed = True
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _refuse(self, status: int) -> None:
        if not self.broken:
            self.broken = True
            if not self.busy:
                self.transport.write(head(status, [("Content-Length", "0"), ("Connection", "close")]))
            self.transport.close()

    def _failure(self) -> Reply:
        traceback.print_exc()
        return Reply(whole(500, json_body({"error": "The simulator itself failed; its stderr says how."})), close=True)


async def _pieces(reply: Reply) -> AsyncIterator[bytes]:
    """Yield the reply piece by piece, split to its pace if it has one."""
    if reply.wire:
        for piece in _cut(reply.wire, reply.pace):
            yield piece
    if reply.stream is not None:
        async for block in reply.stream:
            for piece in _cut(block, reply.pace):
                yield piece


def _cut(block: bytes, pace: Pace | None) -> list[bytes]:
    if pace is None:
        return [block]
    return [block[start : start + pace.size] for start in range(0, len(block), pace.size)]
