"""Hooks through a queue into real processes, which are killed meanwhile."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from uuid import UUID

import pytest

from sendouts.privacy.sealing import of_hook
from simulator.client import Simulator
from tests.acceptance.deployment import ROOT, Deployment, deployment, wait_until
from tests.queues import CREDENTIALS, Queue, Queues, queues

# A long run sets more.
MESSAGES = int(os.environ.get("QUEUE_MESSAGES", "400"))
# The stand-in for AWS takes ever longer the more messages wait.
FEW = 200


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queues]:
    with pytest.MonkeyPatch.context() as patch, queues(tmp_path_factory.mktemp("queues")) as found:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield found


def stored_bodies(gateway: Deployment) -> list[bytes]:
    """Every hook that is stored, opened."""
    rows = gateway.rows("SELECT uuid, body FROM sendouts_webhook")
    return [gateway.keys().open(body, of_hook(UUID(str(uuid)))) for uuid, body in rows]


class _Forwarder(ThreadingHTTPServer):
    """Where the platform fires, for a platform that knows HTTP only: each hook goes on into the queue."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.bodies: SimpleQueue[str] = SimpleQueue()

    def send_to(self, queue: Queue) -> None:
        while body := self.bodies.get():
            queue.send(body)


class _Taker(BaseHTTPRequestHandler):
    server: _Forwarder

    def do_POST(self) -> None:
        self.server.bodies.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def platform_writes_to(queue: Queue) -> Iterator[str]:
    with _Forwarder() as server:
        threads = [
            threading.Thread(target=server.serve_forever),
            threading.Thread(target=server.send_to, args=(queue,)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            server.bodies.put("")
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def queue(aws: Queues, mode: str) -> Queue:
    return aws.make(VisibilityTimeout="2")


@pytest.fixture(scope="module")
def gate(
    aws: Queues, queue: Queue, mode: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, Simulator]]:
    more = {"SQS_QUEUE_URL": queue.url, "AWS_ENDPOINT_URL": aws.endpoint, "SQS_THREADS": "2"}
    with deployment(tmp_path_factory.mktemp(mode), mode, **more) as found:
        yield found


def test_hooks_of_a_queue_go_through_the_gate_though_the_reader_is_killed(
    gate: tuple[Deployment, Simulator], queue: Queue, mode: str
) -> None:
    gateway, platform = gate
    before = len(stored_bodies(gateway))
    if gateway.process is None:
        # The other test of this file came first.
        gateway.start()
    with platform_writes_to(queue) as target:
        spec = {"project": "Newsletter", "journey": "W", "actions": ["consent-check"], "target": target}
        batch = platform.create("batch", sendout="B", contacts=2_000, **spec)
        singles = platform.create("single", sendout="S", hooks=60, wait=False, **spec)
        wait_until(
            lambda: gateway.rows("SELECT count(*) FROM sendouts_webhook")[0][0] > before + 10,
            30,
            "hooks arrive",
            gateway.tail,
        )
        assert gateway.kill("" if mode == "embedded" else "gate-sqs") > 0
        for sent in (batch, singles):
            platform.excuse(sent["id"])
        if mode == "embedded":
            gateway.start()
        for sent, ways in ((batch, (1_800, 200)), (singles, (54, 6))):
            seen = platform.wait_finished(sent["id"], within=60)
            assert (seen["accepted"], seen["rejected"], seen["violations"]) == (*ways, [])
        wait_until(lambda: queue.counts() == (0, 0), 20, "the queue is empty", gateway.tail)
        hooks = stored_bodies(gateway)
        assert len(hooks) == len(set(hooks)) == before + 61


# In the embedded mode the reader is killed with everything else, in the test before.
@pytest.mark.parametrize("mode", ["processes"], indirect=True)
def test_readers_killed_again_and_again_store_every_message_once(
    gate: tuple[Deployment, Simulator], queue: Queue, mode: str
) -> None:
    gateway, _ = gate
    gateway.stop()
    before = len(stored_bodies(gateway))
    chance = random.Random(7)

    def reader() -> subprocess.Popen[bytes]:
        with gateway.log.open("ab") as out:
            command = [sys.executable, "manage.py", "consume_sqs"]
            return subprocess.Popen(command, cwd=ROOT, env=gateway.environment, stdout=out, stderr=out)

    def count() -> int:
        return int(gateway.rows("SELECT count(*) FROM sendouts_webhook WHERE source = 'sqs'")[0][0]) - before

    readers = [reader(), reader()]
    kills, next_kill, sent, started = 0, MESSAGES // 20, 0, time.monotonic()
    try:
        while True:
            waiting, held = queue.counts()
            if sent < MESSAGES and waiting < FEW:
                numbers = range(sent, min(sent + FEW, MESSAGES))
                queue.send(*(json.dumps({"event": "Sendout summary", "number": number}) for number in numbers))
                sent = numbers.stop
            elif (sent, waiting, held) == (MESSAGES, 0, 0):
                break
            assert time.monotonic() - started < 400 + MESSAGES / 10, gateway.tail()
            if count() >= next_kill:
                number = chance.randrange(2)
                readers[number].kill()
                readers[number].wait(10)
                readers[number] = reader()
                kills, next_kill = kills + 1, next_kill + max(100, MESSAGES // 20)
            time.sleep(0.05)
    finally:
        for process in readers:
            process.terminate()
        for process in readers:
            process.wait(30)
    seconds = time.monotonic() - started
    stored = stored_bodies(gateway)
    print(f"{MESSAGES} messages, {kills} kills, {seconds:.0f} s")
    assert len(stored) == len(set(stored)) == before + MESSAGES
    assert kills > 3
