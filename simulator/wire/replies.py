"""Answers as bytes: a short one complete, or a long one in framed pieces."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any

from simulator.platform.faults import Fault, FaultKind

_LENGTH = re.compile(rb"Content-Length: (\d+)")
JSON_TYPE = "application/json"


class Manner(Enum):
    """Behaviour of the connection when the answer is due."""

    ANSWER = "answer"
    HANG = "hang"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Pace:
    """Pace of a dripping answer: `size` bytes, then a pause of `interval` seconds."""

    size: int
    interval: float


@dataclass(slots=True)
class Reply:
    """One answer: `wire`, then `stream` (already framed) if it is long; `lost` is called if it cannot arrive."""

    wire: bytes = b""
    delay: float = 0.0
    lost: Callable[[], None] | None = None
    manner: Manner = Manner.ANSWER
    stream: AsyncIterator[bytes] | None = None
    pace: Pace | None = None
    close: bool = False
    # Seconds for which a reader may take nothing of the stream.
    patience: float | None = None


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return the status line and the header lines, ready for a body."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def whole(
    status: int,
    body: bytes,
    *,
    content_type: str = JSON_TYPE,
    headers: Iterable[tuple[str, str]] = (),
) -> bytes:
    """Return a complete answer."""
    return head(status, [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers]) + body


def json_body(content: Any) -> bytes:
    """Encode the content of an answer; characters outside ASCII are escaped, so that encoding never fails."""
    return json.dumps(content).encode()


def json_reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a JSON reply."""
    return Reply(whole(status, json_body(content), headers=(headers or {}).items()))


def answer(fault: Fault | None, effect: Callable[[], Reply]) -> Reply:
    """Apply the effect of a call and return its answer, as the fault changes both.

    If the answer then cannot arrive whole, its `lost` is called at once.
    """
    if fault is None:
        return effect()
    if fault.prevents:
        return replacement(fault)
    reply = effect()
    end_of_head = reply.wire.index(b"\r\n\r\n") + 4
    match fault.kind:
        case FaultKind.SLOW:
            reply.delay += fault.seconds
        case FaultKind.DRIP:
            reply.pace = Pace(fault.bytes, fault.interval)
        case FaultKind.WRONG_TYPE:
            reply.wire = whole(int(reply.wire[9:12]), json_body("done"), content_type=fault.type)
        case FaultKind.WRONG_SHAPE:
            return json_reply({"message": "of another form than was agreed"})
        case FaultKind.CUT:
            _lose(reply)
            # One byte of the body, so that it is not taken for an answer without one.
            reply.wire, reply.close = reply.wire[: end_of_head + 1], True
        case FaultKind.WRONG_LENGTH:
            _lose(reply)
            reply.wire, reply.close = _LENGTH.sub(partial(_misstate, fault.by), reply.wire, count=1), True
        case FaultKind.STATUS | FaultKind.HANG | FaultKind.RESET_AFTER:
            _lose(reply)
            return replacement(fault)
    return reply


def _lose(reply: Reply) -> None:
    if reply.lost is not None:
        reply.lost()
        reply.lost = None


def _misstate(by: int, length: re.Match[bytes]) -> bytes:
    return b"Content-Length: %d" % max(0, int(length[1]) + by)


def replacement(fault: Fault) -> Reply:
    """Return what the caller gets in place of the answer."""
    match fault.kind:
        case FaultKind.STATUS:
            headers: dict[str, str] = {}
            if fault.retry_after == "date":
                headers["Retry-After"] = formatdate(time.time() + fault.seconds, usegmt=True)
            elif fault.retry_after is not None:
                headers["Retry-After"] = str(fault.retry_after)
            if fault.body is None:
                return json_reply({"error": "a fault that was asked for"}, fault.status, headers)
            body = fault.body.encode("utf-8", "surrogatepass")
            return Reply(whole(fault.status, body, content_type=fault.type, headers=headers.items()))
        case FaultKind.REDIRECT:
            status = fault.status if 300 <= fault.status < 400 else 302
            return Reply(head(status, [("Location", fault.location), ("Content-Length", "0")]))
        case FaultKind.EXPIRE:
            return json_reply({"error": "the link has expired"}, 403)
        case FaultKind.HANG:
            return Reply(manner=Manner.HANG)
    return Reply(manner=Manner.RESET)


def chunk(piece: bytes) -> bytes:
    """Frame one piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


LAST_CHUNK = b"0\r\n\r\n"
