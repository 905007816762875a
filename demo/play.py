"""Play of the sendouts: fire each, follow it on both sides, and decide in place of a person."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from demo.programme import Act, Ways
from demo.screen import Screen
from demo.stage import Stage

# Pause between two hooks, so that people can follow, and the time that a person takes to read a batch in review.
PAUSE_SECONDS = 0.6
READING_SECONDS = 2.5
ROUND_SECONDS = 0.1

_DOING = {
    "planned": "downloads and screens",
    "screened": "screened",
    "accepted": "sends the rejections",
    "refused": "sends the rejections",
    "delivered": "releases",
}
_ENDS = frozenset({"finished", "expired", "abandoned"})


@dataclass(slots=True)
class Scene:
    """One act in progress: its last state on the platform (the simulator) and in the gateway."""

    act: Act
    id: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    batch: dict[str, Any] = field(default_factory=dict)
    held_since: float | None = None
    decided: bool = False

    @property
    def ways(self) -> Ways:
        """Return how many contacts have left on each way, as the platform counts them."""
        return Ways(*(self.report.get(way, 0) for way in ("accepted", "rejected", "timed_out")))

    @property
    def left(self) -> bool:
        """Return whether the platform is done: no contact waits, or the door refused a hook, sent only once."""
        return bool(self.report) and (self.report["waiting"] == 0 or self.report["refused"] > 0)

    @property
    def over(self) -> bool:
        """Return whether the gateway has recorded the end too; for the many singles, the platform's state is enough."""
        if self.act.kind == "single" or (self.report and self.report["refused"]):
            return self.left
        return self.left and self.batch.get("status") in _ENDS

    @property
    def doing(self) -> str:
        """Return a phrase on the current state."""
        if not self.report:
            return ""
        if self.report["refused"]:
            return f"the door refused {self.report['refused']} of {self.report['deliveries']} hooks"
        if self.left:
            return self._describe_end()
        if self.report["deliveries"] > 1:
            return f"{self.report['finished']} of {self.report['deliveries']} released"
        if self.batch.get("attention"):
            return str(self.batch["attention"]["sentence"])
        if self.batch.get("status") == "in_review":
            return "waits for a person" if self.act.decides else f"nobody comes: {self._seconds_left()} s left"
        return _DOING.get(self.batch.get("status", ""), "received")

    def _seconds_left(self) -> int:
        left = (self.report["first_hook_at"] or time.time()) + self.act.wanted.get("timeout", 3600) - time.time()
        return max(0, round(left))

    def _describe_end(self) -> str:
        ways, took = self.ways, ""
        if self.report["finished_at"]:
            took = f" after {self.report['finished_at'] - self.report['first_hook_at']:.1f} s"
        if ways.timed_out:
            return "timed out"
        if not ways.accepted:
            return f"rejected{took}, by a person" if self.decided else f"rejected{took}"
        return f"released{took}, accepted by a person" if self.decided else f"released{took}"

    def _recorded(self) -> Ways:
        """Return how many contacts left on each way, as the gateway recorded them."""
        released = self.batch["accepted"] if self.batch["status"] == "finished" else 0
        return Ways(released, self.batch["confirmed"], self.batch["timed_out"])

    def faults(self) -> list[str]:
        """Return every deviation from the expected result; empty if all is right."""
        if not self.report:
            return ["it was never fired"]
        found = []
        if self.report["waiting"]:
            found.append(f"{self.report['waiting']:,} contacts still wait")
        elif self.ways != self.act.expected:
            found.append("contacts left on another way than expected")
        if self.report["refused"]:
            found.append(f"the door refused {self.report['refused']} hooks")
        if self.report["violation_count"]:
            kinds = sorted({each["kind"] for each in self.report["violations"]})
            count = self.report["violation_count"]
            found.append(f"{count} violation{'s' if count > 1 else ''} of the protocol ({', '.join(kinds)})")
        if self.batch and not self.report["waiting"] and self._recorded() != self.ways:
            found.append(f"the gateway wrote down something else: {self._recorded()}")
        if self.act.decides and not self.decided:
            found.append("it did not wait until a person had decided")
        return found


class Play:
    """The acts, from the first hook until all contacts have left."""

    def __init__(self, acts: Sequence[Act], stage: Stage, screen: Screen) -> None:
        self.scenes = [Scene(act) for act in acts]
        self._stage = stage
        self._simulator = stage.simulator
        self._api = stage.api
        self._screen = screen

    def run(self, within: float) -> list[Scene]:
        """Fire one after the other and follow all; give up after `within` seconds. Raises DemoFailed."""
        started = time.monotonic()
        while time.monotonic() < started + within:
            self._stage.check()
            fired = [scene for scene in self.scenes if scene.id]
            if len(fired) < len(self.scenes) and time.monotonic() >= started + len(fired) * PAUSE_SECONDS:
                scene = self.scenes[len(fired)]
                scene.id = self._simulator.create(scene.act.kind, **scene.act.spec)["id"]
                fired.append(scene)
            for scene in fired:
                if not scene.left:
                    scene.report = self._simulator.sendout(scene.id)
            self._poll_gateway([scene for scene in fired if scene.act.kind == "batch" and not scene.over])
            self._screen.show(self.scenes)
            if all(scene.over for scene in self.scenes):
                break
            time.sleep(ROUND_SECONDS)
        for scene in self.scenes:
            if scene.id:
                # Read every report once more: a call after the last contact has left is a violation too.
                scene.report = self._simulator.sendout(scene.id)
        self._screen.show(self.scenes, last=True)
        return self.scenes

    def _poll_gateway(self, scenes: list[Scene]) -> None:
        unknown = {scene.act.names: scene for scene in scenes if not scene.batch}
        if unknown:
            for row in self._api.batches():
                scene = unknown.pop((row["project"]["name"], row["sendout"]["journey"], row["sendout"]["name"]), None)
                if scene is not None:
                    scene.batch = row
                if not unknown:
                    break
        for scene in scenes:
            if scene.batch:
                scene.batch = self._api.batch(scene.batch["id"])
                self._decide(scene)

    def _decide(self, scene: Scene) -> None:
        """Decide as the act's person does, once the batch has been in review for the reading time."""
        if not scene.act.decides or scene.decided or scene.batch["status"] != "in_review":
            return
        if scene.held_since is None:
            scene.held_since = time.monotonic()
        if time.monotonic() >= scene.held_since + READING_SECONDS:
            scene.decided = self._api.decide(scene.batch, scene.act.decides, scene.act.note)
