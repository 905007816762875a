"""Outages: take one dependency away while hooks arrive, restore it, and check that all work resumes."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulator.client import Report, Simulator
from tests.acceptance.deployment import Deployment, wait_until
from tests.chaos import effects, stored
from tests.chaos.kills import settle
from tests.chaos.load import Load
from tests.chaos.reporting import Row
from tests.chaos.robbing import Outage, Servers, keep_at_it
from tests.chaos.scene import Scene
from tests.chaos.schedule import Order, Schedule, with_effects
from tests.chaos.watching import Visitor, complaints
from tests.servers import Server

PER_SECOND = 20
FILE_EVERY = 5
SETTLE_SECONDS = 60.0
NEWS_SECONDS = 1.0
# A disk that is busy may cost a hook its 400 ms though the database answers; only the journal has an answer to that.
REFUSED_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Demands:
    """What is demanded beyond that nothing is lost and everything goes on by itself.

    journal: JOURNAL=1, so that no hook is refused, whatever is away. prompt: everything answers in time, which a machine that is
    busy with other things cannot promise.
    """

    journal: bool = False
    prompt: bool = True


def environment_of(broker: Server, demands: Demands) -> dict[str, str]:
    """Return what a scene needs for an outage."""
    return {"JOURNAL": "1" if demands.journal else "0", "CELERY_BROKER_URL": broker.url}


def run(scene: Scene, outage: Outage, seconds: float, found: tuple[Server, Server], demands: Demands) -> Row:
    """One outage of so many seconds."""
    postgresql, broker = found
    gateway, platform = scene.gateway, scene.platform
    database, disk = gateway.environment["DATABASE_URL"], Path(gateway.environment["DATA_DIR"]).parent
    servers = Servers(postgresql, broker, database, broker.url, scene.folder, platform, disk, gateway)
    if outage.tokens:
        effects.require_tokens(gateway, platform)
    visitor = Visitor(gateway.url)
    visitor.log_in()
    load = Load(platform.url, _orders(outage, scene.schedule))
    load.start()
    wait_until(lambda: _has_finished(gateway, outage), 60, "batches flow", gateway.tail)
    visitor.start()
    _rob(outage, servers, scene, seconds)
    orders = load.finish()
    scene.orders.update(orders)
    settled = settle(gateway, scene.orders, SETTLE_SECONDS)
    pages = visitor.finish()
    notes = [*_refused(platform, outage, demands, orders)]
    if demands.prompt and (outage.stores or demands.journal):
        notes += complaints(pages)
    slowest = max((each.seconds for each in pages), default=0.0)
    return Row(f"{outage.name}, {seconds:g} s", 0, settled, scene.judge(), tuple(notes), slowest)


def _has_finished(gateway: Deployment, outage: Outage) -> bool:
    """Whether a batch of this outage has come to its end."""
    return any(
        batch.status == "finished" and batch.sendout.startswith(outage.name) for batch in stored.batches(gateway)
    )


def _rob(outage: Outage, servers: Servers, scene: Scene, seconds: float) -> None:
    losses = scene.losses
    before = stored.totals(stored.batches(scene.gateway))
    over = threading.Event()
    timer = threading.Timer(seconds, over.set)
    outage.begin(servers)
    timer.start()
    try:
        if outage.loses and outage.stores:
            # Others repeat what was lost as soon as its claims have ended. By then the platform has answered all calls.
            over.wait(NEWS_SECONDS)
            losses.excuse()
        if outage.again is not None:
            draw = random.Random(f"{outage.name} {scene.schedule.seed}")
            keep_at_it(outage, servers, draw, over, losses.excuse)
        over.wait()
        if outage.loses and not outage.stores and outage.again is None:
            losses.excuse(before)
    finally:
        timer.cancel()
        outage.end(servers)


def _orders(outage: Outage, schedule: Schedule) -> Iterator[Order]:
    """Twenty hooks a second, and now and then a file."""
    name = outage.name
    spec = {"project": "Newsletter", "journey": name, "actions": ["consent-check"]}
    number = 0
    while True:
        number += 1
        one = spec | {"sendout": f"{name} {schedule.seed}-{number}", "hooks": PER_SECOND, "per_second": PER_SECOND}
        yield Order(1.0, "single", one)
        if number % FILE_EVERY == 0:
            file = f"{name} {schedule.seed}-{number}-file"
            more = with_effects(file, 200) if outage.tokens else {"sendout": file, "contacts": outage.contacts}
            yield Order(0.0, "batch", spec | more)


def _refused(platform: Simulator, outage: Outage, demands: Demands, orders: dict[str, Order]) -> list[str]:
    """Every hook is acknowledged within the platform's second, or refused with 503 where it cannot be stored."""
    hooks: list[Report] = [hook for key in orders for hook in platform.sendout(key)["hooks"]]
    refused = [hook for hook in hooks if hook["status"] == 503]
    may = REFUSED_SHARE * len(hooks) if outage.stores else len(hooks)
    bad = [hook for hook in hooks if hook["status"] not in (202, 503) and hook["error"] != "timeout"]
    if demands.prompt:
        bad += [hook for hook in hooks if hook["error"] == "timeout"]
        bad += refused if demands.journal or len(refused) > may else []
    if not bad:
        return []
    first = {key: bad[0][key] for key in ("status", "ms", "error")}
    return [f"{len(bad)} of {len(hooks)} hooks were not acknowledged, the first: {first}"]
