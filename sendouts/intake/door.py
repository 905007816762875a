"""The HTTP door: a small ASGI application in front of Django's that receives hooks.

It authenticates, stores, and acknowledges, and does nothing else: the platform waits one second and never retries.
"""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

from sendouts.intake.answer import SMALL_BODY, HookAnswer, answer, answer_to
from sendouts.intake.arrivals import Arrival, Arrivals
from sendouts.intake.store import NotStored, Store, seal_hook
from sendouts.intake.watch import DoorWatch
from sendouts.symplify.envelopes import GZIP, NOTED_ENCODINGS, TooLarge, unpack
from work.throttled_log import Knocks

# Count failed logins without throttling: the caller may be the platform, right after its credential was changed.
not_authenticated = Knocks("hook_not_authenticated")
Result = TypeVar("Result")
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH = "/webhooks/symplify"
PROBES = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = b"POST, GET, HEAD, OPTIONS"
HINT = "The webhook is called with POST. Enter this address in the platform's account settings."
BODY_SECONDS = 10.0


class Door:
    """The ASGI application that takes hooks at one path and passes everything else on.

    basic: pairs of user and password; header: a name and its valid tokens. All of them are valid at once, for rotation.
    """

    def __init__(
        self,
        inner: Application | None,
        *,
        basic: tuple[tuple[str, str], ...],
        header: str,
        tokens: tuple[str, ...],
        max_bytes: int,
        store: Store | None = None,
        watch: DoorWatch | None = None,
    ) -> None:
        self._inner = inner
        self._basic = [f"{user}:{password}".encode() for user, password in basic]
        self._header = header.lower().encode()
        self._tokens = [token.encode() for token in tokens]
        self._max_bytes = max_bytes
        self._store = store or Store()
        self._watch = watch or DoorWatch()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="long-hook")
        self._arrivals = Arrivals(self._store, self._watch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and is_for_hooks(scope["path"]):
            if scope["method"] in PROBES:
                await _say_alive(scope, send)
            else:
                await self._hook(scope, receive, self._watch.watching(send))
        elif self._inner is not None:
            await self._inner(scope, receive, send)
        elif scope["type"] == "http":
            await _send(send, answer(404, "This address takes webhooks only, at " + PATH + "/."))

    def take(self, headers: dict[bytes, bytes], body: bytes, reply: Callable[[HookAnswer], None]) -> bool:
        """Store and answer a hook that arrived whole; return False if it needs the way of ASGI, with its own task.

        Those are hooks that are long, packed or refused. `reply` is called later, on this event loop.
        """
        packed = b"content-encoding" in headers or body.startswith(GZIP)
        if packed or len(body) > min(SMALL_BODY, self._max_bytes) or not self._may_enter(headers):
            return False
        kind = headers.get(b"content-type", b"").decode("latin-1")
        try:
            body = unpack(body, "", kind, self._max_bytes)
        except TooLarge:
            return False
        self._arrivals.add(Arrival(body, kind, datetime.now(UTC), reply))
        return True

    async def _hook(self, scope: Scope, receive: Receive, send: Send) -> None:
        received_at = datetime.now(UTC)
        headers = dict(scope["headers"])
        if scope["method"] != "POST":
            return await _send(send, answer(405, HINT, (b"allow", METHODS)))
        if not self._may_enter(headers):
            not_authenticated.count()
            return await _send(send, answer(401, "", (b"www-authenticate", b'Basic realm="webhook"')))
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._body(headers, receive)
        except TimeoutError:
            return await _send(send, answer(408, "The request's body did not arrive in time."))
        if body is None:
            return await _send(send, answer(413, f"A hook has at most {self._max_bytes} bytes."))
        kind = headers.get(b"content-type", b"").decode("latin-1")
        encodings = headers.get(b"content-encoding", b"").decode("latin-1")
        try:
            if encodings or len(body) > SMALL_BODY or body.startswith(GZIP):
                body = await self._aside(unpack, body, encodings, kind, self._max_bytes)
            else:
                body = unpack(body, encodings, kind, self._max_bytes)
        except TooLarge:
            return await _send(send, answer(413, f"A hook has at most {self._max_bytes} bytes, unpacked."))
        if encodings:
            kind += NOTED_ENCODINGS + encodings
        if len(body) > SMALL_BODY:
            hook = await self._aside(seal_hook, body, kind, received_at)
        else:
            hook = seal_hook(body, kind, received_at)
        durable = True
        try:
            await self._store.keep(hook)
        except NotStored:
            durable = False
        return await _send(send, answer_to(hook, body, durable))

    async def _aside(self, work: Callable[..., Result], *given: Any) -> Result:
        """Do the work on a long body in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def _may_enter(self, headers: dict[bytes, bytes]) -> bool:
        """Return whether the headers hold a valid credential; compare with each one, in constant time."""
        entered = False
        scheme, _, encoded = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"basic":
            try:
                given = base64.b64decode(encoded.strip(), validate=True)
            except (binascii.Error, ValueError):
                given = b""
            for pair in self._basic:
                entered |= hmac.compare_digest(given, pair)
        if self._header and (token := headers.get(self._header)) is not None:
            for valid in self._tokens:
                entered |= hmac.compare_digest(token, valid)
        return entered

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """Return the whole body, or None if it is over the limit."""
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._max_bytes:
            return None
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise TimeoutError
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_bytes:
                return None
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._store.start()
                self._watch.start()
            else:
                await asyncio.to_thread(self._store.close)
                await asyncio.to_thread(self._watch.close)
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return


async def _say_alive(scope: Scope, send: Send) -> None:
    """HookAnswer that hooks are taken here. Credentials are not read, so that an answer tells nothing about them."""
    headers = [(b"allow", METHODS)]
    if any(name == b"webhook-request-origin" for name, _ in scope["headers"]):
        # The handshake of CloudEvents' HTTP webhooks: any origin may try, and needs a credential.
        headers += [(b"webhook-allowed-origin", b"*"), (b"webhook-allowed-rate", b"*")]
    await _send(send, answer(200, "", *headers, hint=HINT))


def is_for_hooks(path: str) -> bool:
    """Return whether this is the address of hooks."""
    return path.rstrip("/") == PATH


async def _send(send: Send, said: HookAnswer) -> None:
    await send({"type": "http.response.start", "status": said.status, "headers": list(said.headers)})
    await send({"type": "http.response.body", "body": said.body})
