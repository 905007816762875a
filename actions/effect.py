"""Base classes of kinds with an external effect: they prepare in screening, and act after people have decided.

The data that an effect needs of a contact is *rendered* while the contact file is read, and kept until the effect is
done. So nothing is downloaded twice, and only the necessary data of a contact is kept.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from actions.contract import ACCEPT, Contact, Context, Kind, Phase, Verdict, Word
from actions.plan.merge import canonical


@dataclass(frozen=True, slots=True)
class Rendered:
    """Prepared data of an effect for one contact.

    `payload` is JSON, kept until the effect is done; None: nothing to do for this contact. `verdict` tells whether the
    contact may get the message without it. `given` is passed to later actions, by name: `{"code": "S-1"}`.
    """

    payload: Any = None
    verdict: Verdict = ACCEPT
    given: Mapping[str, str] = field(default_factory=dict)


NOTHING = Rendered()


@dataclass(frozen=True, slots=True)
class Pending:
    """One effect to carry out. `key` is unique per contact, batch and action, and the same at every attempt.

    `reason` and `text` explain why the contact is not accepted: a code for machines and a sentence for people.
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
    """Result of one effect: done, refused for good, or to be retried (`again_in` seconds).

    The text is a sentence without contact data.
    """

    done: bool
    text: str = ""
    again_in: float | None = None


DONE = Applied(True)


def failed(text: str) -> Applied:
    """Return the result of an effect that cannot be carried out; a retry is useless."""
    return Applied(False, text)


def later(text: str, seconds: float = 0.0) -> Applied:
    """Return the result of an effect that failed this time; it is retried after this many seconds at the earliest."""
    return Applied(False, text, seconds)


class Preparing(Kind):
    """Common base of both forms of effect: they prepare in screening."""

    phase: ClassVar[Phase] = Phase.ENRICH
    waits: ClassVar[bool] = True

    def wants(self, verdict: Word) -> bool:
        """Return whether the kind acts on this contact: enrichment takes the accepted, a transfer may take others."""
        return verdict is Word.ACCEPT

    @abstractmethod
    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        """Return the data that the effect needs for each contact of the page, in order. It changes nothing outside.

        Raise Retryable or Permanent for the whole page. It may be called again for the same contacts.
        """

    def describe(self, payload: Any) -> str:
        """Return the data to be written for a contact, in a form for reviewers: “points = 120”."""
        return canonical(payload)


class Effect(Preparing):
    """Acts page by page, several pages at a time. At least once: the same key may come again after a kill.

    `apply_size` is in contacts, if `apply` needs other page sizes than `render`; 0: the same.
    """

    apply_size: int = 0

    def starting(self, page: Sequence[Pending], context: Context) -> None:
        """Store what must be stored before anything is written; may raise Permanent.

        Called before `apply`, in the worker's own thread and in a transaction that locks the batch: `apply` itself must
        not query the database.
        """

    @abstractmethod
    def apply(self, page: Sequence[Pending], context: Context) -> Sequence[Applied]:
        """Carry out the effects of one page, and return the result of each, in order.

        Raise Retryable (the page is retried later) or Permanent (none of it can be carried out).
        """


@dataclass(frozen=True, slots=True)
class Wait:
    """Not finished: call again after this many seconds."""

    seconds: float


class Run(ABC):
    """One effect of one batch, for a kind that acts on the whole batch at once."""

    key: str
    total: int
    state: Mapping[str, Any]

    @abstractmethod
    def pages(self, size: int) -> Iterator[Sequence[Pending]]:
        """Yield all pending effects, in the order of the contact file; may be read again."""

    @abstractmethod
    def tick(self) -> None:
        """Report progress, at least every ten seconds during a long transfer; cheap when called often."""

    @abstractmethod
    def keep(self, **state: Any) -> None:
        """Store the progress, JSON values by name, before the next step: after a kill the work resumes from there."""


class WholeEffect(Preparing):
    """Acts on the whole batch at once: an import, a file. It resumes from `run.state` after a kill.

    A kind that is also an Effect acts page by page on the batches that it does not take as a whole.
    """

    def takes(self, total: int) -> bool:
        """Return whether it takes a batch of this many contacts as a whole."""
        return True

    @abstractmethod
    def work(self, run: Run, context: Context) -> Wait | None:
        """Do the next step; return None when all of it is done and confirmed.

        Raise Retryable (retried later) or Permanent (none of it can be carried out).
        """
