"""HTTP for hooks: a short one goes to the door once it is read, without a task and without ASGI's messages.

Everything else takes uvicorn's way: pages, long and slow hooks, hooks that arrive behind another on one connection.
"""

import asyncio
from functools import lru_cache, partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from sendouts.intake.answer import Headers, HookAnswer
from sendouts.intake.door import Door, is_for_hooks

# Many clients send head and body apart: a begun hook waits this long for the rest of its body.
REST_SECONDS = 0.05
# A longer body would fill uvicorn's buffer meanwhile.
SHORT_BYTES = 50_000


class HookProtocol(HttpToolsProtocol):
    """HTTP on one connection; a hook that was read in full is stored even if its sender has hung up."""

    # Begun while its first bytes were parsed, and not started yet: the request, and uvicorn's application for it.
    _unstarted: tuple[RequestResponseCycle, Any] | None = None
    _start: asyncio.TimerHandle | None = None
    _parsing = False
    # On the loop's clock; None while something is under way.
    _idle_since: float | None = None

    def data_received(self, data: bytes) -> None:
        self._parsing = True
        try:
            super().data_received(data)
        finally:
            self._parsing = False
            self._start_unless_short()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._start_now()
        if self._parsing and cycle.scope["method"] == "POST" and is_for_hooks(cycle.scope["path"]):
            self._unstarted = (cycle, app)
        else:
            super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._unstarted is None:
            return
        cycle, app = self._unstarted
        door = find_door(app)
        if door is not None and door.take(dict(cycle.scope["headers"]), bytes(cycle.body), partial(self._reply, cycle)):
            self._forget_unstarted()

    def on_response_complete(self) -> None:
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_since = self.loop.time()
        # One timer serves many requests: it looks for how long the connection has been idle.
        if self.timeout_keep_alive_task is None:
            self._look_later(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None
        if self.transport.is_closing():
            super()._unset_keepalive_if_required()

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_later(left)
        else:
            super().timeout_keep_alive_handler()

    def _look_later(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        cycle = self.cycle
        if cycle is not None and cycle.disconnected and not cycle.more_body and is_for_hooks(self.scope["path"]):
            cycle.disconnected = False
            cycle.transport = _Nobody()

    def _start_unless_short(self) -> None:
        """Start a begun request, unless the rest of a short hook may come in a moment."""
        if self._unstarted is None:
            return
        cycle = self._unstarted[0]
        declared = dict(cycle.scope["headers"]).get(b"content-length", b"")
        is_short = declared.isdigit() and int(declared) <= SHORT_BYTES
        if not (is_short and cycle.more_body) or cycle.waiting_for_100_continue:
            self._start_now()
        elif self._start is None:
            self._start = self.loop.call_later(REST_SECONDS, self._start_now)

    def _start_now(self) -> None:
        unstarted = self._unstarted
        self._forget_unstarted()
        if unstarted is not None:
            super()._start_asgi_task(*unstarted)

    def _forget_unstarted(self) -> None:
        self._unstarted = None
        if self._start is not None:
            self._start.cancel()
            self._start = None

    def _reply(self, cycle: RequestResponseCycle, said: HookAnswer) -> None:
        """Send the whole answer at once."""
        cycle.response_started = cycle.response_complete = True
        closing = b"" if cycle.keep_alive else b"connection: close\r\n"
        date = _lines(tuple(cycle.default_headers))
        cycle.transport.write(
            b"".join((STATUS_LINE[said.status], date, _lines(said.headers), closing, b"\r\n", said.body))
        )
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


@lru_cache(maxsize=256)
def _lines(headers: Headers) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers)


@lru_cache(maxsize=8)
def find_door(application: Any) -> Door | None:
    """Return the door within uvicorn's layers, if the application is one."""
    while application is not None and not isinstance(application, Door):
        application = getattr(application, "app", None)
    return application


class _Nobody(asyncio.Transport):
    """Takes the answer to a sender that has hung up."""

    def write(self, data: Any) -> None:
        """Drop it."""

    def close(self) -> None:
        """Do nothing: it is closed."""
