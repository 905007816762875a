"""The answers of the door to hooks: their status, headers and body."""

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import msgspec
import structlog

from actions.sentences import write
from sendouts.intake.hook import Received
from sendouts.symplify.envelopes import why_unreadable
from sendouts.symplify.payload import Unreadable, is_readable

log = structlog.get_logger(__name__)
# Handle a body above this size in another thread, one at a time: threads delay each other, and the short ones.
SMALL_BODY = 100_000

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class HookAnswer:
    """Status, headers and body of one answer."""

    status: int
    headers: Headers
    body: bytes


def answer(status: int, sentence: str, *headers: tuple[bytes, bytes], **more: str) -> HookAnswer:
    """Return an answer in JSON: its sentence, if it has one, and `more`."""
    content = more | ({"error": sentence} if sentence else {})
    body = msgspec.json.encode(content) if content else b""
    return HookAnswer(status, _headers(len(body), headers), body)


@lru_cache(maxsize=256)
def _headers(length: int, more: Headers) -> Headers:
    return (
        (b"content-type", b"application/json"),
        (b"content-length", str(length).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *more,
    )


_STORED = _headers(len('{"id":""}') + len(str(UUID(int=0))), ())


def answer_to(hook: Received, body: bytes, durable: bool) -> HookAnswer:
    """Return the answer to a hook that was stored, or could not be; body: the hook's, unsealed."""
    if not durable:
        # A write may still be running: a hook stored after its refusal does no harm.
        log.error("hook_refused", hook=str(hook.uuid))
        return answer(503, "The hook could not be stored. Send it again.", (b"retry-after", b"5"))
    try:
        # To read a long body would delay other acknowledgements. Planning tells if nobody can read it.
        if len(body) <= SMALL_BODY:
            is_readable(body)
    except Unreadable as problem:
        return answer(400, write(why_unreadable(problem, hook.content_type)), id=str(hook.uuid))
    return HookAnswer(202, _STORED, b'{"id":"%b"}' % str(hook.uuid).encode())
