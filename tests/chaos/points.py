"""Every named crash point once: reach it, die there, and still end right."""

import time
from collections.abc import Sequence
from typing import Any

from simulator.client import Simulator
from tests.acceptance.deployment import command_of, wait_until
from tests.chaos import arming
from tests.chaos.arming import FROM_OUTSIDE, POINTS
from tests.chaos.kills import settle
from tests.chaos.losses import wait_for_news
from tests.chaos.reporting import Row
from tests.chaos.scene import Scene
from tests.chaos.schedule import Order, with_effects

REACHED_SECONDS = 60
# After this one the platform must see finishUri once more. The judge finds repeats that no lost answer explains.
FINISH_UNREAD = "finish_answered"


def run(scene: Scene, points: Sequence[str] = tuple(POINTS)) -> Row:
    """All points one after the other, each with a batch and some singles of its own."""
    gateway, platform = scene.gateway, scene.platform
    notes: list[str] = []
    longest = 0.0
    for point in points:
        mine = _orders(point)
        # Who died at the point before may be starting still.
        wait_until(gateway.answers, REACHED_SECONDS, "the gateway answers", gateway.tail)
        began = time.monotonic()
        dead, said = _reach(scene, point, mine)
        notes += said
        wait_for_news(platform, dead)
        scene.losses.excuse()
        if scene.mode == "embedded":
            gateway.start()
        settle(gateway, scene.orders, within=60)
        longest = max(longest, time.monotonic() - began)
        notes += _repeats(scene, point, mine)
    return Row(f"crash points, {scene.mode}", len(points), longest, scene.judge(), tuple(notes))


def _orders(point: str) -> list[Order]:
    spec: dict[str, Any] = {"project": "Newsletter", "journey": "Point", "actions": ["consent-check"]}
    file, singles = f"{point}, file", f"{point}, singles"
    if point.startswith(("effect", "transfer")):
        return [
            Order(0, "batch", spec | with_effects(file, 300)),
            Order(0, "single", spec | with_effects(singles, 10) | {"hooks": 10}),
        ]
    return [
        Order(0, "batch", spec | {"sendout": file, "contacts": 750}),
        Order(0, "single", spec | {"sendout": singles, "hooks": 10, "no_consent": 0.3}),
    ]


def _reach(scene: Scene, point: str, mine: list[Order]) -> tuple[list[int], list[str]]:
    """Fire what passes the point, until somebody has died there; returns the ids of the dead, and what went wrong."""
    gateway, platform = scene.gateway, scene.platform
    call = FROM_OUTSIDE.get(point, "")
    before = _arrived(platform, call)
    if call:
        # No answer comes: whatever the platform has received then is sent, and its answer unread.
        platform.faults([{"kind": "hang", "on": call}], repeat_status=410)
    else:
        arming.arm(gateway.folder, point)
    for order in mine:
        created = platform.create(order.kind, **order.spec, wait=False)
        scene.orders[created["id"]] = order

    def died() -> bool:
        return _arrived(platform, call) > before if call else arming.reached(gateway.folder, point) > 0

    try:
        wait_until(died, REACHED_SECONDS, f"the point {point} is reached", gateway.tail)
    except AssertionError as problem:
        return [], [str(problem)]
    dead = [arming.reached(gateway.folder, point)] if not call else []
    if call:
        part = "" if scene.mode == "embedded" else "celery"
        dead = [each.pid for each in gateway.family() if part in " ".join(command_of(each))]
        gateway.kill(part)
        scene.calm()
    elif scene.mode == "embedded":
        assert gateway.process is not None
        gateway.process.wait(10)
    return dead, []


def _arrived(platform: Simulator, call: str) -> int:
    """How many calls of this sort have reached the platform."""
    if call == "contact":
        return int(platform.rest()["calls"].get(call, 0))
    return sum(report["calls"][call] for report in platform.sendouts()) if call else 0


def _repeats(scene: Scene, point: str, mine: list[Order]) -> list[str]:
    """Return what is wrong if the death at the point was not where it claims to be: an unread finish is repeated."""
    seen = [scene.platform.sendout(key) for key, order in scene.orders.items() if order in mine]
    if point == FINISH_UNREAD and not any(report["calls"]["finish_repeat"] for report in seen):
        return [f"no repeat of finishUri at the point {point}"]
    return []
