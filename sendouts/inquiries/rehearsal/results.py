"""Result values of a rehearsal."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from actions.plan.merge import PlannedAction
from sendouts.models import Batch, DecisionVerdict

SAMPLES = 20


class Keeps(StrEnum):
    """Contacts whose fields a batch kept."""

    ALL = "all"
    REJECTED = "rejected"
    NOBODY = "nobody"


class Why(StrEnum):
    """Reasons why an action of the plan was not tried."""

    WRITES = "writes"
    SERVICE = "service"
    FIELDS = "fields"
    UNSAID = "unsaid"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Left:
    """An action that was not tried.

    `fields`: required fields that are not kept; `text`: why the action cannot be built; `judged`: the same action, in
    its current configuration, had judged the batch.
    """

    action: PlannedAction
    why: Why
    fields: tuple[str, ...] = ()
    text: str = ""
    judged: bool = False


class Past(NamedTuple):
    """The past decision about a contact, with its kept data."""

    pk: int
    contact_id: str
    verdict: int
    reason: str
    text: str
    action: str
    decided_by: int | None
    kept: Mapping[str, Any]

    @property
    def row(self) -> int:
        """Return the place of the contact in its file, from 0."""
        return self.pk & 0xFFFF_FFFF

    @property
    def decided(self) -> DecisionVerdict:
        return DecisionVerdict(self.verdict)


@dataclass(frozen=True, slots=True)
class RehearsedChange:
    """A contact whose decision would change: past and new verdict, each with its reason and action."""

    past: Past
    verdict: DecisionVerdict
    code: str
    text: str
    action: str


@dataclass(slots=True)
class Rehearsal:
    """Result of a rehearsal.

    `moved` counts contacts by (past, new) verdict; `unknown` counts contacts that depend on a left-out action.
    """

    batch: Batch
    keeps: Keeps
    tried: int = 0
    # Contacts that people, the deadline or a refusal decided; they are left out.
    not_comparable: int = 0
    moved: Counter[tuple[DecisionVerdict, DecisionVerdict]] = field(default_factory=Counter)
    unknown: int = 0
    # Changed decisions by (new verdict, code, text, action).
    reasons: Counter[tuple[DecisionVerdict, str, str, str]] = field(default_factory=Counter)
    # Samples of changed decisions, by new verdict.
    changes: dict[DecisionVerdict, list[RehearsedChange]] = field(
        default_factory=lambda: {verdict: [] for verdict in DecisionVerdict}
    )
    left: list[Left] = field(default_factory=list)
    undefined: list[str] = field(default_factory=list)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    # The hook had not named the tried action; it runs as if named.
    as_if_asked: bool = False
    # Every contact with kept fields was tried; False if size or time limited the run to a part.
    whole: bool = True
    out_of_time: bool = False

    @property
    def samples(self) -> list[RehearsedChange]:
        """Return some contacts whose decision would change, newly rejected ones first."""
        order = (DecisionVerdict.REJECTED, DecisionVerdict.UNDECIDED, DecisionVerdict.ACCEPTED)
        return [change for verdict in order for change in self.changes[verdict]][:SAMPLES]

    @property
    def more(self) -> int:
        """Return the number of contacts that would be newly rejected."""
        return sum(n for (was, now), n in self.moved.items() if now == DecisionVerdict.REJECTED != was)

    @property
    def fewer(self) -> int:
        """Return the number of rejected contacts that would no longer be rejected."""
        return sum(n for (was, now), n in self.moved.items() if was == DecisionVerdict.REJECTED != now)

    @property
    def held(self) -> int:
        """Return the number of accepted contacts that would be undecided."""
        return self.moved[DecisionVerdict.ACCEPTED, DecisionVerdict.UNDECIDED]

    @property
    def settled(self) -> int:
        """Return the number of undecided contacts that would be accepted."""
        return self.moved[DecisionVerdict.UNDECIDED, DecisionVerdict.ACCEPTED]
