"""Each named crash point once: reach it, die there, and end right all the same."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment, deployment, wait_until
from tests.chaos import arming, oracles
from tests.chaos.arming import FROM_OUTSIDE, POINTS
from tests.chaos.kills import ENVIRONMENT, NEWS_TAKE, settle
from tests.chaos.losses import Losses
from tests.chaos.people import SETUP
from tests.chaos.reporting import Row
from tests.chaos.schedule import Order, Schedule

REACHED_SECONDS = 60
# After these the platform may see finishUri once more; after the others never.
REPEATS_FINISH = frozenset({"finish_answered"})


def run(folder: Path, mode: str, schedule: Schedule, points: Sequence[str] = tuple(POINTS)) -> Row:
    """All points one after the other on one gateway, each with a batch and some singles of its own."""
    chaos = {"DJANGO_SETTINGS_MODULE": "tests.chaos.settings", "CHAOS_DIR": str(folder), "CHUNK_ROWS": "100"}
    with deployment(folder, mode, config=schedule.config(), setup=SETUP, **ENVIRONMENT | chaos) as (gateway, platform):
        platform.faults(latency=0.02, repeat_status=410)
        losses = Losses(gateway, platform)
        orders: dict[str, Order] = {}
        notes: list[str] = []
        longest = 0.0
        for point in points:
            mine = _orders(point)
            # Who died at the point before may be starting still.
            wait_until(gateway.answers, REACHED_SECONDS, "the gateway answers", gateway.tail)
            began = time.monotonic()
            notes += _reach(gateway, platform, mode, point, mine, orders)
            time.sleep(NEWS_TAKE)
            losses.excuse()
            if mode == "embedded":
                gateway.start()
            settle(gateway, orders, within=60)
            longest = max(longest, time.monotonic() - began)
            notes += _repeats(platform, point, mine, orders)
        verdict = oracles.judge(gateway, platform, orders, losses)
        return Row(f"crash points, {mode}", len(points), longest, verdict, tuple(notes))


def _orders(point: str) -> list[Order]:
    spec: dict[str, Any] = {"project": "Newsletter", "journey": "Point", "actions": ["consent-check"]}
    return [
        Order(0, "batch", spec | {"sendout": f"{point}, file", "contacts": 750}),
        Order(0, "single", spec | {"sendout": f"{point}, singles", "hooks": 10, "no_consent": 0.3}),
    ]


def _reach(
    gateway: Deployment, platform: Simulator, mode: str, point: str, mine: list[Order], orders: dict[str, Order]
) -> list[str]:
    """Fire what passes the point, until somebody has died there; returns what went wrong."""
    if point == FROM_OUTSIDE:
        # No answer comes: whatever the platform has received then is sent, and its answer unread.
        platform.faults([{"kind": "hang", "on": "reject"}], repeat_status=410)
    else:
        arming.arm(gateway.folder, point)
    for order in mine:
        created = platform.create(order.kind, **order.spec, wait=False)
        orders[created["id"]] = order
    ids = [key for key, order in orders.items() if order in mine]

    def died() -> bool:
        if point == FROM_OUTSIDE:
            return any(platform.sendout(key)["calls"]["reject"] for key in ids)
        return arming.reached(gateway.folder, point)

    try:
        wait_until(died, REACHED_SECONDS, f"the point {point} is reached", gateway.tail)
    except AssertionError as problem:
        return [str(problem)]
    if point == FROM_OUTSIDE:
        gateway.kill("" if mode == "embedded" else "celery")
        platform.faults(latency=0.02, repeat_status=410)
    elif mode == "embedded":
        assert gateway.process is not None
        gateway.process.wait(10)
    return []


def _repeats(platform: Simulator, point: str, mine: list[Order], orders: dict[str, Order]) -> list[str]:
    """What the platform has seen twice at this point beyond what the point excuses."""
    seen = [platform.sendout(key) for key, order in orders.items() if order in mine]
    finishes = sum(report["calls"]["finish_repeat"] for report in seen)
    if (finishes > 0) != (point in REPEATS_FINISH):
        return [f"{finishes} repeats of finishUri at the point {point}"]
    return []
