"""The web server of a door: it accepts from a shared socket, and tells the keeper what it works on."""

import asyncio
import socket
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from itertools import count
from typing import Any

import structlog
import uvicorn
from django.conf import settings

from gateway.run import keeper
from gateway.run.hook_protocol import HookProtocol
from sendouts.intake.door import PATH

log = structlog.get_logger(__name__)
HOOK = f"POST {PATH}".encode()
# A longer hook is not kept for another door: its bytes would fill the keeper's socket.
MOST_KEPT_BYTES = 1_000_000
RECONNECT_SECONDS = 0.1
# How long a door that ends waits for a keeper, if the last one was killed. Its open connections are served meanwhile.
LEAVE_SECONDS = 3.0


class Work(Enum):
    """What a connection is busy with. OTHER: a page, or a hook that is too long: nobody else may repeat it."""

    NOTHING = auto()
    KEPT_HOOK = auto()
    OTHER = auto()


class KeptProtocol(HookProtocol):
    """HTTP on one connection, of which the keeper knows."""

    link: "Link | None" = None
    number = 0
    begun = b""
    work = Work.NOTHING
    read_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.begun:
            # Another door has read this, and died. Its answer may have left, so no later request may come here.
            self.data_received(self.begun)
            if self.cycle is not None:
                self.cycle.keep_alive = False

    def data_received(self, data: bytes) -> None:
        if self.link is not None:
            self.link.note(self, data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.link is not None:
            self.link.answered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.link is not None:
            self.link.closed(self)

    def shutdown(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.link is not None and not self.transport.get_write_buffer_size() and self.link.give(self):
            # Without a FIN: the next hook may be on its way, and another door reads it.
            self.transport.close()
        else:
            super().shutdown()


class Link:
    """A door's side of the keeper. Never waits: if the keeper is slow or gone, hooks go on without it."""

    def __init__(self, name: str, take: Callable[[socket.socket, bytes], None]) -> None:
        self._name = name
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._wire: socket.socket | None = None
        self._open: dict[int, KeptProtocol] = {}
        self._given: socket.socket | None = None
        self._log: list[bytes] = []
        # Connections that were answered in this turn of the loop.
        self._answered: dict[int, KeptProtocol] = {}
        self._connect()

    def opened(self, number: int, connection: socket.socket) -> None:
        """Keep a connection from its first moment, before anything else is done with it."""
        self._send(keeper.OPENED, number, b"", connection.fileno())

    def adopted(self, number: int) -> None:
        """Say that the oldest connection that was given is served."""
        self._send(keeper.ADOPTED, number)

    def made(self, protocol: KeptProtocol) -> None:
        self._open[protocol.number] = protocol

    def note(self, protocol: KeptProtocol, data: bytes) -> None:
        """Keep bytes of a hook before they are worked on."""
        if protocol.number in self._answered:
            # The sender was faster than the next turn of the loop.
            self._tell_answered()
        if protocol.work is Work.NOTHING:
            protocol.read_bytes = 0
            is_hook = data.startswith(HOOK) or HOOK.startswith(data)
            protocol.work = Work.KEPT_HOOK if is_hook else Work.OTHER
            if not is_hook:
                self._send(keeper.PRIVATE, protocol.number)
        if protocol.work is Work.KEPT_HOOK:
            protocol.read_bytes += len(data)
            if protocol.read_bytes > MOST_KEPT_BYTES:
                protocol.work = Work.OTHER
                self._send(keeper.PRIVATE, protocol.number)
                return
            for start in range(0, len(data), keeper.PIECE_BYTES):
                self._send(keeper.DATA, protocol.number, data[start : start + keeper.PIECE_BYTES])

    def answered(self, protocol: KeptProtocol) -> None:
        """Tell the keeper in the next turn of the loop: by then the answer has left, and others can go along."""
        if not self._answered:
            self._loop.call_soon(self._tell_answered)
        self._answered[protocol.number] = protocol

    def _tell_answered(self) -> None:
        answered, self._answered = self._answered, {}
        numbers = []
        for number, protocol in answered.items():
            if number in self._open:
                protocol.work = Work.NOTHING
                numbers.append(number)
        for start in range(0, len(numbers), keeper.MOST_NUMBERS):
            first, *more = numbers[start : start + keeper.MOST_NUMBERS]
            self._send(keeper.ANSWERED, first, b"".join(map(keeper.NUMBER.pack, more)))

    def closed(self, protocol: KeptProtocol) -> None:
        if self._open.pop(protocol.number, None) is not None:
            self._send(keeper.CLOSED, protocol.number)

    def give(self, protocol: KeptProtocol) -> bool:
        """Leave an idle connection to another door; return whether the keeper has it."""
        if protocol.number in self._answered:
            self._tell_answered()
        if protocol.work is Work.OTHER or not self._send(keeper.GIVE, protocol.number):
            return False
        del self._open[protocol.number]
        return True

    async def leave(self) -> None:
        """Take no more connections from other doors; wait a moment for a keeper that takes those of this one."""
        until = self._loop.time() + LEAVE_SECONDS
        while not self._tell_leaving() and self._loop.time() < until:
            await asyncio.sleep(RECONNECT_SECONDS / 2)

    def _tell_leaving(self) -> bool:
        if self._wire is None:
            return False
        try:
            self._wire.send(keeper.LEAVES)
        except OSError:
            self._disconnect()
            return False
        return True

    def _send(self, word: bytes, number: int, data: bytes = b"", *descriptors: int) -> bool:
        if self._wire is None:
            return False
        try:
            packet = word + keeper.NUMBER.pack(number) + data
            if descriptors:
                socket.send_fds(self._wire, [packet], descriptors)
            else:
                self._wire.send(packet)
        except OSError:
            # It is gone, or so slow that its socket is full. Begin again, since it has missed something.
            self._disconnect()
            return False
        return True

    def _connect(self) -> None:
        wire = keeper.connect(self._name)
        if wire is None:
            self._loop.call_later(RECONNECT_SECONDS, self._connect)
            return
        wire.setblocking(False)
        self._wire = wire
        for number, protocol in self._open.items():
            if protocol.transport is None:
                continue
            connection = protocol.transport.get_extra_info("socket")
            if self._send(keeper.OPENED, number, b"", connection.fileno()) and protocol.work is not Work.NOTHING:
                protocol.work = Work.OTHER
                self._send(keeper.PRIVATE, number)
        self._loop.add_reader(wire, self._read)
        try:
            wire.send(keeper.DOOR)
        except OSError:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._wire is not None:
            self._loop.remove_reader(self._wire)
            self._wire.close()
            self._wire = None
            log.warning("keeper_away")
            self._loop.call_later(RECONNECT_SECONDS, self._connect)

    def _read(self) -> None:
        """Take connections that another door has left."""
        if self._wire is None:
            return
        try:
            data, descriptors, _, _ = socket.recv_fds(self._wire, keeper.HEAD_BYTES + keeper.PIECE_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        if data == keeper.GIVE and descriptors:
            self._given, self._log = socket.socket(fileno=descriptors[0]), []
        elif data[:1] == keeper.DATA:
            self._log.append(data[keeper.HEAD_BYTES :])
        elif data == keeper.GIVEN and self._given is not None:
            given, self._given = self._given, None
            self._take(given, b"".join(self._log))
        elif not data:
            self._disconnect()


class DoorServer(uvicorn.Server):
    """Serves a listening socket that other doors serve too. name: of the keeper.

    It accepts one connection at a time, so a door that is busy leaves the next ones to the others.
    """

    def __init__(self, config: uvicorn.Config, listener: socket.socket, name: str) -> None:
        super().__init__(config)
        self._listener = listener
        self._name = name
        self._link: Link | None = None
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._link = Link(self._name, self._take)
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        if self._link is not None:
            await self._link.leave()
        await super().shutdown(sockets=[])

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            # Usually too many open files: leave the others in the queue for a moment.
            log.error("door_not_accepting", error=type(error).__name__)
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listener)
            loop.call_later(RECONNECT_SECONDS, self._accept_again)
            return
        number = next(self._numbers)
        if self._link is not None:
            self._link.opened(number, connection)
        self._serve_connection(number, connection)

    def _accept_again(self) -> None:
        if not self.should_exit:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _take(self, connection: socket.socket, begun: bytes) -> None:
        """Serve a connection that another door has left, with the bytes that it had read."""
        number = next(self._numbers)
        if self._link is not None:
            self._link.adopted(number)
        self._serve_connection(number, connection, begun)

    def _serve_connection(self, number: int, connection: socket.socket, begun: bytes = b"") -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        protocol = KeptProtocol(self.config, self.server_state, self.lifespan.state)
        protocol.link, protocol.number, protocol.begun = self._link, number, begun
        if self._link is not None:
            self._link.made(protocol)
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_accepted_socket(lambda: protocol, connection))
        self._tasks.add(task)
        task.add_done_callback(partial(self._adopted, protocol))

    def _adopted(self, protocol: KeptProtocol, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None and self._link is not None:
            # Its sender hung up before it was served.
            self._link.closed(protocol)


def web_config(application: str) -> uvicorn.Config:
    """Return uvicorn's configuration for the web process: fast parser and loop, and our own logging."""
    return uvicorn.Config(
        application,
        host=settings.HOST,
        port=settings.PORT,
        loop="uvloop",
        http=KeptProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.BEHIND_TLS,
        forwarded_allow_ips=settings.TRUSTED_PROXIES,
        timeout_keep_alive=settings.KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
    )
