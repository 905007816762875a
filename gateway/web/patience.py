"""Between the door and Django: nobody's page hangs because the database does.

A page that Django does not begin within some seconds is answered with 503 and a sentence; Django goes on with it unheard, in
its thread, until the database lets go. So many such pages are borne, and no more: further requests get their 503 at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from gateway.web.unavailable import answer_for

log = structlog.get_logger(__name__)
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Fewer than the connections of the pool: what serves hooks in this process needs one, too.
MOST_STUCK = 8
# Each takes a thread until it is answered.
MOST_AT_ONCE = 100
# Orchestrators restart what fails here, and a database that hangs is no reason to; it asks no database.
ALWAYS = "/health/live"
HEALTH = "/health/"
HEALTH_SECONDS = 3.0


class Patience:
    """Waits `seconds` for the beginning of each answer, and less for those about health."""

    def __init__(
        self, inner: Application, *, seconds: float, most_stuck: int = MOST_STUCK, most: int = MOST_AT_ONCE
    ) -> None:
        self._inner = inner
        self._seconds = seconds
        self._most_stuck = most_stuck
        self._most = most
        self._waiting: set[asyncio.Task[None]] = set()
        self._stuck: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._inner(scope, receive, send)
        crowded = len(self._stuck) >= self._most_stuck or len(self._waiting) >= self._most
        if crowded and scope["path"] != ALWAYS:
            return await _say_no(scope, send)
        said = _Said(send)
        # A task of its own, so that Django can be left to it. It notices by itself that its client has its answer, or left.
        task = asyncio.ensure_future(self._inner(scope, receive, said.send))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        begins = await said.begins(task, self._limit(scope["path"]))
        self._waiting.discard(task)
        if not begins:
            self._stuck.add(task)
            task.add_done_callback(self._leave)
            log.error("page_given_up", path=scope["path"], stuck=len(self._stuck))
            return await _say_no(scope, send)
        return await task

    def _limit(self, path: str) -> float:
        return min(self._seconds, HEALTH_SECONDS) if path.startswith(HEALTH) else self._seconds

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._stuck.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("page_failed_late", error=type(error).__name__)


class _Said:
    """What Django says to one request, as long as somebody listens."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = asyncio.Event()
        self._given_up = False

    async def send(self, message: Message) -> None:
        """Pass it on. After we gave up Django hears what it hears when a client has left: it ends, and closes what is open."""
        if self._given_up:
            raise asyncio.CancelledError
        self._begun.set()
        await self._send(message)

    async def begins(self, task: asyncio.Task[None], seconds: float) -> bool:
        """Whether the answer begins in time; if not, it is not heard."""
        begun = asyncio.ensure_future(self._begun.wait())
        try:
            await asyncio.wait({task, begun}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
        self._given_up = not (self._begun.is_set() or task.done())
        return not self._given_up


async def _say_no(scope: Scope, send: Send) -> None:
    answer = answer_for(scope)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.items()]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.content})
