"""A deterministic scheduler: greenlets that run one at a time, and switch only at named points.

Time is virtual. A greenlet that waits is an entry in a heap; the clock moves to the next entry. Whatever is drawn comes
from the one random source of the schedule, so that a seed gives the same run.
"""

import hashlib
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet

from tests.explore.virtual.clock import clock


class Killed(BaseException):
    """The process was killed: nothing of it may act any more, not even a `finally`."""


@dataclass(eq=False)
class Process:
    """A logical process of the gateway: what runs in it dies with it. offset: seconds that its clock is ahead."""

    name: str
    offset: float = 0.0
    alive: bool = True
    # In the order of their beginning: a set of objects has another order in each run.
    tasks: "dict[Task, None]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Odds:
    """How probable at each point of a task: that its process is killed, that it stalls, that another one goes first."""

    kill: float = 0.0
    stall: float = 0.0
    switch: float = 0.1
    # Seconds of a stall, from and to: some are longer than a claim.
    stalls: tuple[float, float] = (1.0, 120.0)


class Task(greenlet):
    """One thread of a process. Times are virtual seconds."""

    def __init__(self, process: Process, name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        super().__init__(self._run_to_its_end)
        self.process, self.name = process, name
        self._function, self._arguments = function, arguments
        # When it last learnt something from the database, and when it last waited for long without meaning to.
        self.asked_at = 0.0
        self.stalled: tuple[float, float] = (0.0, 0.0)
        self.failure: Exception | None = None
        # The database failed it: it may not have been able to give back what it held.
        self.failed_by_database = False
        # When it goes on, and the number of that entry in the scheduler's heap.
        self.wakes = (0.0, -1)

    def _run_to_its_end(self) -> None:
        try:
            self._function(*self._arguments)
        except Killed:
            return
        except Exception as error:
            self.failure = error


class Scheduler:
    """Runs tasks and events in the order of their virtual times."""

    def __init__(self, draw: random.Random, odds: Odds, on_failure: Callable[[Task, Exception], None]) -> None:
        self.draw, self.odds = draw, odds
        self.hub = getcurrent()
        self.kills = 0
        self.kills_left = 0
        self.stalls_left = 0
        self._on_failure = on_failure
        # Virtual time, a number that tells entries of one time apart, and what is to go on.
        self._heap: list[tuple[float, int, Task | Callable[[], None]]] = []
        self._numbers = count()
        self._digest = hashlib.blake2b(digest_size=12)
        self.lines: list[str] | None = None
        self.on_kill: Callable[[Process], None] = lambda process: None
        self.on_end: Callable[[Task], None] = lambda task: None
        self._doomed: list[Process] = []

    # --- what happened

    def trace(self, what: str) -> None:
        """Add a line to the trace: its hash proves that two runs did the same."""
        task = getcurrent()
        who = f"{task.process.name}/{task.name}" if isinstance(task, Task) else "-"
        line = f"{clock.now:.6f} {who} {what}"
        self._digest.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    # --- tasks and events

    def at(self, seconds: float, event: Callable[[], None]) -> None:
        """Have something happen outside of every process, after so many seconds."""
        heapq.heappush(self._heap, (clock.now + seconds, next(self._numbers), event))

    def spawn(
        self, process: Process, name: str, function: Callable[..., Any], *arguments: Any, after: float = 0.0
    ) -> Task:
        """Start a thread in a process."""
        task = Task(process, name, function, arguments)
        process.tasks[task] = None
        self._wake(task, clock.now + after)
        return task

    def _wake(self, task: Task, at: float) -> None:
        number = next(self._numbers)
        task.wakes = at, number
        heapq.heappush(self._heap, (at, number, task))

    def hurry(self, task: Task, seconds: float) -> None:
        """Have a task that sleeps go on after so many seconds, unless it would do so earlier."""
        if task.wakes[0] > clock.now + seconds:
            self._wake(task, clock.now + seconds)

    def sleep(self, seconds: float) -> None:
        """Let the current task wait; others run meanwhile."""
        task = getcurrent()
        assert isinstance(task, Task)
        self._wake(task, clock.now + seconds)
        self.hub.switch()
        if not task.process.alive:
            raise Killed

    def point(self, where: str) -> None:
        """A place at which another task may go first, the task may stall, or its process may die."""
        task = getcurrent()
        if not isinstance(task, Task):
            return
        if not task.process.alive:
            raise Killed
        clock.now += 0.000_2
        lot = self.draw.random()
        if lot < self.odds.switch:
            self.sleep(self.draw.expovariate(100))
            return
        lot -= self.odds.switch
        if lot < self.odds.kill and self.kills_left > 0:
            self.kills_left -= 1
            self.trace(f"killed at {where}")
            self.kill(task.process)
            raise Killed
        lot -= self.odds.kill
        if 0 <= lot < self.odds.stall and self.stalls_left > 0:
            self.stalls_left -= 1
            self.stall(self.draw.uniform(*self.odds.stalls), where)

    def stall(self, seconds: float, where: str) -> None:
        """Stop the current task for long, as a machine that swaps, or is suspended, does."""
        task = getcurrent()
        assert isinstance(task, Task)
        self.trace(f"stalls for {seconds:.1f} s at {where}")
        began = clock.now
        self.sleep(seconds)
        task.stalled = began, clock.now

    def kill(self, process: Process) -> None:
        """Kill a process; its other tasks end before anything else happens."""
        if process.alive:
            process.alive = False
            self.kills += 1
            self._doomed.append(process)

    def _bury(self) -> None:
        while self._doomed:
            process = self._doomed.pop()
            for task in list(process.tasks):
                # One that has not begun, never will.
                if task:
                    task.throw(Killed)
            process.tasks.clear()
            self.on_kill(process)

    def run(self, until: float, done: Callable[[], bool]) -> None:
        """Run until this time, or until nothing is left to be done."""
        while self._heap and self._heap[0][0] <= until and not done():
            at, number, what = heapq.heappop(self._heap)
            if isinstance(what, Task):
                if what.wakes[1] != number:
                    # It went on earlier.
                    continue
                clock.now = max(clock.now, at)
                self._resume(what)
            else:
                clock.now = max(clock.now, at)
                what()
            if self._doomed:
                self._bury()

    def _resume(self, task: Task) -> None:
        if task.dead or not task.process.alive:
            return
        clock.offset = task.process.offset
        task.switch()
        clock.offset = 0.0
        if task.dead:
            task.process.tasks.pop(task, None)
            if task.failure is not None:
                self._on_failure(task, task.failure)
            elif task.process.alive:
                self.on_end(task)

    def end(self) -> None:
        """Drop whatever still waits."""
        self.on_kill = lambda process: None
        for _, _, what in self._heap:
            if isinstance(what, Task):
                self.kill(what.process)
        self._bury()
        self._heap.clear()
