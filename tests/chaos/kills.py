"""Repeated kills of one process at a random moment, while batches and singles flow."""

import time

from tests.acceptance.deployment import Deployment
from tests.chaos import oracles
from tests.chaos.family import CALL_NOBODY, kill_one
from tests.chaos.load import Load
from tests.chaos.losses import wait_for_news
from tests.chaos.people import Person
from tests.chaos.reporting import Row
from tests.chaos.scene import Scene
from tests.chaos.schedule import Kill

SETTLE_SECONDS = 180


def run(scene: Scene, count: int) -> Row:
    """Kill so many times, and wait for the end of everything; the row says what became of it."""
    gateway, schedule = scene.gateway, scene.schedule
    scene.platform.faults(schedule.faults(), latency=0.02, repeat_status=410)
    load = Load(scene.platform.url, schedule.orders())
    person = Person(gateway, load.placed)
    load.start()
    person.start()
    for kill in schedule.kills(count):
        time.sleep(kill.pause)
        _kill(scene, kill)
    scene.orders.update(load.finish())
    settled = settle(gateway, scene.orders)
    person.finish()
    return Row(f"random kills, {scene.mode}", count, settled, scene.judge())


def settle(gateway: Deployment, orders: dict[str, oracles.Order], within: float = SETTLE_SECONDS) -> float:
    """Wait until everything is at its end; returns the seconds. What is not by then, the oracles tell."""
    began = time.monotonic()
    while time.monotonic() < began + within and oracles.under_way(gateway, orders):
        time.sleep(0.25)
    return time.monotonic() - began


def _kill(scene: Scene, kill: Kill) -> None:
    gateway, platform, losses = scene.gateway, scene.platform, scene.losses
    if scene.mode == "embedded":
        dead = [each.pid for each in gateway.family()]
        gateway.kill()
        wait_for_news(platform, dead)
        losses.excuse()
        gateway.start()
        return
    hit, pid = kill_one(gateway, kill.role, kill.lot)
    if hit == "supervisor":
        assert gateway.process is not None
        gateway.process.wait(10)
        gateway.start()
    elif hit not in CALL_NOBODY:
        wait_for_news(platform, [pid])
    if hit not in CALL_NOBODY:
        losses.excuse()
