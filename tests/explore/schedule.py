"""One schedule: a seed becomes a run of the whole gateway, and a verdict."""

import gc
import hashlib
import json
import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError
from django.utils import translation

from sendouts.models import Webhook
from sendouts.verbs import change_many
from tests.explore import processes, scene
from tests.explore.audit import OPEN
from tests.explore.judge import Judge
from tests.explore.people import Person
from tests.explore.platform import HOST, Platform
from tests.explore.processes import Broker
from tests.explore.virtual.clock import clock
from tests.explore.virtual.database import database
from tests.explore.virtual.scheduler import Odds, Process, Scheduler, Task
from tests.explore.virtual.wire import wire
from work import nudges, pulses

# Seconds that a schedule goes on after its last batch has ended: calls that still travel arrive.
AFTERWARDS = 50.0
# Seconds within which the work is done once nothing is wrong: a claim runs out, and the longest pauses end.
SETTLES = 100.0
KINDS = ("web", "small", "files", "sweep")
_users: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a schedule showed."""

    seed: int
    digest: str
    wrong: tuple[str, ...]
    kills: int
    seconds: float
    lines: tuple[str, ...]


def prepare() -> None:
    """Fill the database from which every schedule starts, once."""
    settings.SYMPLIFY_ALLOWED_HOSTS, settings.SYMPLIFY_ALLOW_HTTP = [HOST], False
    settings.SYMPLIFY_TIMEOUT, settings.CLAIM_SECONDS = scene.TIMEOUT, scene.CLAIM_SECONDS
    change_many.AT_ONCE, change_many.PIECE = 1, 2
    translation.activate("en")
    scene.fill()
    _users.update(scene.people())
    database.keep_template()


class Schedule:
    """The run of one seed."""

    def __init__(self, seed: int, *, keep_lines: bool = False) -> None:
        self.seed = seed
        self.draw = random.Random(seed)
        self.draws = scene.drawn(self.draw)
        self.scheduler = Scheduler(self.draw, Odds(switch=self.draws.odds.switch), self._failed)
        if keep_lines:
            self.scheduler.lines = []
        self.platform = Platform(self.draw, self.draws.trouble, self.draws.repeat_status)
        self.outside = Process("people")
        self.audit = Judge(self.scheduler, self.platform)
        self.alive: dict[str, Process] = {}
        self.broker = Broker(self.scheduler, self._workers, self.draws.loses, self.draws.doubles)
        self.hooks: dict[UUID, str] = {}
        self._sweep: Task | None = None
        self._posts_left = 0
        self._closed_at: float | None = None

    def run(self) -> Outcome:
        clock.reset()
        clock.draw, clock.sleep = self.draw, self.scheduler.sleep
        clock.running = True
        gc.disable()
        try:
            self._begin()
            self.scheduler.run(self._horizon(), self._is_done)
            self.scheduler.end()
            database.end()
            self._judge()
        finally:
            database.end()
            clock.running = False
            gc.enable()
        made = self.scheduler
        lines = tuple(made.lines or ())
        return Outcome(self.seed, made.digest, tuple(self.audit.wrong), made.kills, clock.now, lines)

    def _begin(self) -> None:
        draws, scheduler = self.draws, self.scheduler
        processes.forget()
        settings.CHUNK_ROWS = draws.chunk_rows
        nudges._waiting = self.broker  # type: ignore[assignment]
        wire.scheduler, wire.travel, wire.answer = scheduler, self.platform.travel, self.platform.answer
        database.begin(scheduler)
        database.on_commit = self._committed
        database.loses_answers = draws.commit_doubt
        self.platform.on_call, self.platform.on_effect = self.audit.at_call, self.audit.at_effect
        self.platform.healthy_from = draws.quiet_from
        scheduler.odds, scheduler.kills_left, scheduler.stalls_left = draws.odds, draws.kills, draws.stalls
        scheduler.on_kill, scheduler.on_end = self._restart, self.audit.after_task
        for kind in ("gateway",) if draws.embedded else KINDS:
            self._start(kind)
        for sent in draws.sent:
            self._hold(sent)
        self._plan_outages()
        for name in scene.REVIEWERS[: self.draw.randint(1, 3)]:
            person = Person(scheduler, _users[name], draws.habits, self.audit.complain)
            scheduler.spawn(self.outside, f"person {name}", person.live)
        if draws.habits.acts and self.draw.random() < 0.1:
            viewer = Person(scheduler, _users["viewer"], draws.habits, self.audit.complain, may_decide=False)
            scheduler.spawn(self.outside, "person viewer", viewer.live)
        scheduler.at(draws.quiet_from, self._calm_down)

    def _committed(self, task: Task | None) -> None:
        self.audit.after_commit(task)
        if self._sweep is not None and self._sweep is not task:
            # It passes over rounds in which nothing can be due: now something may be.
            self.scheduler.hurry(self._sweep, settings.SWEEP_SECONDS)

    # --- processes

    def _start(self, kind: str) -> None:
        process = Process(kind, self.draws.offsets.get(kind, 0.0) if clock.now < self.draws.quiet_from else 0.0)
        self.alive[kind] = process
        if kind == "gateway":
            self.scheduler.spawn(process, "start", processes.drop_claims)
        if kind in ("sweep", "gateway"):
            self._sweep = self.scheduler.spawn(process, "sweep", processes.sweep, self.scheduler, process, after=0.01)

    def _restart(self, process: Process) -> None:
        if self.alive.get(process.name) is process:
            del self.alive[process.name]
            self.scheduler.at(self.draw.choice((0.5, 5.0, 20.0)), lambda: self._start(process.name))

    def _workers(self, name: str) -> list[Process]:
        if (away := self.draws.workers_away) and away[0] <= clock.now < sum(away):
            return []
        kind = "small" if name == pulses.SMALL else "files"
        return [self.alive[each] for each in ("gateway", kind) if each in self.alive]

    def _failed(self, task: Task, error: Exception) -> None:
        self.scheduler.trace(f"{task.name} fails: {type(error).__name__}")
        if isinstance(error, OperationalError | InterfaceError):
            return
        if isinstance(error, IntegrityError) and not task.name.startswith("person"):
            return
        self.audit.complain(f"{task.process.name}/{task.name} failed: {type(error).__name__}: {error}")

    # --- what happens

    def _hold(self, sent: scene.Sent) -> None:
        rows: list[dict[str, Any]] = [
            {"contactId": f"A-{place}", "properties": {} if consent is None else {"consent": consent}}
            for place, consent in enumerate(sent.consent)
        ]
        names = {"project": sent.project, "journey": "Journey", "sendout": "Day 1", "actions": list(sent.actions)}
        timeout = 1e6
        made, body = self.platform.create(sent.kind, rows, timeout=timeout, **names)
        finish = hashlib.sha256(json.loads(body)["finishUri"].encode()).hexdigest()
        self.audit.sendout_of[finish] = made.id
        self.audit.due[made.id] = list(sent.consent)
        for post in range(sent.posts):
            self._posts_left += 1
            self.scheduler.at(sent.after + post * self.draw.uniform(0, 3), lambda: self._post(made.id, body))

    def _post(self, name: str, body: bytes) -> None:
        process = self.alive.get("gateway") or self.alive.get("web")
        self._posts_left -= 1
        if process is not None:
            self.scheduler.spawn(process, f"door {name}", self._answer, name, body)

    def _answer(self, name: str, body: bytes) -> None:
        status, uuid = processes.post(body)
        self.scheduler.trace(f"the hook of {name} is answered {status}")
        if status == 202 and uuid is not None:
            self.hooks[uuid] = name

    def _plan_outages(self) -> None:
        draws = self.draws
        if draws.broker_away:
            start, seconds = draws.broker_away
            self.scheduler.at(start, lambda: setattr(self.broker, "away_until", start + seconds))
        if draws.database_away:
            begins, lasts = draws.database_away
            self.scheduler.at(begins, lambda: setattr(database, "away_until", begins + lasts))

    def _calm_down(self) -> None:
        self.scheduler.trace("all is quiet")
        self.scheduler.odds = Odds(switch=self.draws.odds.switch)
        database.loses_answers = 0.0
        for process in self.alive.values():
            process.offset = 0.0

    def _horizon(self) -> float:
        return max(sent.after for sent in self.draws.sent) + 240 + 120

    def _is_done(self) -> bool:
        rows = self.audit.rows.values()
        if self._posts_left or any(row.status in OPEN for row in rows) or clock.now < self.draws.quiet_from:
            self._closed_at = None
            return False
        if self._closed_at is None:
            if Webhook.objects.filter(due_at__isnull=False).exists():
                return False
            self._closed_at = clock.now
        return clock.now >= self._closed_at + AFTERWARDS

    def _judge(self) -> None:
        settled = max(
            self.draws.quiet_from,
            *(
                sum(away)
                for away in (self.draws.broker_away, self.draws.database_away, self.draws.workers_away)
                if away
            ),
            0.0,
        )
        self.audit.at_end(self.hooks, settled + SETTLES)
