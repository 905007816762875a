"""The webhook's door behind a real HTTP server, and hooks for it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
import uvicorn

from gateway.run.hook_protocol import HookProtocol
from sendouts.intake.door import Door
from tests.servers import free_port

HOOK = b'{"finishUri": "https://symplify.example.com/f/1", "projectName": "P", "items": [], "actions": []}'
Serve = Callable[..., str]


@contextmanager
def serving() -> Iterator[Serve]:
    """Serve doors until the end; each call starts one, ended in order at last, and gives its URL."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(*, keep_alive: int = 60, **wanted: Any) -> str:
        given: dict[str, Any] = {
            "basic": (("hook", "old-secret"), ("hook2", "new:secret")),
            "header": "X-Gate-Token",
            "tokens": ("token-1", "token-2"),
            "max_bytes": 10_000,
        }
        port = free_port()
        door = Door(None, **(given | wanted))
        config = uvicorn.Config(
            door,
            port=port,
            http=HookProtocol,
            log_config=None,
            lifespan="on",
            ws="none",
            timeout_keep_alive=keep_alive,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            thread.join(0.01)
        running.append((server, thread))
        return f"http://127.0.0.1:{port}/webhooks/symplify/"

    try:
        yield start
    finally:
        for server, thread in running:
            server.should_exit = True
            thread.join(20)


def post(url: str, body: bytes = HOOK, **headers: str) -> requests.Response:
    sent = headers or {"X-Gate-Token": "token-1"}
    return requests.post(url, data=body, headers=sent, timeout=10)
