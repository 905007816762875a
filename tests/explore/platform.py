"""The platform of a schedule: the simulator's own model of held messages, on the virtual clock, and what it lets happen.

It keeps each call with its caller, so that the audit can say whether the call was right at that moment.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from simulator.platform.files import contents
from simulator.platform.hooks import payload
from simulator.platform.rows import Rows
from simulator.platform.sendouts import REJECTED, Sendout
from simulator.platform.spec import Spec
from simulator.world import DIGITS, PREFIX_LENGTH, World
from tests.explore.virtual.clock import EPOCH, clock
from tests.explore.virtual.scheduler import Task
from tests.explore.virtual.wire import Answer, Trip

HOST = "platform.example.com"


@dataclass(frozen=True, slots=True)
class Trouble:
    """How probable each trouble of a call is while the platform is in trouble."""

    status: float = 0.0
    lost_before: float = 0.0
    lost_after: float = 0.0
    unsent: float = 0.0
    cut: float = 0.0
    refused: float = 0.0
    # Seconds that an answer usually takes.
    latency: float = 0.05


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it leaves: what the audit needs to know about it."""

    kind: str
    sendout: Sendout
    number: int
    task: Task


class _World(World):
    """The simulator's state, with tokens from the schedule's random source."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        super().__init__(f"https://{HOST}")

    def _prefix(self) -> str:
        return "".join(self._draw.choices(DIGITS, k=PREFIX_LENGTH))


class Platform:
    """Sendouts and their URIs. on_call, on_effect: told of each call as it leaves, and as it takes effect."""

    def __init__(self, draw: random.Random, trouble: Trouble, repeat_status: int) -> None:
        self.world = _World(draw)
        self.trouble = trouble
        self.healthy_from = float("inf")
        self.repeat_status = repeat_status
        self.on_call: Callable[[Call], None] = lambda call: None
        self.on_effect: Callable[[Call], None] = lambda call: None
        self.fault: Callable[[str], None] = lambda sentence: None
        self._draw = draw
        # Contacts and deliveries of which a call was made before: only a first call may be refused out of hand.
        self._called: set[tuple[str, str, int]] = set()
        self.files: dict[str, bytes] = {}

    def create(self, kind: str, rows: list[dict[str, Any]], **more: Any) -> tuple[Sendout, bytes]:
        """Make a sendout with one delivery; return it and the body of its hook."""
        wanted = {"kind": kind, "contacts": len(rows), "rows": rows, "due": "none", "hooks": 1, **more}
        sendout = self.world.create(Spec.model_validate(wanted), EPOCH + clock.now)
        listed = Rows(self.world, sendout)
        if kind == "batch":
            self.files[sendout.id] = b"".join(contents(sendout.spec, listed))
        return sendout, json.dumps(payload(self.world, sendout, sendout.deliveries[0], listed)).encode()

    def _find(self, uri: str) -> tuple[str, Sendout, int]:
        role, _, token = urlsplit(uri).path.strip("/").partition("/")
        found = self.world.find(role, token.partition(".")[0])
        assert found is not None, "the gateway called a URI that it was never given"
        return ("reject" if role == "cancel" else role), *found

    def in_trouble(self) -> bool:
        return clock.now < self.healthy_from

    def travel(self, uri: str, task: Task, timeout: float) -> Trip:
        """Draw how a call travels."""
        draw, trouble = self._draw, self.trouble
        kind, sendout, number = self._find(uri)
        self.on_call(Call(kind, sendout, number, task))
        takes = draw.expovariate(1 / trouble.latency) + 0.001
        if self.in_trouble():
            lot = draw.random()
            if lot < trouble.unsent:
                return Trip(None, draw.choice((0.01, 5.0)))
            if lot < trouble.unsent + trouble.lost_before:
                # It hangs until the time-out, and may arrive late or not at all.
                return Trip(draw.choice((0.01, timeout * 0.9)), timeout)
        return Trip(min(takes, timeout * 0.9) / 2, min(takes, timeout * 0.9))

    def answer(self, uri: str, task: Task) -> Answer:
        """Apply a call that arrives, and draw what comes back."""
        kind, sendout, number = self._find(uri)
        made_before = (kind, sendout.id, number) in self._called
        self._called.add((kind, sendout.id, number))
        draw, trouble = self._draw, self.trouble
        lot = draw.random() if self.in_trouble() else 1.0
        if lot < trouble.status:
            later = draw.choice((None, None, 1.0, 30.0))
            return Answer(draw.choice((500, 502, 429, 503)), "", later)
        lot -= trouble.status
        if lot < trouble.refused and not made_before:
            return Answer(draw.choice((404, 410)))
        lot -= trouble.refused
        if kind == "files":
            return self._file(sendout, cut=0 <= lot < trouble.cut)
        call = Call(kind, sendout, number, task)
        lost = 0 <= lot < trouble.lost_after
        status = self._effect(call)
        return Answer(0, "lost") if lost else Answer(status)

    def _file(self, sendout: Sendout, *, cut: bool) -> Answer:
        body = self.files[sendout.id]
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/json"}
        return Answer(200, "", None, body, headers, self._draw.randrange(1, len(body)) if cut else None)

    def _effect(self, call: Call) -> int:
        now = EPOCH + clock.now
        self.on_effect(call)
        if call.kind == "finish":
            delivery = call.sendout.deliveries[call.number]
            # Whether a repeat is right is judged by the audit, with the rows; here it is none's fault.
            delivery.finish_lost = True
            return call.sendout.finish(delivery, self.repeat_status, now)
        if call.sendout.states[call.number] == REJECTED:
            call.sendout.lost[call.number] = 1
        return call.sendout.reject(call.number, self.repeat_status, now)
