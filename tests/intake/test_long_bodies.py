"""Long bodies at the door: short hooks beside them are acknowledged quickly, and nothing is lost."""

import asyncio
import gzip
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest
from django.utils import timezone

from sendouts.intake import queue as hook_queue
from sendouts.intake.hook import Received
from sendouts.intake.store import Store, seal_hook
from tests.serving import HOOK, Serve, post

LONG = json.dumps(
    {"finishUri": "https://example.com/f", "items": [{"contactId": "A", "n": [1, 2, 3]}] * 100_000}
).encode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("packed", [False, True])
def test_short_hooks_are_acknowledged_quickly_beside_forty_long_ones(serve: Serve, packed: bool) -> None:
    url = serve(max_bytes=5_000_000, store=Store(lambda hooks: [len(hook.body) for hook in hooks]))
    body = gzip.compress(LONG, 1) if packed else LONG
    short: list[float] = []

    def timed(what: bytes) -> float:
        started = time.monotonic()
        assert post(url, what).status_code == 202
        return time.monotonic() - started

    with ThreadPoolExecutor(8) as pool:
        long = [pool.submit(timed, body) for _ in range(40)]
        while not all(each.done() for each in long):
            short.append(timed(HOOK))
    # Compared with each other, since both have the same busy machine.
    assert median(short) < median([each.result() for each in long])


def test_short_hooks_are_written_before_long_ones(db: None) -> None:
    groups: list[list[int]] = []
    first, go = threading.Event(), threading.Event()

    def write(hooks: list[Received]) -> list[int]:
        groups.append([len(hook.body) > hook_queue.SHORT_BYTES for hook in hooks])
        first.set()
        go.wait(10)
        return []

    async def send() -> None:
        store = Store(write)
        short, long = (seal_hook(b"x" * size, "", timezone.now()) for size in (10, 4_000_000))
        futures = [store.put(short)]
        await asyncio.to_thread(first.wait, 10)
        futures += [store.put(each) for each in (long, long, long, short, short)]
        go.set()
        await asyncio.gather(*futures)
        store.close()

    asyncio.run(send())
    assert groups == [[False], [False, False, True, True], [True]]
