"""CPU seconds of the door for each hook, beside the same server with an application that reads the body and answers.

`python -m tests.benchmarks.door` fires hooks at `manage.py serve --door`, over connections that stay open and over a new
one for each. It sums the CPU seconds of the doors and of their keeper. Elapsed time would depend on other programs.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
import psutil
import uvloop

from tests.benchmarks.reporting import aligned
from tests.servers import TEST_AUTH, common_environment, free_port, servers, temporary_folder

ROOT = Path(__file__).resolve().parent.parent.parent
BARE = "reads and answers"
STORES = ("postgresql", "sqlite", "journal")
START_SECONDS = 60
WARM_UP = 500
BODY = (
    b'{"finishUri": "https://symplify.example.com/f/1", "projectName": "Newsletter", "journeyName": "Welcome", '
    b'"sendoutName": "Day 1", "actions": [{"identifier": "consent-check"}], "items": [{"contactId": "A-17", '
    b'"rejectUri": "https://symplify.example.com/r/1", "properties": {"consent": true, "language": "fr"}}]}'
)
_KEY = b64encode(TEST_AUTH.encode())
HOOK = (
    b"POST /webhooks/symplify/ HTTP/1.1\r\nHost: gateway.example.com\r\nUser-Agent: platform\r\nAccept: */*\r\n"
    b"Content-Type: application/json\r\nAuthorization: Basic " + _KEY + b"\r\n"
    b"Content-Length: " + str(len(BODY)).encode() + b"\r\n\r\n" + BODY
)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds for some hooks. door, keeper: what their processes took."""

    store: str
    fresh: bool
    hooks: int
    door: float
    keeper: float
    refused: int

    @property
    def micros(self) -> float:
        """Return the microseconds of a door for each hook."""
        return self.door / self.hooks * 1e6


async def bare(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Answer each request with 202 once its body was read."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def serve(application: str) -> None:
    """Serve this application with the doors' server."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway.settings"
    django.setup()
    from gateway.run.doors import DoorMaster

    DoorMaster(application, pages=False).run()


@contextmanager
def doors(store: str) -> Iterator[tuple[int, psutil.Process]]:
    """Run doors on an empty store; yields their port and their master. store: one of STORES, or BARE."""
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder("door"))
        port = free_port()
        environment = {**os.environ, **common_environment(folder), "PORT": str(port)}
        if store == "sqlite":
            environment |= {"DATABASE_URL": f"sqlite:///{folder}/gateway.sqlite3", "CELERY_BROKER_URL": ""}
        else:
            environment |= stack.enter_context(servers(durable=True))
        if store == "journal":
            # Nobody listens there.
            environment |= {"DATABASE_URL": f"postgres://gateway@127.0.0.1:{free_port()}/postgres", "JOURNAL": "1"}
        elif store != BARE:
            command = [sys.executable, "manage.py", "migrate", "-v0"]
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
        application = "tests.benchmarks.door:bare" if store == BARE else "gateway.asgi:door"
        master = psutil.Popen(
            [sys.executable, "-m", "tests.benchmarks.door", "--serve", application], cwd=ROOT, env=environment
        )
        stack.callback(master.wait, 20)
        stack.callback(master.terminate)
        yield port, master


class Sender(asyncio.Protocol):
    """One connection, which sends its next hook once the last one is answered."""

    def __init__(self, left: list[None], codes: list[int], fresh: bool) -> None:
        self._left = left
        self._codes = codes
        self._fresh = fresh
        self._answer = b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if not self._left:
            self._transport.close()
            return
        self._left.pop()
        self._transport.write(HOOK)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if found and len(body) >= int(length):
            self._codes.append(int(head[9:12]))
            self._answer = b""
            if self._fresh:
                self._transport.close()
            else:
                self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def fire(port: int, hooks: int, senders: int, fresh: bool) -> list[int]:
    """Send so many hooks from so many senders at once; return the codes of their answers."""
    loop = asyncio.get_running_loop()
    left, codes = [None] * hooks, list[int]()

    async def send() -> None:
        while left:
            _, sender = await loop.create_connection(lambda: Sender(left, codes, fresh), "127.0.0.1", port)
            await sender.ended

    await asyncio.gather(*(send() for _ in range(senders)))
    return codes


def measure(store: str, hooks: int, senders: int) -> list[Cost]:
    """Return what hooks cost over connections that stay open, and over a new one for each."""
    with doors(store) as (port, master):
        _wait_ready(port, master)
        for fresh in (False, True):
            uvloop.run(fire(port, WARM_UP, senders, fresh))
        return [_measure(store, port, master, hooks, senders, fresh) for fresh in (False, True)]


def _measure(store: str, port: int, master: psutil.Process, hooks: int, senders: int, fresh: bool) -> Cost:
    before = _usage(master)
    codes = uvloop.run(fire(port, hooks, senders, fresh))
    after = _usage(master)
    refused = hooks - codes.count(202)
    return Cost(store, fresh, hooks, after["door"] - before["door"], after["keeper"] - before["keeper"], refused)


def _usage(master: psutil.Process) -> Mapping[str, float]:
    found = {"door": 0.0, "keeper": 0.0}
    for process in master.children():
        times = process.cpu_times()
        found["keeper" if "keeper.py" in " ".join(process.cmdline()) else "door"] += times.user + times.system
    return found


def _wait_ready(port: int, master: psutil.Process) -> None:
    async def ready() -> None:
        async with asyncio.timeout(START_SECONDS):
            while len(master.children()) < 3:
                await asyncio.sleep(0.05)
            while True:
                try:
                    return (await asyncio.open_connection("127.0.0.1", port))[1].close()
                except OSError:
                    await asyncio.sleep(0.05)

    uvloop.run(ready())


def door_table(costs: list[Cost]) -> str:
    """Return one line for each measurement, with its ratio to the bare application."""
    bares = {cost.fresh: cost.micros for cost in costs if cost.store == BARE}
    head = ("door", "connections", "hooks", "door µs", "keeper µs", "× bare", "refused")
    rows = [
        (
            cost.store,
            "one a hook" if cost.fresh else "kept",
            f"{cost.hooks:,}",
            f"{cost.micros:.0f}",
            f"{cost.keeper / cost.hooks * 1e6:.0f}",
            f"{cost.micros / bares[cost.fresh]:.1f}",
            str(cost.refused),
        )
        for cost in costs
    ]
    return aligned(head, rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.door", description=__doc__)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--hooks", type=int, default=10_000, help="for each measurement")
    parser.add_argument("--senders", type=int, default=64, help="connections at once")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return 0
    costs = [cost for store in (BARE, *asked.stores) for cost in measure(store, asked.hooks, asked.senders)]
    print(door_table(costs))
    return 1 if any(cost.refused for cost in costs) else 0


if __name__ == "__main__":
    sys.exit(main())
