"""The processes of the gateway in a schedule: web, workers and sweep, or all of them in one; and the broker between."""

import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from queue import Full
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.conf import settings

from gateway.lanes import make_sweep
from gateway.tasks import TASKS
from sendouts.intake import door, store
from sendouts.intake.hook import Received
from sendouts.services import context, credentials, hosts
from sendouts.stages import carry_out
from sendouts.stages.screening import judge
from sendouts.symplify import client
from tests.explore.virtual.clock import clock
from tests.explore.virtual.database import database
from tests.explore.virtual.scheduler import Process, Scheduler
from work import claims, nudges, outages, pulses
from work.lanes import Lane, registered
from work.sweep.loop import Chore
from work.sweep.threads import WorkThreads

_due, _bound_times = Lane.due, Lane.bound_times

# Nothing is due before: the sweep need not look more often, but for what it watches itself.
LONGEST_PAUSE = 30.0
# Whether a chore of the sweep can find anything: asked past Django, since most rounds find nothing.
_FINDS = {
    "expire": "SELECT 1 FROM sendouts_batch WHERE ended_at IS NULL AND deadline <= ? LIMIT 1",
    "foresee": "SELECT 1 FROM sendouts_batch WHERE ended_at IS NULL AND due_at IS NOT NULL AND received_at <= ? "
    "AND status IN ('in_review', 'accepted', 'refused') LIMIT 1",
}
_TIMES = dict.fromkeys(("sendouts_webhook", "sendouts_bulkchange", "sendouts_spool"), ("due_at", "claimed_until"))
_TIMES["sendouts_batch"] = ("due_at", "claimed_until", "deadline")  # type: ignore[assignment]
_NEXT_DUE = "SELECT MIN(at) FROM ({})".format(
    " UNION ALL ".join(
        f"SELECT MIN({column}) AS at FROM {table} WHERE {column} > ?"
        for table, columns in _TIMES.items()
        for column in columns
    )
)
_DUE = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE due_at <= ? AND claim_id IS NULL" for table in _TIMES)


class Broker:
    """Carries nudges. It may be away, lose a message, deliver it twice or late, and in any order."""

    def __init__(self, scheduler: Scheduler, workers: Callable[[str], list[Process]], loses: float, doubles: float):
        self._scheduler, self._workers = scheduler, workers
        self._loses, self._doubles = loses, doubles
        self.away_until = 0.0

    def put_nowait(self, message: tuple[str, Sequence[int], threading.Event]) -> None:
        """Stand for the queue of `work.nudges`."""
        task, ids, left = message
        if clock.now < self.away_until:
            raise Full
        left.set()
        draw = self._scheduler.draw
        copies = 0 if draw.random() < self._loses else 2 if draw.random() < self._doubles else 1
        for _ in range(copies):
            self._scheduler.at(draw.expovariate(20), lambda: self._deliver(task, list(ids)))

    def _deliver(self, name: str, ids: list[int]) -> None:
        lane = next((lane for lane in registered() if lane.task == name), None)
        if lane is None:
            return
        takers = self._workers(lane.worker)
        if takers:
            process = self._scheduler.draw.choice(takers)
            self._scheduler.spawn(process, f"{lane.name} {ids}", _work, lane.name, ids)


def _work(lane: str, ids: list[int]) -> None:
    TASKS[lane](ids)


class _Threads(WorkThreads):
    """Stands for the threads of a sweep."""

    def __init__(self, scheduler: Scheduler, process: Process) -> None:
        super().__init__()
        self._scheduler, self._process = scheduler, process

    def _start(self, kind: str, function: Callable[..., object], *given: Any) -> bool:
        self._scheduler.spawn(self._process, f"sweep-work {given[0]} {given[1]}", function, *given)
        return True


class _Stop:
    """Stands for the event that ends a sweep: it never comes, and waiting for it passes over idle rounds."""

    def __init__(self, scheduler: Scheduler, process: Process) -> None:
        self._scheduler, self._process = scheduler, process

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        self._scheduler.sleep(max(seconds, min(_until_due(self._process), LONGEST_PAUSE)))


def sweep(scheduler: Scheduler, process: Process) -> None:
    """Sweep until the process dies, but pass over the rounds in which nothing can be due."""
    made = make_sweep()
    made._threads = _Threads(scheduler, process)
    # What runs beside it, has threads of its own.
    made._beside = ()
    made._chores = [_only_if_it_finds(chore) for chore in made._chores if chore.name in _FINDS]
    made.run(_Stop(scheduler, process))  # type: ignore[arg-type]


def _only_if_it_finds(chore: Chore) -> Chore:
    """Have a chore run only where rows could concern it."""
    sql = _FINDS[chore.name]

    def run(now: datetime) -> object:
        return chore.run(now) if database.fetch(sql, _latest()) else None

    return replace(chore, run=run)


def _due_if_any(lane: Lane, limit: int) -> list[int]:
    """Stand for `Lane.due`: most rounds find nothing, and building the question costs more than asking it."""
    table = lane.model._meta.db_table
    if not database.fetch(f"SELECT 1 FROM {table} WHERE due_at <= ? LIMIT 1", _latest()):
        return []
    return _due(lane, limit)


def _latest() -> str:
    """Return a time that neither the clock of this process nor the database's has reached."""
    return _text(max(clock.moment(), clock.database_moment()) + timedelta(seconds=1))


def _bound_if_any(lane: Lane) -> int:
    """Stand for `Lane.bound_times`: asked past Django whether a time is so far ahead."""
    table = lane.model._meta.db_table
    longest = min((longest for _, longest in lane.pauses), default=timedelta(days=9))
    ends = [_text(clock.database_moment() + each) for each in (longest, timedelta(seconds=settings.CLAIM_SECONDS))]
    if not database.fetch(f"SELECT 1 FROM {table} WHERE due_at > ? OR claimed_until > ? LIMIT 1", *ends):
        return 0
    return _bound_times(lane)


def _text(moment: datetime) -> str:
    return str(moment.replace(tzinfo=None))


def _until_due(process: Process) -> float:
    now = _text(clock.database_moment())
    if database.fetch(_DUE, *[now] * len(_TIMES)):
        return 0.0
    ((text,),) = database.fetch(_NEXT_DUE, *[now] * _NEXT_DUE.count("?"))
    if text is None:
        return LONGEST_PAUSE
    ((seconds,),) = database.fetch("SELECT (julianday(?) - julianday(?)) * 86400", text, now)
    return float(seconds)


# --- the door


class _Promise:
    """Stands for a future and its event loop, where one thread does both."""

    def __init__(self) -> None:
        self._durable: bool | None = None

    def get_loop(self) -> "_Promise":
        return self

    def call_soon_threadsafe(self, function: Callable[..., None], *arguments: Any) -> None:
        function(*arguments)

    def done(self) -> bool:
        return self._durable is not None

    def set_result(self, durable: bool) -> None:
        self._durable = durable

    def result(self) -> bool:
        return bool(self._durable)


class _Store(store.Store):
    """The door's store without its thread: the caller writes, as a group of one."""

    async def keep(self, hook: Received) -> None:
        promise = _Promise()
        self._store_group({promise: hook})  # type: ignore[dict-item]
        if not promise.result():
            raise store.NotStored


# What counts the door's answers has a thread, and is not explored.
_WATCH: Any = SimpleNamespace(watching=lambda send: send)


@asynccontextmanager
async def _no_timeout(seconds: float) -> Any:
    yield


def post(body: bytes) -> tuple[int, UUID | None]:
    """Post a hook to the door; return the status and the hook's id."""
    made = door.Door(
        None, basic=(("hook", "x"),), header="", tokens=(), max_bytes=100_000, store=_Store(), watch=_WATCH
    )
    said: list[Any] = []
    headers = [(b"authorization", b"Basic aG9vazp4"), (b"content-type", b"application/json")]

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        said.append(message)

    called = made({"type": "http", "path": door.PATH, "method": "POST", "headers": headers}, receive, send)
    try:
        called.send(None)  # type: ignore[attr-defined]
    except StopIteration:
        status, content = said[0]["status"], json.loads(said[1]["body"] or b"{}")
        return status, UUID(content["id"]) if "id" in content else None
    raise AssertionError("the door waited for something")


# --- start and end


def install() -> None:
    """Have what would start threads or wait for a broker do neither, once."""
    Lane.due, Lane.bound_times = _due_if_any, _bound_if_any  # type: ignore[method-assign]
    nudges._start = lambda: None
    door.asyncio = SimpleNamespace(timeout=_no_timeout)  # type: ignore[assignment]
    pool = SimpleNamespace(submit=_submit)
    for module in (context, judge, carry_out):
        module.own_pool = lambda: pool  # type: ignore[attr-defined]


def _submit(function: Callable[..., Any], *arguments: Any) -> Any:
    raise AssertionError("no kind that waits for other services is explored")


def forget() -> None:
    """Empty what a process keeps in memory, as at its start."""
    hosts._known.clear()
    credentials._known = (float("-inf"), {})  # type: ignore[assignment]
    pulses._signed.clear()
    outages._seen.clear()
    settings.SPOOL_DIR = Path(settings.DATA_DIR) / f"spool-{os.getpid()}"
    for left in settings.SPOOL_DIR.glob("*"):
        left.unlink()
    client.breakers.forget()
    client._kept.fanouts.clear()
    client._kept.sessions.clear()
    if claims._Turn._held.locked():
        claims._Turn._held.release()


def drop_claims() -> None:
    """What the embedded mode does at its start: its predecessor held whatever is claimed."""
    died = not outages.tell_start()
    for model in {lane.model: None for lane in registered()}:
        claims.drop_all(model, died=died)
