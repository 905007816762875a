"""Between the door and Django: nobody's page hangs because the database does.

A page that Django does not begin within some seconds is answered with 503 and a sentence; Django goes on with it unheard, in
its thread, until the database lets go. So many such pages are borne, and no more: further requests get their 503 at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from gateway.unavailable import answer_for

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
        turn = _Turn(receive, send)
        # A task of its own, which nothing here cancels: cancelled, Django would block the event loop, and with it the door,
        # until the thread of this request has ended.
        task = asyncio.ensure_future(self._inner(scope, turn.receive, turn.send))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        if not await turn.begins(task, self._limit(scope["path"])):
            self._waiting.discard(task)
            self._stuck.add(task)
            task.add_done_callback(self._leave)
            log.error("page_given_up", path=scope["path"], stuck=len(self._stuck))
            return await _say_no(scope, send)
        await turn.ends(task)
        return None

    def _limit(self, path: str) -> float:
        return min(self._seconds, HEALTH_SECONDS) if path.startswith(HEALTH) else self._seconds

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._stuck.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("page_failed_late", error=type(error).__name__)


class _Turn:
    """One request, as Django sees it: the client seems to stay until Django has something to say."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._whole = False
        self._begun = asyncio.Event()
        # Nobody listens any more: the client got its 503, or left.
        self._over = False

    async def receive(self) -> Message:
        """The body; after it nothing, since Django would end a request whose client has left while its thread still works."""
        if self._whole:
            await asyncio.Event().wait()
        message = await self._receive()
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass on what Django says. To nobody it says it as to a client that left: it ends, and closes what is open."""
        if self._over:
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
        self._over = not (self._begun.is_set() or task.done())
        return not self._over

    async def ends(self, task: asyncio.Task[None]) -> None:
        """Wait for the rest of the answer, which may be long, while the client stays."""
        leaves = asyncio.ensure_future(self._leaves())
        try:
            await asyncio.wait({task, leaves}, return_when=asyncio.FIRST_COMPLETED)
            self._over = not task.done()
            await asyncio.wait({task})
        finally:
            leaves.cancel()
        if not task.cancelled():
            task.result()

    async def _leaves(self) -> None:
        """Return when the client has left; never where Django still has its body to read."""
        while self._whole:
            if (await self._receive())["type"] == "http.disconnect":
                return
        await asyncio.Event().wait()


async def _say_no(scope: Scope, send: Send) -> None:
    answer = answer_for(scope)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.items()]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.content})
