"""Closing table, and one line per target: reached or missed."""

import math
from collections.abc import Iterator, Sequence
from statistics import median

from tests.benchmarks.deployment import MODES
from tests.benchmarks.measuring import Acknowledgements, Run

# Contacts and seconds, hook to finish, whatever a cancel takes.
AIMS = ((10_000, 1.0), (100_000, 4.0))
# Memory that grew by more than this share between the two sizes of AIMS grew with the batch.
MEMORY_SHARE = 0.1
LONGEST_ACKNOWLEDGEMENT_MS = 1_000


def together(runs: Sequence[Run]) -> Run:
    """One run for several of the same: the median of the times, the largest memory."""
    first = runs[0]
    return Run(
        first.mode,
        first.contacts,
        first.latency,
        median(run.seconds for run in runs),
        max(run.memory for run in runs),
        median(run.cpu for run in runs),
        tuple(sentence for run in runs for sentence in run.wrong),
    )


def table(runs: Sequence[Run]) -> str:
    head = ("mode", "contacts", "ms/cancel", "hook to finish s", "contacts/s", "peak memory MB", "CPU s")
    rows = [
        (
            MODES[run.mode],
            f"{run.contacts:,}",
            f"{run.latency * 1000:.0f}",
            f"{run.seconds:.2f}",
            "–" if math.isnan(run.seconds) else f"{run.rate:,.0f}",
            f"{run.memory / 1e6:.0f}",
            f"{run.cpu:.2f}",
        )
        for run in runs
    ]
    return aligned(head, rows)


def acknowledgements_table(measured: Sequence[Acknowledgements]) -> str:
    head = (
        "mode",
        "beside batches of",
        "batches",
        "slowest s",
        "hooks",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "refused or late",
    )
    rows = [
        (
            MODES[one.mode],
            f"{one.contacts:,}",
            str(one.batches),
            f"{one.slowest:.2f}",
            str(one.hooks),
            *(f"{one.ms[name]:.1f}" for name in ("p50", "p99", "p99_9", "max")),
            str(one.late),
        )
        for one in measured
    ]
    return aligned(head, rows)


def aims(runs: Sequence[Run], measured: Sequence[Acknowledgements]) -> Iterator[str]:
    """A line for each aim whose sizes were measured. A miss is said, not raised: machines differ."""
    for mode, name in MODES.items():
        mine = [run for run in runs if run.mode == mode]
        for contacts, seconds in AIMS:
            taken = [run.seconds for run in mine if run.contacts == contacts]
            if taken:
                yield _line(
                    name, f"{contacts:,} contacts under {seconds:g} s", max(taken) < seconds, f"{max(taken):.2f} s"
                )
        small, large = (max((run.memory for run in mine if run.contacts == size), default=0) for size, _ in AIMS)
        if small and large:
            said = f"{small / 1e6:.0f} → {large / 1e6:.0f} MB"
            text = f"memory does not grow from {AIMS[0][0]:,} to {AIMS[1][0]:,} contacts"
            yield _line(name, text, large <= small * (1 + MEMORY_SHARE), said)
        for one in measured:
            if one.mode == mode:
                slowest = one.ms["max"]
                reached = slowest < LONGEST_ACKNOWLEDGEMENT_MS and not one.late
                yield _line(name, "no acknowledgement over 1 s", reached, f"{slowest:.0f} ms")


def _line(mode: str, aim: str, reached: bool, figure: str) -> str:
    return f"{'reached' if reached else 'MISSED '}  {mode}: {aim} ({figure})"


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = []
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells))
    return "\n".join(lines)
