"""Faults that one check run found in the gateway."""

from dataclasses import dataclass, field
from typing import Any

from notices.models import Code

# The gateway cannot do its work, so health answers 503. Every other code is a warning beside a 200.
NOT_READY = frozenset(
    {Code.DATABASE, Code.MIGRATIONS_PENDING, Code.WORK_WAITS, Code.SWEEP_SILENT, Code.JOURNAL_WAITING}
)
# Each machine judges these for itself: no other machine can see that the fault is over.
LOCAL = frozenset({Code.DISK_FULL, Code.DATABASE_SLOW})
# The subject of these is a machine name, which must not be shown outside.
OF_MACHINES = LOCAL | {Code.JOURNAL_WAITING, Code.CLOCK_JUMPED}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. subject: the row or part concerned, as in Alarm; data: numbers and ids for the sentence."""

    code: Code
    subject: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.code.value, self.subject
