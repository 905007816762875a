"""What one look at the gateway found to be wrong."""

from dataclasses import dataclass, field
from typing import Any

from notices.models import Code

# The gateway cannot do its work: health says 503. Everything else is a warning beside a 200.
NOT_READY = frozenset({Code.DATABASE, Code.WORK_WAITS, Code.SWEEP_SILENT, Code.JOURNAL_WAITING})
# Judged by each machine for itself: nobody else can see that it is over.
LOCAL = frozenset({Code.DISK_FULL, Code.DATABASE_SLOW})
# Their subject is the name of a machine, which is nobody's business outside.
OF_MACHINES = LOCAL | {Code.JOURNAL_WAITING, Code.CLOCK_JUMPED}


@dataclass(frozen=True, slots=True)
class Finding:
    """One trouble. subject: what it is about, as in Alarm; data: what the sentence says of it, numbers and ids only."""

    code: Code
    subject: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.code.value, self.subject
