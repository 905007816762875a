"""Time-out between the door and Django: a hanging database must not make pages hang.

A page that Django does not begin within some seconds gets a 503 with a sentence. Django finishes it in its thread, and
its answer is discarded. The number of such pages is limited; beyond it, requests get their 503 at once.
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

# Less than the pool's connections: the code that serves hooks in this process needs one too.
MOST_STUCK = 8
# Each takes a thread until it is answered.
MOST_AT_ONCE = 100
# Orchestrators restart a process that fails here, and a database outage is no reason to. The page reads no database.
ALWAYS = "/health/live"
HEALTH = "/health/"
HEALTH_SECONDS = 3.0


class Patience:
    """Waits `seconds` for the start of each response, and less for health pages."""

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
            return await _send_unavailable(scope, send)
        said = _Said(send)
        # Django runs in its own task, so that it can outlive the response. Django detects the disconnected client.
        task = asyncio.ensure_future(self._inner(scope, receive, said.send))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        begins = await said.begins(task, self._limit(scope["path"]))
        self._waiting.discard(task)
        if not begins:
            self._stuck.add(task)
            task.add_done_callback(self._leave)
            log.error("page_given_up", path=scope["path"], stuck=len(self._stuck))
            return await _send_unavailable(scope, send)
        return await task

    def _limit(self, path: str) -> float:
        return min(self._seconds, HEALTH_SECONDS) if path.startswith(HEALTH) else self._seconds

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._stuck.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("page_failed_late", error=type(error).__name__)


class _Said:
    """Django's messages for one request, discarded after the time-out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = asyncio.Event()
        self._given_up = False

    async def send(self, message: Message) -> None:
        """Pass a message on. After the time-out raise the error of a disconnected client, so that Django cleans up."""
        if self._given_up:
            raise asyncio.CancelledError
        self._begun.set()
        await self._send(message)

    async def begins(self, task: asyncio.Task[None], seconds: float) -> bool:
        """Return whether the response begins in time; if not, discard it."""
        begun = asyncio.ensure_future(self._begun.wait())
        try:
            await asyncio.wait({task, begun}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
        self._given_up = not (self._begun.is_set() or task.done())
        return not self._given_up


async def _send_unavailable(scope: Scope, send: Send) -> None:
    answer = answer_for(scope)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.items()]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.content})
