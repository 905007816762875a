"""Measurement of one batch, and of acknowledgements beside the largest one.

The simulator does the timing: it fires the hooks, serves the file and takes the rejections, in its own process. What this
process adds to the load is a look at the report and at the gateway's memory, some times a second.
"""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from simulator.client import Report, Simulator
from tests.benchmarks.deployment import Gateway

LOOK_SECONDS = 0.1
# A batch that is slower than a hundred contacts a second, and half a minute, is not waited for.
SLOWEST = 100
HOOKS_PER_SECOND = 50
NAMES = {"project": "Newsletter", "journey": "Welcome", "actions": ["consent-check"]}


@dataclass(frozen=True, slots=True)
class Run:
    """One batch. seconds: from the first byte of the hook to finishUri; memory: bytes at the peak; latency: seconds a cancel."""

    mode: str
    contacts: int
    latency: float
    seconds: float
    memory: int
    cpu: float
    wrong: tuple[str, ...]

    @property
    def rate(self) -> float:
        return self.contacts / self.seconds


@dataclass(frozen=True, slots=True)
class Acknowledgements:
    """How long hooks waited for their answer, in ms, while `batches` batches of `contacts` contacts went through.

    `slowest` is the longest of these batches, in seconds; `late` counts hooks without a 2xx within a second.
    """

    mode: str
    contacts: int
    batches: int
    slowest: float
    hooks: int
    late: int
    ms: Mapping[str, float] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()


def measure(mode: str, gateway: Gateway, platform: Simulator, contacts: int, latency: float) -> Run:
    """Send one batch through, and look at the gateway's memory meanwhile."""
    platform.reset()
    platform.faults(latency=latency)
    batch = {"contacts": contacts, "sendout": f"{contacts} contacts", "timeout": 3600, **NAMES}
    before = gateway.usage()
    memory = before.memory
    created = platform.create("batch", **batch)
    until = time.monotonic() + 30 + contacts / SLOWEST
    while True:
        report = platform.sendout(created["id"])
        usage = gateway.usage()
        memory = max(memory, usage.memory)
        if report["finished"] or time.monotonic() > until:
            break
        time.sleep(LOOK_SECONDS)
    said = wrong(report)
    seconds = report["finished_at"] - report["first_hook_at"] if report["finished"] else float("nan")
    return Run(mode, contacts, latency, seconds, memory, usage.cpu - before.cpu, said)


def acknowledge(
    mode: str, gateway: Gateway, platform: Simulator, others: Simulator, contacts: int, seconds: float
) -> Acknowledgements:
    """Fire singles at an even pace for some seconds, with one batch after the other beside them.

    The singles come from a simulator of their own, so that its clock does not wait for the files that the other one sends.
    """
    for each in (platform, others):
        each.reset()
        each.faults()
    hooks = round(HOOKS_PER_SECOND * seconds)
    said: list[str] = []
    taken: list[float] = []
    with ThreadPoolExecutor(1) as pool:
        firing = pool.submit(
            others.create, "single", hooks=hooks, per_second=HOOKS_PER_SECOND, sendout="Singles", timeout=3600, **NAMES
        )
        while not firing.done():
            created = platform.create("batch", contacts=contacts, sendout="Beside", timeout=3600, **NAMES)
            report = finished(platform, created["id"], 60 + contacts / SLOWEST)
            said += wrong(report)
            if not report["finished"]:
                break
            taken.append(report["finished_at"] - report["first_hook_at"])
        fired = firing.result()
    singles = finished(others, fired["id"], 60)
    said += wrong(singles)
    slowest = max(taken, default=float("nan"))
    return Acknowledgements(mode, contacts, len(taken), slowest, hooks, fired["refused"], fired["ms"], tuple(said))


def finished(platform: Simulator, sendout_id: str, within: float) -> Report:
    """The report of a sendout that is finished, or that was waited for long enough."""
    until = time.monotonic() + within
    while True:
        report = platform.sendout(sendout_id)
        if report["finished"] == report["deliveries"] or time.monotonic() > until:
            return report
        time.sleep(LOOK_SECONDS)


def wrong(report: Report) -> tuple[str, ...]:
    """Sentences about contacts on a way that is not theirs, and about violations of the protocol."""
    found = []
    expected: dict[str, Any] = report["expected"] | {"timed_out": 0, "waiting": 0}
    for way, count in expected.items():
        if report[way] != count:
            found.append(f"{report['sendout']}: {report[way]} contacts {way}, expected {count}")
    if report["finished"] != report["deliveries"]:
        found.append(f"{report['sendout']}: {report['finished']} of {report['deliveries']} deliveries finished in time")
    if report["violation_count"]:
        kinds = sorted({violation["kind"] for violation in report["violations"]})
        found.append(
            f"{report['sendout']}: {report['violation_count']} violations of the protocol ({', '.join(kinds)})"
        )
    return tuple(found)
