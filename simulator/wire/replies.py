"""Answers as bytes: a short one complete, or a long one in framed pieces."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from email.utils import formatdate
from enum import Enum
from http import HTTPStatus
from typing import Any

from simulator.platform.faults import Fault

JSON_TYPE = "application/json"


class Manner(Enum):
    """Behaviour of the connection when the answer is due."""

    ANSWER = "answer"
    HANG = "hang"
    RESET = "reset"


class Pace:
    """Pace of a dripping answer: `size` bytes, then a pause of `interval` seconds."""

    __slots__ = ("interval", "size")

    def __init__(self, size: int, interval: float) -> None:
        self.size = size
        self.interval = interval


class Reply:
    """One answer: `wire`, then `stream` (already framed) if it is long; `lost` is called if it cannot arrive."""

    __slots__ = ("close", "delay", "lost", "manner", "pace", "stream", "wire")

    def __init__(
        self,
        wire: bytes = b"",
        *,
        delay: float = 0.0,
        lost: Callable[[], None] | None = None,
        manner: Manner = Manner.ANSWER,
        stream: AsyncIterator[bytes] | None = None,
        pace: Pace | None = None,
        close: bool = False,
    ) -> None:
        self.wire = wire
        self.delay = delay
        self.lost = lost
        self.manner = manner
        self.stream = stream
        self.pace = pace
        self.close = close


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
    declared: int | None = None,
) -> bytes:
    """Return a complete answer; `declared` is a false Content-Length."""
    length = len(body) if declared is None else declared
    return head(status, [("Content-Type", content_type), ("Content-Length", str(length)), *headers]) + body


def json_body(content: Any) -> bytes:
    """Encode the content of an answer; characters outside ASCII are escaped, so that encoding never fails."""
    return json.dumps(content).encode()


def json_reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a JSON reply."""
    return Reply(whole(status, json_body(content), headers=(headers or {}).items()))


def status_wire(fault: Fault) -> bytes:
    """Return the answer of a status fault, with Retry-After if configured."""
    headers: list[tuple[str, Any]] = []
    if fault.retry_after == "date":
        headers.append(("Retry-After", formatdate(time.time() + fault.seconds, usegmt=True)))
    elif fault.retry_after is not None:
        headers.append(("Retry-After", str(fault.retry_after)))
    return whole(fault.status, json_body({"error": "a fault that was asked for"}), headers=headers)


def chunk(piece: bytes) -> bytes:
    """Frame one piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


LAST_CHUNK = b"0\r\n\r\n"
