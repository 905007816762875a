"""The verbs that decide on a whole held batch: accept, reject all, and take one's own first acceptance back."""

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from functools import cached_property
from typing import Any, cast

from django.contrib.auth.models import AbstractUser, User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from desk.batch.contacts import unread_without_address
from desk.verbs.base import VerbPage, VerbWords
from desk.verbs.forms import AcceptForm, NoteForm
from sendouts import rules
from sendouts.models import Batch, Status
from sendouts.outlook import forecast
from sendouts.stages import review
from sendouts.verbs import Accept, Reject, TakeBack, base, second_person
from sendouts.wording.batch_sentences import holds, number


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


class AcceptPage(VerbPage):
    """Send the message to the accepted contacts, after the others are rejected."""

    verb = Accept
    name, tone = "accept", "primary"
    words = VerbWords(
        button=gettext_lazy("Accept…"),
        question=gettext_lazy("Accept “%(name)s”?"),
        confirm=gettext_lazy("Accept"),
        done=gettext_lazy("Accepted. The rejections are sent first, then the messages go out."),
    )

    @cached_property
    def taken_on(self) -> int:
        """Return the number of rows that would get the message unchecked."""
        return unread_without_address(self.batch)

    @property
    def choices(self) -> int:
        """Count contacts that the person chooses for: the undecided, and the unreadable that can be rejected."""
        return self.batch.undecided + self.batch.unread - self.taken_on

    @property
    def to_send(self) -> int:
        """Count rejections sent before the release, unless the person lets the undecided have the message."""
        spared = self.second == Second.COMPLETES and self.batch.first_undecided == "accept"
        return self.batch.unsettled + (0 if spared else self.choices)

    @property
    def sending(self) -> timedelta:
        """Return about how long the rejections take."""
        return timedelta(seconds=max(1, self.to_send / forecast.lately(self.now).rate))

    @property
    def choice_releases(self) -> bool:
        """Return whether no rejection is left to send if the person lets the undecided have the message."""
        return not self.batch.unsettled and self.second != Second.COMPLETES

    @property
    def is_permitted(self) -> bool:
        return super().is_permitted and (not self.taken_on or self.user.has_perm(base.TAKE_ON))

    @property
    def is_possible(self) -> bool:
        complete = self.batch.file_complete and self.batch.attention not in review.BLOCKS_ACCEPTANCE
        return super().is_possible and complete and self.second != Second.OWN

    @cached_property
    def second(self) -> Second:
        """Return what the rule of two people means for this acceptance."""
        return Second.of(self.batch, self.user)

    @property
    def least_for_two(self) -> int | None:
        """Return from how many contacts on two people must accept this batch."""
        return rules.least_for_two(self.batch)

    @property
    def vouching_needs_two(self) -> bool:
        """Return whether a second person is needed to release contacts that no check accepted."""
        return rules.bars_own_changes(self.batch) and self.batch.undecided + self.batch.unread > 0

    @property
    def own_changes(self) -> int:
        """Count the person's own changes, which somebody else must accept."""
        return rules.changed_by(self.batch, cast(User, self.user))

    @property
    def first_choice(self) -> str:
        """Return what the first person chose for the undecided, as a sentence."""
        return second_person.choice(self.batch)

    @property
    def unjudged(self) -> list[str]:
        """Return why nobody has checked everything that was asked for."""
        return holds(self.batch, self.batch.unjudged())

    @property
    def why_not(self) -> str:
        return (
            second_person.first_acceptance_sentence(self.batch, self.user, self.now)
            if self.second == Second.OWN
            else ""
        )

    def form(self, data: Mapping[str, Any] | None = None) -> NoteForm:
        # The second person accepts what the first one accepted.
        choices = 0 if self.second == Second.COMPLETES else self.choices
        return AcceptForm(data, initial=self.seen, choices_for=choices, taken_on=self.taken_on)

    @property
    def again(self) -> str:
        return _("Look again, then accept.")

    @property
    def button(self) -> str:
        if self.second == Second.FIRST:
            return _("Accept as first person…")
        if self.choices or self.taken_on or not self.batch.accepted:
            return super().button
        return _("Accept: send to %(n)s…") % {"n": number(self.batch.accepted)}

    @property
    def confirm(self) -> str:
        if self.second == Second.FIRST:
            return _("Accept as first person")
        if self.choices or self.taken_on:
            return super().confirm
        return _("Send to %(n)s") % {"n": number(self.batch.accepted)}

    @property
    def done(self) -> str:
        if self.second == Second.FIRST or self.result.status == Status.IN_REVIEW:
            return _("Recorded: you accepted as first person. Nothing goes out until a second person accepts.")
        return super().done

    def made(self, given: Mapping[str, Any]) -> Accept:
        first = self.batch.first_undecided if self.second == Second.COMPLETES else ""
        return Accept(given.get("undecided") or first or "reject", bool(given.get("take_on")))


class RejectPage(VerbPage):
    """Reject every contact, so that nobody gets the message."""

    verb = Reject
    name, tone = "refuse", "danger"
    words = VerbWords(
        button=gettext_lazy("Reject all…"),
        question=gettext_lazy("Reject all of “%(name)s”?"),
        confirm=gettext_lazy("Reject"),
        done=gettext_lazy("Rejected. Every contact is now rejected one by one."),
    )

    @cached_property
    def unreachable(self) -> int:
        """Count contacts without an address through which they can be rejected."""
        return unread_without_address(self.batch)

    @property
    def reachable(self) -> int:
        return self.batch.total - self.unreachable

    @property
    def confirm(self) -> str:
        return _("Reject %(n)s") % {"n": number(self.reachable)} if self.reachable else super().confirm

    @property
    def again(self) -> str:
        return _("Look again, then reject.")


class TakeBackPage(VerbPage):
    """Take one's own first acceptance back."""

    verb = TakeBack
    name = "take-back"
    words = VerbWords(
        button=gettext_lazy("Take my acceptance back…"),
        question=gettext_lazy("Take your acceptance of “%(name)s” back?"),
        confirm=gettext_lazy("Take back"),
        done=gettext_lazy("Taken back. Two people must accept the batch again."),
    )

    @property
    def is_possible(self) -> bool:
        own = rules.is_first_accepted(self.batch) and self.batch.first_accepted_by_id == self.user.pk
        return super().is_possible and own
