"""What the page of every verb has: whether it is possible, what it asks, what follows from it."""

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
from sendouts.verbs.base import Act, Note, Verb
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
    # What it changes is not what the first of two people accepted any more.
    changes: ClassVar[bool] = False

    def __init__(self, batch: Batch, user: AbstractUser, now: datetime) -> None:
        self.batch = batch
        self.user = user
        self.now = now
        # What the verb returned once it was carried out.
        self.result: Any = None

    @property
    def is_permitted(self) -> bool:
        return self.user.has_perm(self.verb.permission)

    @property
    def is_over(self) -> bool:
        """Whether the batch has gone on without this verb, or its deadline has passed."""
        return self.verb.is_over(self.batch, self.now)

    @property
    def waits_for_change(self) -> bool:
        """Whether many decisions are being changed, and the verb must wait for that."""
        return not self.verb.while_changing and self.batch.running_change is not None

    @property
    def is_possible(self) -> bool:
        return not self.is_over and not self.waits_for_change

    @property
    def why_not(self) -> str:
        """Why it is not possible, where that is for a reason of its own."""
        return ""

    @property
    def nudge(self) -> tuple[str, list[int]]:
        """Whom to ask to go on with the batch once it is done: the lane, and the ids of rows."""
        return self.batch.lane, [self.batch.pk]

    @property
    def quiet(self) -> bool:
        """Seldom wanted: offered under “More”."""
        return False

    @property
    def url(self) -> str:
        return reverse(f"admin:sendouts_batch_{self.name}", args=[self.batch.pk])

    def form(self, data: Mapping[str, Any] | None = None) -> NoteForm:
        return self.form_class(data, initial=self.seen, needs_note=self.verb.note is Note.REQUIRED)

    @property
    def seen(self) -> dict[str, Any]:
        """What the person looks at, for the form to carry."""
        return {"revision": self.batch.revision, "seen": self.batch.accepted}

    @property
    def act(self) -> str:
        """What the person wanted, in a sentence that says it was not carried out."""
        return self.button.rstrip("…")

    @property
    def again(self) -> str:
        """What to do where the numbers changed while the person read."""
        return _("Look again, then decide.")

    @property
    def time_left(self) -> SafeString | str:
        """The time that is left to decide, or, where nobody has to, until the deadline; a script counts it down."""
        if not self.batch.is_open:
            return ""
        until = forecast.answer_before(self.batch, self.now)
        clock = format_html('<span data-until="{}">{}</span>', until.isoformat(), span(until - self.now))
        return format_html(_("{} left"), clock)

    @property
    def voids(self) -> str:
        """Whose first acceptance this ends; empty where nobody's."""
        if not self.changes or not rules.is_first_accepted(self.batch):
            return ""
        words = {"who": second_person.first_name(self.batch)}
        return (
            _("%(who)s has accepted as first person. That does not count any more then: two people accept again.")
            % words
        )

    def figures(self) -> list[DialogFigure]:
        """What follows, as numbers that matter most; each reads as a sentence with its text."""
        return []

    @property
    @abstractmethod
    def button(self) -> str:
        """What leads to the page; ends in … because a question follows."""

    @property
    @abstractmethod
    def question(self) -> str:
        """The title of the page."""

    @property
    @abstractmethod
    def confirm(self) -> str:
        """The button that does it."""

    @property
    @abstractmethod
    def done(self) -> str:
        """What is said once it is done."""

    @abstractmethod
    def consequences(self) -> list[str]:
        """What follows, sentence by sentence, in numbers."""

    def made(self, given: Mapping[str, Any]) -> Verb[Any]:
        """Return the verb with what the form says."""
        return self.verb()

    def carry_out(self, given: Mapping[str, Any], now: datetime) -> None:
        """Do it; raises NotDone with a sentence."""
        act = Act(cast(User, self.user), given["revision"], given["note"], now)
        self.result = self.made(given).run(self.batch.pk, act)

    @property
    def _deadline(self) -> str:
        return time_of(self.batch.deadline, self.now)
