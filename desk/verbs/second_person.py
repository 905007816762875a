"""Acceptance by two people: its meaning for the reader, and the verb by which the first one takes it back."""

from datetime import datetime
from enum import Enum
from typing import cast

from django.contrib.auth.models import AbstractUser, User
from django.utils.translation import gettext as _

from desk.verbs.base import VerbPage
from sendouts import rules
from sendouts.models import Batch
from sendouts.verbs import TakeBack, second_person
from sendouts.wording.batch_sentences import title


class Second(Enum):
    """The effect of one person's acceptance: enough, first of two, second of two, or none, being first already."""

    ALONE = "alone"
    FIRST = "first"
    COMPLETES = "completes"
    OWN = "own"

    @classmethod
    def of(cls, batch: Batch, user: AbstractUser, together: int = 0) -> "Second":
        if not rules.needed(batch, cast(User, user), together):
            return cls.ALONE
        if not rules.is_first_accepted(batch):
            return cls.FIRST
        return cls.OWN if batch.first_accepted_by_id == user.pk else cls.COMPLETES


def second_lines(batch: Batch, user: AbstractUser, second: Second, now: datetime) -> list[str]:
    """Return the lines about two people that precede the numbers in the dialog of acceptance."""
    if second == Second.FIRST:
        why = second_person.why_two(batch, cast(User, user))
        return [why, _("Nothing goes out yet: when a second person has accepted, this holds:")]
    if second == Second.COMPLETES:
        words = {"who": second_person.first_name(batch)}
        lines = [_("%(who)s accepted as first person: with your acceptance the batch goes out.") % words]
        if batch.undecided + batch.unread:
            lines.append(
                _("What %(who)s chose for the undecided: %(choice)s") % {**words, "choice": second_person.choice(batch)}
            )
        return lines
    return []


class TakeBackPage(VerbPage):
    """Take one's own first acceptance back."""

    verb = TakeBack
    name = "take-back"

    @property
    def is_possible(self) -> bool:
        own = rules.is_first_accepted(self.batch) and self.batch.first_accepted_by_id == self.user.pk
        return super().is_possible and own

    @property
    def button(self) -> str:
        return _("Take my acceptance back…")

    @property
    def question(self) -> str:
        return _("Take your acceptance of “%(name)s” back?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return _("Take back")

    @property
    def done(self) -> str:
        return _("Taken back. Two people must accept the batch again.")

    def consequences(self) -> list[str]:
        return [_("Nothing was sent by your acceptance. The batch waits as if you had not accepted it.")]
