"""Kill one process at a random moment, again and again, while batches and singles flow."""

import time
from pathlib import Path

from tests.acceptance.deployment import Deployment, deployment
from tests.chaos import oracles
from tests.chaos.family import CALL_NOBODY, kill_one
from tests.chaos.load import Load
from tests.chaos.losses import Losses
from tests.chaos.people import SETUP, Person
from tests.chaos.reporting import Row
from tests.chaos.schedule import Kill, Schedule

# A kill's connections are gone on the platform's side, too, before its answers are counted; nobody takes over so soon.
NEWS_TAKE = 0.2
SETTLE_SECONDS = 180
ENVIRONMENT = {"CHUNK_ROWS": "200", "SYMPLIFY_CONCURRENCY": "16", "WORKER_CONCURRENCY": "2"}


def run(folder: Path, mode: str, schedule: Schedule, count: int) -> Row:
    """One run in one mode; the row says what became of it."""
    with deployment(folder, mode, config=schedule.config(), setup=SETUP, **ENVIRONMENT) as (gateway, platform):
        platform.faults(schedule.faults(), latency=0.02, repeat_status=410)
        load = Load(platform.url, schedule.orders())
        person = Person(gateway, load.placed)
        losses = Losses(gateway, platform)
        load.start()
        person.start()
        for kill in schedule.kills(count):
            time.sleep(kill.pause)
            _kill(gateway, mode, kill, losses)
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


def _kill(gateway: Deployment, mode: str, kill: Kill, losses: Losses) -> None:
    if mode == "embedded":
        gateway.kill()
        time.sleep(NEWS_TAKE)
        losses.excuse()
        gateway.start()
        return
    hit = kill_one(gateway, kill.role, kill.lot)
    if hit == "supervisor":
        assert gateway.process is not None
        gateway.process.wait(10)
        gateway.start()
    elif hit not in CALL_NOBODY:
        time.sleep(NEWS_TAKE)
    if hit not in CALL_NOBODY:
        losses.excuse()
