"""What comes of a rehearsal, as values."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from actions.plan.merge import PlannedAction
from sendouts.models import Batch, DecisionVerdict

SAMPLES = 20


class Keeps(StrEnum):
    """Whose fields a batch kept."""

    ALL = "all"
    REJECTED = "rejected"
    NOBODY = "nobody"


class Why(StrEnum):
    """Why an action of the plan was not tried."""

    WRITES = "writes"
    SERVICE = "service"
    FIELDS = "fields"
    UNSAID = "unsaid"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Left:
    """An action that was not tried; `fields`: those that it needs and nobody kept; `text`: why it cannot be made.

    `judged`: the same action, configured as it is now, had judged the batch.
    """

    action: PlannedAction
    why: Why
    fields: tuple[str, ...] = ()
    text: str = ""
    judged: bool = False


class Past(NamedTuple):
    """What was decided about a contact then, with what is kept of it."""

    pk: int
    contact_id: str
    verdict: int
    reason: str
    text: str
    action: str
    decided_by: int | None
    kept: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RehearsedChange:
    """A contact that would get another decision: what it was, and what it would be, with the reason and action of each."""

    past: Past
    verdict: DecisionVerdict
    code: str
    text: str
    action: str


@dataclass(slots=True)
class Rehearsal:
    """What came of it. `moved` counts contacts by (was, would be); `unknown` would be asked of an action that was left out."""

    batch: Batch
    keeps: Keeps
    tried: int = 0
    # Decided by people, the deadline or a refusal: left out.
    not_comparable: int = 0
    moved: Counter[tuple[DecisionVerdict, DecisionVerdict]] = field(default_factory=Counter)
    unknown: int = 0
    # (would be, code, text, action) of those that would be decided otherwise.
    reasons: Counter[tuple[DecisionVerdict, str, str, str]] = field(default_factory=Counter)
    # Some of them, by what they would be.
    changes: dict[DecisionVerdict, list[RehearsedChange]] = field(
        default_factory=lambda: {verdict: [] for verdict in DecisionVerdict}
    )
    left: list[Left] = field(default_factory=list)
    undefined: list[str] = field(default_factory=list)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    # The hook had not named the action that is tried: it runs as if it had.
    as_if_asked: bool = False
    # Every contact whose fields are kept was tried; else it was a part, because of its size or of the time.
    whole: bool = True
    out_of_time: bool = False

    @property
    def samples(self) -> list[RehearsedChange]:
        """Some contacts that would be decided otherwise, those that would not get the message first."""
        order = (DecisionVerdict.REJECTED, DecisionVerdict.UNDECIDED, DecisionVerdict.ACCEPTED)
        return [change for verdict in order for change in self.changes[verdict]][:SAMPLES]

    @property
    def more(self) -> int:
        """Contacts that would be rejected, and were not."""
        return sum(n for (was, now), n in self.moved.items() if now == DecisionVerdict.REJECTED != was)

    @property
    def fewer(self) -> int:
        """Contacts that were rejected, and would not be."""
        return sum(n for (was, now), n in self.moved.items() if was == DecisionVerdict.REJECTED != now)

    @property
    def held(self) -> int:
        """Contacts that would be undecided, and were accepted."""
        return self.moved[DecisionVerdict.ACCEPTED, DecisionVerdict.UNDECIDED]

    @property
    def settled(self) -> int:
        """Contacts that were undecided, and would be accepted."""
        return self.moved[DecisionVerdict.UNDECIDED, DecisionVerdict.ACCEPTED]
