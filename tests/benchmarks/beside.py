"""Time of a single from hook to finish beside a very large batch, compared with an idle gateway."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from simulator.client import Simulator
from tests.benchmarks.deployment import MODES
from tests.benchmarks.measuring import NAMES, SLOWEST, finished, wrong
from tests.benchmarks.reporting import aligned

PER_SECOND = 5
# Singles of one round: some seconds of them, so that several rounds fit beside the batch.
HOOKS = 25
SHARES = ("p50", "p95", "max")


@dataclass(frozen=True, slots=True)
class Beside:
    """Singles on an idle gateway, and beside one batch of `contacts` contacts that took `seconds`; times in ms."""

    mode: str
    contacts: int
    seconds: float
    singles: int
    idle: Mapping[str, float]
    beside: Mapping[str, float]
    wrong: tuple[str, ...]


def beside(mode: str, platform: Simulator, others: Simulator, contacts: int) -> Beside:
    """Fire singles at an even pace on an idle gateway, then again while one batch goes through."""
    for each in (platform, others):
        each.reset()
        each.faults()
    said: list[str] = []
    _round(others, said)  # so that every worker has started
    idle = [_round(others, said) for _ in range(3)]
    created = platform.create("batch", contacts=contacts, sendout="Huge", timeout=3600, **NAMES)
    until = time.monotonic() + 60 + contacts / SLOWEST
    rounds: list[Mapping[str, float]] = []
    while time.monotonic() < until:
        taken = _round(others, said)
        if platform.sendout(created["id"])["finished"]:
            break
        # A round that outlasts the batch was beside it for a part of its time only.
        rounds.append(taken)
    report = finished(platform, created["id"], 1)
    said += wrong(report)
    seconds = report["finished_at"] - report["first_hook_at"] if report["finished"] else float("nan")
    return Beside(mode, contacts, seconds, HOOKS * len(rounds), _together(idle), _together(rounds), tuple(said))


def _round(others: Simulator, said: list[str]) -> Mapping[str, float]:
    fired = others.create("single", hooks=HOOKS, per_second=PER_SECOND, sendout="Singles", timeout=3600, **NAMES)
    report = finished(others, fired["id"], 60)
    said += wrong(report)
    taken: Mapping[str, float] = report["finish_ms_after_hook"]
    return taken


def _together(rounds: list[Mapping[str, float]]) -> Mapping[str, float]:
    """The middle of the medians, and the worst of the rest; nothing was measured where there are no rounds."""
    if not rounds:
        return dict.fromkeys(SHARES, float("nan"))
    return {
        "p50": median(each["p50"] for each in rounds),
        "p95": max(each["p95"] for each in rounds),
        "max": max(each["max"] for each in rounds),
    }


def beside_table(measured: list[Beside]) -> str:
    """One row for each mode."""
    times = [f"{where} {share}" for where in ("idle", "beside") for share in SHARES]
    head = ("mode", "batch", "s", "singles", *times, "p50 ×", "p95 ×")
    rows = [
        (
            MODES[one.mode],
            f"{one.contacts:,}",
            f"{one.seconds:.1f}",
            str(one.singles),
            *(f"{one.idle[name]:.0f}" for name in SHARES),
            *(f"{one.beside[name]:.0f}" for name in SHARES),
            f"{one.beside['p50'] / one.idle['p50']:.1f}",
            f"{one.beside['p95'] / one.idle['p95']:.1f}",
        )
        for one in measured
    ]
    return aligned(head, rows)
