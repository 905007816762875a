"""Hooks: their bodies, and one attempt each with a time-out of one second for the acknowledgement."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from array import array
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httptools

from simulator.bodies import BadRequestError, Destination
from simulator.platform.rows import Rows
from simulator.platform.sendouts import MAX_HOOKS_SHOWN, Delivery, Fired, Sendout, percentiles
from simulator.world import World

# The platform's time-out for the acknowledgement, in seconds.
ACKNOWLEDGE_WITHIN = 1.0
AT_ONCE = 32
MAX_ANSWER = 64 * 1024

NOWHERE = Destination()


@dataclass(frozen=True, slots=True)
class Target:
    """Destination of hooks, with the header lines for authentication, and the seconds to wait for an answer."""

    url: SplitResult
    headers: tuple[tuple[str, str], ...]
    patience: float


def resolve(wanted: Destination, usual: Destination = NOWHERE) -> Target:
    """Return the target of a firing; what `wanted` leaves out is taken from `usual`, the start of the simulator.

    Raises BadRequestError with a sentence that holds no credential.
    """
    own = wanted if wanted.basic_auth or wanted.header else usual
    try:
        parts = urlsplit(wanted.target or usual.target)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits:
        raise BadRequestError("The target is an http or https URL; give it here or at the start with --target.")
    headers = []
    if own.basic_auth:
        headers.append(("Authorization", "Basic " + base64.b64encode(own.basic_auth.encode()).decode()))
    if own.header:
        name, colon, value = own.header.partition(":")
        if not colon or not name.strip():
            raise BadRequestError("The header is written NAME:VALUE.")
        headers.append((name.strip(), value.strip()))
    text = parts.path + parts.query + "".join(name + value for name, value in headers)
    if not text.isprintable() or not text.isascii():
        raise BadRequestError("The target and its credentials are plain ASCII text.")
    return Target(parts, tuple(headers), wanted.patience or usual.patience or ACKNOWLEDGE_WITHIN)


def payload(world: World, sendout: Sendout, delivery: Delivery, rows: Rows) -> dict[str, Any]:
    """Return the hook of one delivery in the platform's format."""
    spec = sendout.spec
    content: dict[str, Any] = {
        "finishUri": world.finish_uri(sendout, delivery),
        "actions": spec.actions,
        "projectName": spec.project,
        "journeyName": spec.journey,
        "sendoutName": spec.sendout,
    }
    if spec.kind == "batch":
        content["itemDownloadUri"] = world.download_uri(sendout)
    else:
        content["items"] = [rows.item(delivery.first + nth) for nth in range(delivery.count)]
    content.update(spec.extra)
    return {key: value for key, value in content.items() if key not in spec.omit}


async def fire_all(world: World, sendout: Sendout, where: Target) -> dict[str, Any]:
    """Fire the hook of every delivery once, at a pace or several at a time, and return a summary of the answers."""
    spec = sendout.spec
    rows = Rows(world, sendout)
    gate = asyncio.Semaphore(AT_ONCE)
    shown: list[Fired] = []
    times = array("d")
    answered = {"acknowledged": 0, "refused": 0}

    async def fire_one(delivery: Delivery) -> None:
        body = json.dumps(payload(world, sendout, delivery, rows)).encode()
        sendout.fires(delivery, time.time())
        copies = 2 if world.strike(sendout, "hook", delivery.number) else 1
        answers = await asyncio.gather(*(post(where, body, world.finish_uri(sendout, delivery)) for _ in range(copies)))
        for fired in answers:
            sendout.keep_fired(fired)
            times.append(fired.ms)
            answered["acknowledged" if 200 <= fired.status < 300 else "refused"] += 1
            if len(shown) < MAX_HOOKS_SHOWN:
                shown.append(fired)

    async def fire_gated(delivery: Delivery) -> None:
        try:
            await fire_one(delivery)
        finally:
            gate.release()

    async with asyncio.TaskGroup() as group:
        if spec.per_second:
            async for delivery in _paced(sendout.deliveries, spec.per_second):
                group.create_task(fire_one(delivery))
        else:
            for delivery in sendout.deliveries:
                await gate.acquire()
                group.create_task(fire_gated(delivery))
    few = len(times) <= MAX_HOOKS_SHOWN
    return (
        {"hooks": [asdict(fired) for fired in shown]}
        if few
        else {**answered, "ms": percentiles(times, p50=0.5, p99=0.99, p99_9=0.999, max=1.0)}
    )


async def _paced(deliveries: list[Delivery], per_second: float) -> AsyncIterator[Delivery]:
    """Yield each delivery at its scheduled time, regardless of pending answers."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for nth, delivery in enumerate(deliveries):
        await asyncio.sleep(max(0.0, start + nth / per_second - loop.time()))
        yield delivery


async def post(
    where: Target, body: bytes, finish_uri: str = "", content_type: str = "application/json; charset=utf-8"
) -> Fired:
    """Make one attempt; every failure becomes the `error` of the outcome."""
    began = time.perf_counter()
    answer = _Answer()
    error: str | None = None
    try:
        async with asyncio.timeout(where.patience):
            await _exchange(where, body, content_type, answer)
    except TimeoutError:
        error = "timeout"
    except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError) as failure:
        error = "refused" if isinstance(failure, ConnectionRefusedError) else "reset"
    except (OSError, ssl.SSLError) as failure:
        error = f"unreachable ({type(failure).__name__})"
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        error = "bad answer"
    ms = round((time.perf_counter() - began) * 1000, 3)
    if error is None and not answer.complete:
        error = "reset"
    status = answer.status if error is None else 0
    return Fired(finish_uri, status, ms, b"".join(answer.body).decode("utf-8", "replace"), error)


async def _exchange(where: Target, body: bytes, content_type: str, answer: _Answer) -> None:
    url = where.url
    secure = url.scheme == "https"
    reader, writer = await asyncio.open_connection(
        url.hostname, url.port or (443 if secure else 80), ssl=True if secure else None
    )
    try:
        address = (url.path or "/") + (f"?{url.query}" if url.query else "")
        host = url.netloc.rpartition("@")[2]
        lines = [f"POST {address} HTTP/1.1", f"Host: {host}", f"Content-Type: {content_type}"]
        lines += [f"Content-Length: {len(body)}", "Accept: */*", "User-Agent: simulator", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in where.headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        parser = httptools.HttpResponseParser(answer)
        while not answer.complete:
            data = await reader.read(MAX_ANSWER)
            if not data:
                answer.ended()
                break
            parser.feed_data(data)
            answer.status = parser.get_status_code()
    finally:
        writer.transport.abort()


class _Answer:
    """Collector of the answer to one hook."""

    def __init__(self) -> None:
        self.status = 0
        self.body: list[bytes] = []
        self.size = 0
        self.complete = False
        self.framed = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.framed = self.framed or name.lower() in (b"content-length", b"transfer-encoding")

    def on_body(self, body: bytes) -> None:
        if self.size < MAX_ANSWER:
            self.body.append(body[: MAX_ANSWER - self.size])
        self.size += len(body)

    def on_message_complete(self) -> None:
        self.complete = True

    def ended(self) -> None:
        """Treat the end of the connection as the end of the answer if no framing marks it."""
        self.complete = self.complete or (bool(self.status) and not self.framed)
