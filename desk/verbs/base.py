"""Base of every verb's page: whether it is possible, its form, and its words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, cast

from django.contrib.auth.models import AbstractUser, User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from desk.verbs.forms import NoteForm
from sendouts import rules
from sendouts.models import Batch
from sendouts.outlook import progress
from sendouts.verbs.base import Act, Verb
from sendouts.wording.batch_sentences import span, title


@dataclass(frozen=True, slots=True)
class VerbWords:
    """The words of a verb; `%(name)s` in its question is the batch.

    `button`: the link to the page; it ends in … because a question follows. `done`: shown once it was carried out.
    """

    button: Promise
    question: Promise
    confirm: Promise
    done: Promise


class VerbPage:
    """A verb for one person who looks at one batch now; a template in `templates/desk/verbs/` has its consequences.

    `name` is the last part of its address. `tone`: primary, default or danger. `quiet`: it is seldom used, and so
    offered under “More”.
    """

    name: ClassVar[str]
    words: ClassVar[VerbWords]
    verb: ClassVar[type[Verb[Any]]]
    tone: str = "default"
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
        """Return whether the verb must wait until a running change of many decisions has ended."""
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
        return False

    @property
    def template(self) -> str:
        return f"desk/verbs/{self.name}.html"

    @property
    def url(self) -> str:
        return reverse(f"admin:sendouts_batch_{self.name}", args=[self.batch.pk])

    def form(self, data: Mapping[str, Any] | None = None) -> NoteForm:
        return NoteForm(data, initial=self.seen, needs_note=self.verb.needs_note)

    @property
    def seen(self) -> dict[str, Any]:
        """Return the state that the person sees, for the form to carry."""
        return {"revision": self.batch.revision, "seen": self.batch.accepted}

    @property
    def act(self) -> str:
        """Return the intended action, for a sentence that says it was not carried out."""
        return str(self.words.button).rstrip("…")

    @property
    def again(self) -> str:
        """Return what to do if the numbers changed while the person read."""
        return _("Look again, then decide.")

    @property
    def timed_step(self) -> str:
        """Return the name of the verb whose time is shown."""
        return getattr(self, "name", "")

    @property
    def time_left(self) -> SafeString | str:
        """Return the time left to decide, or until the deadline if no decision is needed; a script counts it down."""
        if not self.batch.is_open:
            return ""
        until = progress.step_before(self.batch, self.timed_step, self.now)
        clock = format_html('<span data-until="{}">{}</span>', until.isoformat(), span(until - self.now))
        return format_html(_("{} left"), clock)

    @property
    def voids(self) -> bool:
        """Return whether the verb ends the first acceptance of two."""
        return self.changes and rules.is_first_accepted(self.batch)

    @property
    def button(self) -> str:
        return str(self.words.button)

    @property
    def question(self) -> str:
        return str(self.words.question) % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return str(self.words.confirm)

    @property
    def done(self) -> str:
        return str(self.words.done)

    def made(self, given: Mapping[str, Any]) -> Verb[Any]:
        """Return the verb with the values of the form."""
        return self.verb()

    def carry_out(self, given: Mapping[str, Any], now: datetime) -> None:
        """Carry out the verb; raises NotDone with a sentence."""
        act = Act(cast(User, self.user), given["revision"], given["note"], now)
        self.result = self.made(given).run(self.batch.pk, act)
