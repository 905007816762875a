"""A thread with a queue of hooks, which it takes in groups. Free of Django."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice

from sendouts.intake.hook import Received

# Limits of one INSERT or journal write: PostgreSQL takes at most 65,535 parameters; the bytes limit memory.
# Two long hooks fit beside the short ones: more would keep those behind them waiting.
GROUP_HOOKS = 500
GROUP_BYTES = 10_000_000
# A hook above this size comes after those that arrived later.
SHORT_BYTES = 100_000

Promise = asyncio.Future[bool]
Group = dict[Promise, Received]
# Called with a hook, and whether it is durable.
Told = Callable[[Received, bool], None]


class HookThread(ABC):
    """A thread that takes hooks from event loops in groups. Hooks can be withdrawn until it takes them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._waiting: Group = {}
        self._changed = threading.Condition()
        self._stopped = False

    def start(self) -> None:
        """Start the thread, if it is not running yet."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def put(self, hook: Received) -> Promise:
        """Queue a hook; the future's result says whether it became durable."""
        return next(iter(self.put_all([hook])))

    def put_all(self, hooks: Iterable[Received]) -> Group:
        """Queue these hooks at once; the result of each future says whether its hook became durable."""
        if self._thread is None:
            self.start()
        loop = asyncio.get_running_loop()
        group = {loop.create_future(): hook for hook in hooks}
        with self._changed:
            self._waiting |= group
            self._changed.notify()
        return group

    def withdraw(self, promises: Iterable[Promise]) -> None:
        """Remove hooks from the queue, except those that the thread has taken already."""
        with self._changed:
            for promise in promises:
                self._waiting.pop(promise, None)

    def take(self, timeout: float | None = None) -> Group:
        """Return the next hooks, short ones first; none after `timeout` seconds, or if the queue has stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped, timeout)
            waiting = dict(sorted(self._waiting.items(), key=_is_long))
            group = dict(islice(waiting.items(), fitting(waiting.values(), GROUP_HOOKS, GROUP_BYTES)))
            for promise in group:
                del self._waiting[promise]
            return group

    def stop(self, timeout: float) -> None:
        """Let the thread end once the queue is empty, and wait for it for so many seconds."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)

    @property
    def queued(self) -> int:
        """Return how many hooks wait for the thread."""
        return len(self._waiting)

    def _has_work(self) -> bool:
        return not self._stopped or bool(self._waiting)

    @abstractmethod
    def _run(self) -> None:
        """Work until the queue has stopped and is empty."""


def _is_long(waiting: tuple[Promise, Received]) -> bool:
    return len(waiting[1].body) > SHORT_BYTES


def fitting(hooks: Iterable[Received], most: int, most_bytes: int) -> int:
    """Return how many of these hooks, from the first on, make one group: at least one, if there is any."""
    number = size = 0
    for number, hook in enumerate(islice(hooks, most), 1):
        size += len(hook.body)
        if number > 1 and size > most_bytes:
            return number - 1
    return number


def settle(promises: Iterable[Promise], durable: bool) -> None:
    """Set the result of these futures, each on its own event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Promise]] = {}
    for promise in promises:
        by_loop.setdefault(promise.get_loop(), []).append(promise)
    for loop, mine in by_loop.items():
        # No task waits on a closed loop.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_set, mine, durable)


def _set(promises: list[Promise], durable: bool) -> None:
    for promise in promises:
        if not promise.done():
            promise.set_result(durable)


async def wait_durable(group: Group, seconds: float, told: Told) -> list[Received]:
    """Call `told` for each hook that becomes durable within this time; return the others.

    A hook may have several futures, and is durable with the first of them. Return early once all have failed.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    open_hooks = {hook.uuid: hook for hook in group.values()}
    waiting = set(group)
    while waiting:
        done, waiting = await asyncio.wait(
            waiting, timeout=max(0.0, until - loop.time()), return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            break
        for promise in done:
            hook = group[promise]
            if promise.result() and hook.uuid in open_hooks:
                del open_hooks[hook.uuid]
                told(hook, True)
        waiting = {promise for promise in waiting if group[promise].uuid in open_hooks}
    return list(open_hooks.values())
