"""Repeated kills of one process at a random moment, while batches and singles flow."""

import time
from pathlib import Path

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment, deployment
from tests.chaos import effects, oracles
from tests.chaos.family import CALL_NOBODY, kill_one
from tests.chaos.load import Load
from tests.chaos.losses import Losses, wait_for_news
from tests.chaos.people import SETUP, Person
from tests.chaos.reporting import Row
from tests.chaos.schedule import Kill, Schedule

SETTLE_SECONDS = 180
ENVIRONMENT = {"CHUNK_ROWS": "200", "SYMPLIFY_CONCURRENCY": "16", "WORKER_CONCURRENCY": "2", **effects.ENVIRONMENT}


def run(folder: Path, mode: str, schedule: Schedule, count: int) -> Row:
    """One run in one mode; the row says what became of it."""
    with deployment(folder, mode, config=schedule.config(), setup=SETUP, **ENVIRONMENT) as (gateway, platform):
        platform.faults(schedule.faults(), latency=0.02, repeat_status=410)
        effects.set_up(gateway, platform, schedule.codes, schedule.receiver_faults())
        load = Load(platform.url, schedule.orders())
        person = Person(gateway, load.placed)
        losses = Losses(gateway, platform)
        load.start()
        person.start()
        for kill in schedule.kills(count):
            time.sleep(kill.pause)
            _kill(gateway, platform, mode, kill, losses)
        orders = load.finish()
        settled = settle(gateway, orders)
        person.finish()
        verdict = oracles.judge(gateway, platform, orders, losses)
        return Row(f"random kills, {mode}", count, settled, verdict)


def settle(gateway: Deployment, orders: dict[str, oracles.Order], within: float = SETTLE_SECONDS) -> float:
    """Wait until everything is at its end; returns the seconds. What is not by then, the oracles tell."""
    began = time.monotonic()
    while time.monotonic() < began + within and oracles.under_way(gateway, orders):
        time.sleep(0.25)
    return time.monotonic() - began


def _kill(gateway: Deployment, platform: Simulator, mode: str, kill: Kill, losses: Losses) -> None:
    if mode == "embedded":
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
