"""Fifty hooks a second through kills of every part and through replacements: none refused, none late."""

import http.client
import itertools
import queue
import random
import signal
import threading
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced

import psutil

from gateway.run import processes
from tests.acceptance.deployment import START_SECONDS, Deployment, wait_until
from tests.chaos.family import kill_one, parts
from tests.chaos.kills import settle
from tests.chaos.oracles import Verdict
from tests.chaos.reporting import Row
from tests.chaos.scene import Scene
from tests.chaos.schedule import Kill
from tests.servers import TEST_AUTH

PER_SECOND = 50
SENDERS = 64
# By default.
DOORS = 2
# The platform waits this long, and does not ask again.
LATE_SECONDS = 1.0
# Time to measure how late a late answer is.
ANSWER_SECONDS = 10.0
REPLACED_SECONDS = 90.0
STARTED, REPLACED = "The gateway runs in several processes", "process_replaced"
# The doors together, and each other process.
PARTS = len(processes.commands())
HOOK_PATH = "/webhooks/symplify/"


@dataclass(frozen=True, slots=True)
class Fired:
    """One hook: when it left, its answer (0: none), the seconds it took, and the id that it got."""

    at: float
    status: int
    seconds: float
    uuid: str
    error: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether the platform would count it as failed."""
        return self.status != 202 or self.seconds > LATE_SECONDS


class Hooks:
    """Fires hooks at a steady pace, half of them on connections that stay open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._due: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self.fired: list[Fired] = []
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]
        self._clock = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Hooks":
        for thread in (*self._threads, self._clock):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._clock.join()
        for _ in self._threads:
            self._due.put(None)
        for thread in self._threads:
            thread.join(2 * ANSWER_SECONDS)

    def _tick(self) -> None:
        began = time.monotonic()
        for number in itertools.count():
            self._due.put(number)
            if self._stop.wait(max(0.0, began + (number + 1) / PER_SECOND - time.monotonic())):
                return

    def _send(self) -> None:
        kept: http.client.HTTPConnection | None = None
        while (number := self._due.get()) is not None:
            connection = kept or http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
            stays = self._post(connection, number)
            kept = connection if stays and number % 2 else None
            if kept is None:
                connection.close()
        if kept is not None:
            kept.close()

    def _post(self, connection: http.client.HTTPConnection, number: int) -> bool:
        """Fire one hook; return whether the connection stays open."""
        headers = {"Authorization": "Basic " + b64encode(TEST_AUTH.encode()).decode()}
        at, began, status, uuid, error, stays = time.time(), time.monotonic(), 0, "", "", False
        try:
            connection.request("POST", HOOK_PATH, b'{"event": "Sendout summary", "number": %d}' % number, headers)
            answer = connection.getresponse()
            body = answer.read()
            status, stays = answer.status, not answer.will_close
            uuid = body.decode()[7:43]
        except (OSError, http.client.HTTPException) as problem:
            error = type(problem).__name__
        self.fired.append(Fired(at, status, time.monotonic() - began, uuid, error))
        return stays


def run(scene: Scene, kills: int, replacements: int, *, prompt: bool = True) -> Row:
    """Kill parts and replace all of them, in turn, while hooks arrive.

    prompt: each hook is acknowledged within the platform's second, which a machine busy with other things cannot promise;
    without it, none may meet a closed door.
    """
    gateway = scene.gateway
    draw = random.Random(f"door {scene.schedule.seed}")
    acts = ["kill"] * kills + ["replace"] * replacements
    draw.shuffle(acts)
    plan = iter(scene.schedule.kills(kills))
    with Hooks(gateway.port) as hooks:
        for act in acts:
            if act == "replace":
                replace(scene)
                continue
            kill = next(plan)
            time.sleep(kill.pause)
            hit = _kill(scene, kill)
            if hit == "keeper" and not prompt:
                # Who dies before the next keeper knows of it takes its hooks along. A busy machine starts one slowly.
                wait_until(lambda: _is_told(gateway), START_SECONDS, "the next keeper knows the doors", gateway.tail)
    settled = settle(gateway, scene.orders)
    fired = hooks.fired
    bad = [each for each in fired if (each.is_bad if prompt else each.status == 0)]
    unanswered, refused = sum(each.status == 0 for each in bad), sum(each.status not in (0, 202) for each in bad)
    late = len(bad) - unanswered - refused
    notes = []
    if bad:
        first = next((each for each in bad if each.status == 0), bad[0])
        notes.append(f"of {len(fired)} hooks {unanswered} had no answer, {refused} were refused, {late} late: {first}")
    if lost := _lost(gateway, fired):
        notes.append(f"{lost} acknowledged hooks are not stored")
    seen = _counted(scene.judge(), fired)
    return Row(f"the door through kills and {replacements} replacements", kills, settled, seen, tuple(notes))


def _counted(seen: Verdict, fired: Sequence[Fired]) -> Verdict:
    """Count these hooks, which no platform of the run has sent; those that came too late are refused."""
    return replaced(
        seen,
        acknowledged=sum(not each.is_bad for each in fired),
        refused=sum(each.is_bad for each in fired),
        slowest=1000 * max(each.seconds for each in fired),
    )


def _is_told(gateway: Deployment) -> bool:
    """Return whether the keeper has the connections of the master and of two doors, beside its own socket."""
    try:
        return any(len(each.net_connections("unix")) > DOORS + 1 for each in parts(gateway).get("keeper", []))
    except psutil.Error:
        return False


def _kill(scene: Scene, kill: Kill) -> str:
    """Kill a part, and return which."""
    gateway = scene.gateway
    hit, _ = kill_one(gateway, kill.role, kill.lot)
    if hit == "supervisor":
        assert gateway.process is not None
        gateway.process.wait(10)
        starts = _said(gateway, STARTED)
        gateway.start()
        # The doors of the last one answer meanwhile.
        wait_until(lambda: _said(gateway, STARTED) > starts, START_SECONDS, "it has started", gateway.tail)
    return hit


def replace(scene: Scene) -> None:
    """Ask for a replacement of all parts, and wait until it is over."""
    gateway = scene.gateway
    assert gateway.process is not None
    before = _said(gateway, REPLACED)
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(
        lambda: _said(gateway, REPLACED) >= before + PARTS, REPLACED_SECONDS, "all parts are replaced", gateway.tail
    )


def _said(gateway: Deployment, words: str) -> int:
    return gateway.log.read_text().count(words)


def _lost(gateway: Deployment, fired: Sequence[Fired]) -> int:
    """Count the hooks that were acknowledged and are not stored."""
    stored = {str(uuid) for (uuid,) in gateway.rows("SELECT uuid FROM sendouts_webhook")}
    return sum(each.status == 202 and each.uuid not in stored for each in fired)
