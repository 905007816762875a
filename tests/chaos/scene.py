"""One gateway with chaos settings and one platform, shared by the scenarios that are played on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment, deployment
from tests.chaos import effects, oracles, people
from tests.chaos.losses import Losses
from tests.chaos.schedule import Order, Schedule

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
    "CHUNK_ROWS": "100",
    "SYMPLIFY_CONCURRENCY": "16",
    "WORKER_CONCURRENCY": "2",
    **effects.ENVIRONMENT,
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a scenario plays on. orders: all that was ordered so far, by the id that the simulator gave."""

    mode: str
    folder: Path
    schedule: Schedule
    gateway: Deployment
    platform: Simulator
    losses: Losses
    orders: dict[str, Order] = field(default_factory=dict)

    def calm(self) -> None:
        """Have the platform answer rightly, with a little delay."""
        self.platform.faults(latency=0.02, repeat_status=410)

    def judge(self) -> oracles.Verdict:
        """Judge everything that has happened since the start."""
        return oracles.judge(self.gateway, self.platform, self.orders, self.losses)


@contextmanager
def scene(folder: Path, mode: str, schedule: Schedule, **environment: str) -> Iterator[Scene]:
    """Start both; environment: more of it, also another database or broker."""
    chaos = {**ENVIRONMENT, "CHAOS_DIR": str(folder), **environment}
    with deployment(folder, mode, config=schedule.config(), setup=people.create, **chaos) as (gateway, platform):
        effects.set_up(gateway, platform, schedule.codes, schedule.receiver_faults())
        made = Scene(mode, folder, schedule, gateway, platform, Losses(gateway, platform))
        made.calm()
        yield made
