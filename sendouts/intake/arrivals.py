"""Hooks that arrived in one turn of the event loop, or during one write: sealed, stored and answered as one group."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from sendouts.intake.answer import HookAnswer, answer, answer_to
from sendouts.intake.hook import Received
from sendouts.intake.store import Store, seal_hooks
from sendouts.intake.watch import DoorWatch

log = structlog.get_logger(__name__)
# How long hooks may wait for the end of the write before theirs. The thread that writes would not take them earlier,
# unless the database hangs.
HOLD_SECONDS = 0.005


@dataclass(slots=True)
class Arrival:
    """One hook that was read in full. reply: sends its answer. started: on the monotonic clock."""

    body: bytes
    content_type: str
    received_at: datetime
    reply: Callable[[HookAnswer], None]
    started: float = field(default_factory=time.monotonic)


class Arrivals:
    """The hooks of the next group, and the tasks of earlier groups."""

    def __init__(self, store: Store, watch: DoorWatch) -> None:
        self._store = store
        self._watch = watch
        self._group: list[Arrival] = []
        self._next: asyncio.Handle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, arrival: Arrival) -> None:
        """Store and answer this hook with all others that arrive in the same turn, or during the last write."""
        self._group.append(arrival)
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.call_later(HOLD_SECONDS, self._begin) if self._tasks else loop.call_soon(self._begin)

    def _begin(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        group, self._group = self._group, []
        if group:
            task = asyncio.get_running_loop().create_task(self._keep(group))
            self._tasks.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._begin()

    async def _keep(self, group: list[Arrival]) -> None:
        left = dict(enumerate(group))
        places: dict[UUID, int] = {}

        def told(hook: Received, durable: bool) -> None:
            arrival = left.pop(places[hook.uuid])
            self._reply(arrival, partial(answer_to, hook, arrival.body, durable))

        try:
            hooks = seal_hooks([(each.body, each.content_type, each.received_at) for each in group])
            places |= {hook.uuid: place for place, hook in enumerate(hooks)}
            await self._store.keep_all(hooks, told)
        except Exception:
            log.exception("hooks_not_answered", hooks=len(left))
        for arrival in left.values():
            self._reply(arrival, _failed)

    def _reply(self, arrival: Arrival, find: Callable[[], HookAnswer]) -> None:
        """Send an answer; an error concerns no other hook of the group."""
        try:
            said = find()
        except Exception:
            log.exception("hooks_not_answered", hooks=1)
            said = _failed()
        self._watch.note(said.status, time.monotonic() - arrival.started)
        try:
            arrival.reply(said)
        except Exception:
            log.exception("hook_answer_not_sent")


def _failed() -> HookAnswer:
    return answer(500, "The hook could not be answered. Send it again.")
