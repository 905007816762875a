"""The page on which a person asks those who may take a step that they may not."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from desk.verbs.base import VerbPage, VerbWords
from desk.verbs.forms import NoteForm
from notices.messages import ask
from notices.messages.readers import mail_works
from sendouts.models import Event, EventWord
from sendouts.verbs.base import NotDone, NotDoneCode
from sendouts.verbs.settle import AskForStep
from sendouts.wording.batch_sentences import number, time_of


class AskPage(VerbPage):
    """Ask for a step of the batch. `step`: the page of that verb, for the same person."""

    verb = AskForStep
    name = "ask"
    quiet = True
    words = VerbWords(
        button=gettext_lazy("Ask somebody who may…"),
        question=gettext_lazy("Ask somebody who may?"),
        confirm=gettext_lazy("Ask"),
        done=gettext_lazy("Asked. They get a mail, and the history says that you asked."),
    )

    def __init__(self, step: VerbPage) -> None:
        super().__init__(step.batch, step.user, step.now)
        self.step = step

    @property
    def timed_step(self) -> str:
        return self.step.name

    @property
    def is_permitted(self) -> bool:
        return super().is_permitted and not self.step.is_permitted

    @property
    def is_possible(self) -> bool:
        return super().is_possible and not self.why_not

    @property
    def why_not(self) -> str:
        if not self.step.is_possible:
            return _("There is nothing to ask for: the batch has gone on.")
        if self.asked_at is not None:
            return _("You asked at %(time)s.") % {"time": time_of(self.asked_at, self.now)}
        if not self.people:
            return _("Nobody with a mail address may do this here. Ask an administrator.")
        return "" if mail_works() else _("The gateway sends no mail. Ask them yourself.")

    @cached_property
    def people(self) -> list[str]:
        """Return the names of those who may."""
        found = ask.who_may(self.batch, self.step.name, cast(User, self.user))
        return [user.get_username() for user in found]

    @cached_property
    def asked_at(self) -> datetime | None:
        """Return when the person asked for this step; None if they did not."""
        asked = Event.objects.filter(batch=self.batch, word=EventWord.ASKED, user=cast(User, self.user))
        return asked.filter(data__step=self.step.name).values_list("at", flat=True).first()

    @property
    def url(self) -> str:
        return reverse("admin:sendouts_batch_ask", args=[self.batch.pk, self.step.name])

    @property
    def confirm(self) -> str:
        text = ngettext("Ask %(n)s person", "Ask %(n)s people", len(self.people))
        return text % {"n": number(len(self.people))}

    def form(self, data: Mapping[str, Any] | None = None) -> NoteForm:
        made = super().form(data)
        made.fields["note"].label = _("Message")
        made.fields["note"].help_text = _("Optional; it stays in the history of the batch.")
        return made

    def made(self, given: Mapping[str, Any]) -> AskForStep:
        return AskForStep(self.step.name)

    def carry_out(self, given: Mapping[str, Any], now: datetime) -> None:
        """Record the question, and put it into the outbox. It changes nothing, so any revision will do."""
        if self.why_not:
            raise NotDone(NotDoneCode.NOTHING, self.why_not)
        with transaction.atomic():
            super().carry_out({**given, "revision": None}, now)
            ask.put_question(self.batch, self.step.name, cast(User, self.user), now)


def ask_page(step: VerbPage) -> AskPage | None:
    """Return the page that asks for a step, if the step is possible and the person may not take it."""
    if getattr(step, "name", "") not in ask.STEPS or step.is_permitted or not step.is_possible:
        return None
    return AskPage(step)
