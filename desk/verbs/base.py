"""Base of every verb's page: whether it is possible, its form, and its consequences."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, cast

from django.contrib.auth.models import AbstractUser, User
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from desk.verbs.forms import NoteForm
from sendouts import rules
from sendouts.models import Batch
from sendouts.outlook import forecast
from sendouts.verbs import second_person
from sendouts.verbs.base import Act, Verb
from sendouts.wording.batch_sentences import span, time_of


@dataclass(frozen=True, slots=True)
class DialogFigure:
    """A number, and the words that follow it."""

    number: str
    text: str


class VerbPage(ABC):
    """The words of a verb for one person who looks at one batch now.

    `name` is the last part of its address. `tone`: primary, default or danger.
    """

    name: ClassVar[str]
    verb: ClassVar[type[Verb[Any]]]
    tone: ClassVar[str] = "default"
    form_class: ClassVar[type[NoteForm]] = NoteForm
    # The verb changes the batch, so that an acceptance by the first of two people no longer counts.
    changes: ClassVar[bool] = False

    def __init__(self, batch: Batch, user: AbstractUser, now: datetime) -> None:
        self.batch = batch
        self.user = user
        self.now = now
        # The verb's return value once it was carried out.
        self.result: Any = None

    @property
    def is_permitted(self) -> bool:
        return self.user.has_perm(self.verb.permission)

    @property
    def is_over(self) -> bool:
        """Return whether the batch has gone on without this verb, or its deadline has passed."""
        return self.verb.is_over(self.batch, self.now)

    @property
    def waits_for_change(self) -> bool:
        """Return whether the verb must wait for a running change of many decisions."""
        return not self.verb.while_changing and self.batch.running_change is not None

    @property
    def is_possible(self) -> bool:
        return not self.is_over and not self.waits_for_change

    @property
    def why_not(self) -> str:
        """Return why the verb is not possible, if it has a specific reason."""
        return ""

    @property
    def nudge(self) -> tuple[str, list[int]]:
        """Return the lane and row ids to dispatch after the verb."""
        return self.batch.lane, [self.batch.pk]

    @property
    def quiet(self) -> bool:
        """Return whether the verb is seldom used, and so offered under “More”."""
        return False

    @property
    def url(self) -> str:
        return reverse(f"admin:sendouts_batch_{self.name}", args=[self.batch.pk])

    def form(self, data: Mapping[str, Any] | None = None) -> NoteForm:
        return self.form_class(data, initial=self.seen, needs_note=self.verb.needs_note)

    @property
    def seen(self) -> dict[str, Any]:
        """Return the state that the person sees, for the form to carry."""
        return {"revision": self.batch.revision, "seen": self.batch.accepted}

    @property
    def act(self) -> str:
        """Return the intended action, for a sentence that says it was not carried out."""
        return self.button.rstrip("…")

    @property
    def again(self) -> str:
        """Return what to do if the numbers changed while the person read."""
        return _("Look again, then decide.")

    @property
    def time_left(self) -> SafeString | str:
        """Return the time left to decide, or until the deadline if no decision is needed; a script counts it down."""
        if not self.batch.is_open:
            return ""
        until = forecast.answer_before(self.batch, self.now)
        clock = format_html('<span data-until="{}">{}</span>', until.isoformat(), span(until - self.now))
        return format_html(_("{} left"), clock)

    @property
    def voids(self) -> str:
        """Name the person whose first acceptance the verb ends; empty if there is none."""
        if not self.changes or not rules.is_first_accepted(self.batch):
            return ""
        words = {"who": second_person.first_name(self.batch)}
        return (
            _("%(who)s has accepted as first person. That does not count any more then: two people accept again.")
            % words
        )

    def figures(self) -> list[DialogFigure]:
        """Return the most important consequences as figures; each reads as a sentence with its text."""
        return []

    @property
    @abstractmethod
    def button(self) -> str:
        """Return the label of the link to the page; it ends in … because a question follows."""

    @property
    @abstractmethod
    def question(self) -> str:
        """Return the title of the page."""

    @property
    @abstractmethod
    def confirm(self) -> str:
        """Return the label of the button that carries out the verb."""

    @property
    @abstractmethod
    def done(self) -> str:
        """Return the sentence shown once the verb was carried out."""

    @abstractmethod
    def consequences(self) -> list[str]:
        """Return the consequences, sentence by sentence, in numbers."""

    def made(self, given: Mapping[str, Any]) -> Verb[Any]:
        """Return the verb with the values of the form."""
        return self.verb()

    def carry_out(self, given: Mapping[str, Any], now: datetime) -> None:
        """Carry out the verb; raises NotDone with a sentence."""
        act = Act(cast(User, self.user), given["revision"], given["note"], now)
        self.result = self.made(given).run(self.batch.pk, act)

    @property
    def _deadline(self) -> str:
        return time_of(self.batch.deadline, self.now)
