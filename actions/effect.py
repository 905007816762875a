"""What a kind is that changes something outside: it prepares in screening, and acts once people have decided.

What an effect needs of a contact is *rendered* while the contact file is read, and kept until it is done; so nothing is downloaded
twice, and of a contact only that is kept which an effect needs.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from actions.contract import ACCEPT, Contact, Context, Kind, Phase, Verdict, Word
from actions.plan.merge import canonical

__all__ = [
    "DONE",
    "NOTHING",
    "Applied",
    "Effect",
    "Pending",
    "Preparing",
    "Rendered",
    "Run",
    "Wait",
    "WholeEffect",
    "failed",
    "later",
]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What an effect will need for one contact.

    `payload` is JSON, kept until the effect is done; None: there is nothing to do for this contact. `verdict` says whether
    the contact may get the message without it. `given` is told to the actions after this one, by name: `{"code": "S-1"}`.
    """

    payload: Any = None
    verdict: Verdict = ACCEPT
    given: Mapping[str, str] = field(default_factory=dict)


NOTHING = Rendered()


@dataclass(frozen=True, slots=True)
class Pending:
    """One effect to carry out now. `key` is the same at every attempt, and different for every contact, batch and action.

    `reason` and `text` say why the contact is not accepted: a code for machines and a sentence for people.
    """

    key: str
    row: int
    contact_id: str
    verdict: Word
    payload: Any
    batch: int = 0
    reason: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one effect: done, refused for good, or (`again_in` seconds) to be tried again.

    The text is a sentence that holds no contact data.
    """

    done: bool
    text: str = ""
    again_in: float | None = None


DONE = Applied(True)


def failed(text: str) -> Applied:
    """This one cannot be carried out; trying again is of no use."""
    return Applied(False, text)


def later(text: str, seconds: float = 0.0) -> Applied:
    """This one could not be carried out this time; it comes again, in so many seconds at the earliest."""
    return Applied(False, text, seconds)


class Preparing(Kind):
    """What both forms of effect have in common: in screening they prepare."""

    phase: ClassVar[Phase] = Phase.ENRICH
    waits: ClassVar[bool] = True

    def wants(self, verdict: Word) -> bool:
        """Whether this contact is among those it acts on: enrichment sees the accepted; a transfer may say more."""
        return verdict is Word.ACCEPT

    @abstractmethod
    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        """Return for each contact of the page, in order, what the effect will need. Changes nothing outside.

        Raise Retryable or Permanent for all of the page. May be called again for the same contacts.
        """

    def describe(self, payload: Any) -> str:
        """What will be written for a contact, as a reviewer reads it before it is: “points = 120”."""
        return canonical(payload)


class Effect(Preparing):
    """Acts page by page, several pages at a time. At least once: the same key may come again after a kill.

    `apply_size` is in contacts, where `apply` wants other pages than `render`; 0: the same.
    """

    apply_size: int = 0

    def starting(self, page: Sequence[Pending], context: Context) -> None:
        """Called before `apply`, in the worker's own thread and in a transaction that holds the batch; may raise Permanent.

        What must be stored before anything is written belongs here: `apply` itself must not ask the database.
        """

    @abstractmethod
    def apply(self, page: Sequence[Pending], context: Context) -> Sequence[Applied]:
        """Carry out the effects of one page, and return what became of each, in order.

        Raise Retryable (the page is tried again later) or Permanent (none of it can be carried out).
        """


@dataclass(frozen=True, slots=True)
class Wait:
    """Not through yet: come again in so many seconds."""

    seconds: float


class Run(ABC):
    """One effect of one batch, as a kind sees it that acts on all of it at once."""

    key: str
    total: int
    state: Mapping[str, Any]

    @abstractmethod
    def pages(self, size: int) -> Iterator[Sequence[Pending]]:
        """Everything to be carried out, in the order of the contact file; may be read again."""

    @abstractmethod
    def tick(self) -> None:
        """Say that the work goes on, at least every ten seconds while something long leaves; cheap when called often."""

    @abstractmethod
    def keep(self, **state: Any) -> None:
        """Store where the work stands, JSON values by name, before the next step: after a kill it goes on from there."""


class WholeEffect(Preparing):
    """Acts on the whole batch at once: an import, a file. It goes on from `run.state` after a kill.

    A kind that is an Effect too acts page by page on the batches that it does not take as a whole.
    """

    def takes(self, total: int) -> bool:
        """Whether it takes a batch with so many contacts as a whole."""
        return True

    @abstractmethod
    def work(self, run: Run, context: Context) -> Wait | None:
        """Go one step further; None when all of it is done and confirmed.

        Raise Retryable (tried again later) or Permanent (none of it can be carried out).
        """
