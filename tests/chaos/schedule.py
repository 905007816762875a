"""Schedule of a run, drawn from its seed alone: the same seed gives the same kills, orders and faults."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PROJECTS = """
projects:
  - {{name: Newsletter, actions: [{consent}]}}
  - {{name: Held, review: always, actions: [{consent}]}}
  - {{name: Silent, review: always, answer_within: {silent}s, actions: [{consent}]}}
  - {{name: Closing, review: always, at_deadline: reject, answer_within: {closing}s, actions: [{consent}]}}
"""
CONSENT = (
    "{identifier: consent-check, kind: field_rule,"
    ' config: {field: properties.consent, reject_if: {equals: false}, if_missing: hold, reason: "No consent"}}'
)
# The project whose contacts get something and are told of; see tests.chaos.effects.
EFFECTS = "Effects"
# How likely each part of the gateway is to be the next that dies. Those that hold work are hit most.
ROLES = {
    "web": 3,
    "keeper": 1,
    "worker": 2,
    "worker child": 5,
    "worker-files": 2,
    "worker-files child": 5,
    "worker-downloads": 4,
    "worker-services": 3,
    "sweep": 2,
    "beat": 1,
    "supervisor": 1,
}
# Bursts have at most ten hooks: with a duplicate each, the simulator still tells every single answer.
LARGEST_BURST = 10
SLACK = 15


@dataclass(frozen=True, slots=True)
class Kill:
    """`pause` seconds after the one before, one process of this part dies; `lot` (0 to 1) picks it among several."""

    pause: float
    role: str
    lot: float


@dataclass(frozen=True, slots=True)
class Order:
    """One sendout that the platform holds. `answer` is what a person says: accept, reject, or nothing (nobody looks)."""

    pause: float
    kind: str
    spec: dict[str, Any]
    answer: str = ""


def with_effects(sendout: str, count: int) -> dict[str, Any]:
    """What is to be said of an order whose contacts are all its own; one in ten does not consent."""
    rows = [{"contactId": f"{sendout}:{n}", "properties": {"consent": n % 10 != 9, "points": n}} for n in range(count)]
    actions = ["consent-check", "code", "write", "tell"]
    return {"project": EFFECTS, "sendout": sendout, "actions": actions, "rows": rows}


@dataclass(frozen=True, slots=True)
class Schedule:
    """The draws of one run. silent, closing: seconds until the deadline of what nobody answers, and of what is declared."""

    seed: int
    silent: int = 45
    closing: int = 60
    pace: float = 1.0
    largest: int = 3_000
    codes: int = 150_000

    def config(self) -> str:
        return PROJECTS.format(consent=CONSENT, silent=self.silent, closing=self.closing)

    def kills(self, count: int) -> list[Kill]:
        draw = random.Random(f"kills {self.seed}")
        roles = draw.choices(list(ROLES), list(ROLES.values()), k=count)
        return [Kill(round(self.pace * draw.uniform(0.4, 2.6), 3), role, draw.random()) for role in roles]

    def orders(self) -> Iterator[Order]:
        """Orders without end; the run takes as many as it has time for."""
        draw = random.Random(f"orders {self.seed}")
        number = 0
        while True:
            number += 1
            yield self._order(draw, f"{self.seed}-{number}")

    def faults(self) -> list[dict[str, Any]]:
        """What goes wrong on the platform's side. Each file fails at most twice, so that its end is proven in the third try."""
        calls = [
            {"kind": "status", "on": "reject", "status": 500, "share": 0.03},
            {"kind": "reset_before", "on": "reject", "share": 0.01},
            {"kind": "reset_after", "on": "reject", "share": 0.02},
            {"kind": "slow", "on": "reject", "seconds": 0.3, "share": 0.02},
            {"kind": "status", "on": "finish", "status": 503, "share": 0.05},
            {"kind": "reset_after", "on": "finish", "share": 0.05},
            {"kind": "reset_before", "on": "finish", "share": 0.05},
            {"kind": "status", "on": "contact", "status": 500, "share": 0.02, "times": 1},
            {"kind": "reset_after", "on": "contact", "share": 0.02, "times": 1},
            {"kind": "slow", "on": "contact", "seconds": 0.2, "share": 0.02},
            {"kind": "cut", "share": 0.1, "times": 1},
            {"kind": "status", "on": "download", "status": 503, "share": 0.1, "times": 1},
            {"kind": "duplicate_hook", "share": 0.1},
        ]
        return [{**fault, "seed": self.seed + number} for number, fault in enumerate(calls)]

    def receiver_faults(self) -> list[dict[str, Any]]:
        """What goes wrong where the outcome is told."""
        calls = [
            {"kind": "status", "status": 503, "share": 0.05, "times": 1},
            {"kind": "reset_after", "share": 0.05, "times": 1},
        ]
        return [{**fault, "seed": self.seed + number} for number, fault in enumerate(calls)]

    def _order(self, draw: random.Random, name: str) -> Order:
        pause = round(self.pace * draw.uniform(0.3, 2.2), 3)
        spec: dict[str, Any] = {"journey": "Welcome", "sendout": name, "actions": ["consent-check"], "timeout": 3600}
        lot = draw.random()
        if lot < 0.4:
            hooks = draw.randint(1, LARGEST_BURST)
            return Order(pause, "single", spec | {"project": "Newsletter", "hooks": hooks})
        spec |= self._file(draw)
        if lot < 0.6:
            return Order(pause, "batch", spec | {"project": "Newsletter"})
        if lot < 0.75:
            return Order(pause, "batch", spec | with_effects(name, spec.pop("contacts")))
        if lot < 0.9:
            return Order(pause, "batch", spec | {"project": "Held"}, draw.choice(["accept", "accept", "reject", ""]))
        if lot < 0.94:
            return Order(pause, "batch", spec | {"project": "Silent", "timeout": self.silent + SLACK})
        if lot < 0.97:
            return Order(pause, "batch", spec | {"project": "Closing", "timeout": self.closing + SLACK})
        # A row that nobody can read: the batch waits for a person.
        broken = {"format": "ndjson", "gzip": "", "raw_lines": [[1, "{broken"]]}
        return Order(pause, "batch", spec | {"project": "Newsletter"} | broken)

    def _file(self, draw: random.Random) -> dict[str, Any]:
        return {
            "contacts": int(50 * (self.largest / 50) ** draw.random()),
            "format": draw.choice(["json", "json_object", "ndjson", "csv"]),
            "gzip": draw.choice(["", "", "header", "body"]),
            "transfer": draw.choice(["chunked", "length"]),
        }


def short(seed: int) -> Schedule:
    """The draws of the round that is part of `make test`: small files, near deadlines."""
    return Schedule(seed, silent=15, closing=25, pace=0.6, largest=600, codes=10_000)
