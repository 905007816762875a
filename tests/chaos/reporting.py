"""Closing table of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.oracles import Verdict

HEAD = (
    "scenario",
    "kills",
    "acknowledged",
    "refused",
    "slowest ms",
    "batches",
    "finished/expired/waiting",
    "repeats",
    "violations",
    "slowest page s",
    "settled s",
    "verdict",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario. settled: seconds from the end of the trouble until everything was at its end; notes: what else is wrong."""

    scenario: str
    kills: int
    settled: float
    verdict: Verdict
    notes: tuple[str, ...] = ()
    slowest_page: float = 0.0

    @property
    def wrong(self) -> tuple[str, ...]:
        """Sentences that must not be there."""
        return self.verdict.wrong + self.notes


def table(rows: Sequence[Row]) -> str:
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    seen = row.verdict
    ends = "/".join(str(seen.ends.get(name, 0)) for name in ("finished", "expired", "waiting"))
    return (
        row.scenario,
        str(row.kills),
        str(seen.acknowledged),
        str(seen.refused),
        f"{seen.slowest:.0f}",
        str(seen.batches),
        ends,
        str(seen.repeats),
        str(seen.violations),
        f"{row.slowest_page:.1f}" if row.slowest_page else "",
        f"{row.settled:.1f}",
        "WRONG" if row.wrong else "right",
    )
