"""The verbs that decide on a held batch: accept, reject all, change one contact."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from desk.batch.contacts import row_name, unread_without_address
from desk.verbs.base import DialogFigure, VerbPage
from desk.verbs.forms import AcceptForm, NoteForm
from desk.verbs.second_person import Second, second_lines
from sendouts.models import Answer, Batch, Decision, DecisionVerdict
from sendouts.outlook import forecast
from sendouts.stages import effects, review
from sendouts.verbs import Accept, ChangeDecisions, Reject, base, second_person
from sendouts.wording.batch_sentences import holds, number, quoted, reason, span, title


class AcceptPage(VerbPage):
    """Send the message to the accepted contacts, after the others are rejected."""

    verb = Accept
    name, tone = "accept", "primary"
    form_class = AcceptForm

    @cached_property
    def taken_on(self) -> int:
        """Return the number of rows that would get the message unchecked."""
        return unread_without_address(self.batch)

    @property
    def choices(self) -> int:
        """Count contacts that the person chooses for: the undecided, and the unreadable that can be rejected."""
        return self.batch.undecided + self.batch.unread - self.taken_on

    @property
    def _pending_rejections(self) -> int:
        """Count decided rejections that are not sent yet."""
        return self.batch.rejected - self.batch.confirmed - self.batch.taken_on

    @property
    def to_send(self) -> int:
        """Count rejections sent before the release, unless the person lets the undecided have the message."""
        spared = self.second == Second.COMPLETES and self.batch.first_undecided == "accept"
        return self._pending_rejections + (0 if spared else self.choices)

    @property
    def is_permitted(self) -> bool:
        return super().is_permitted and (not self.taken_on or self.user.has_perm(base.TAKE_ON))

    @property
    def is_possible(self) -> bool:
        complete = self.batch.file_complete and self.batch.attention not in review.BLOCKS_ACCEPTANCE
        return super().is_possible and complete and not self.why_not

    @cached_property
    def second(self) -> Second:
        """Return what the rule of two people means for this acceptance."""
        return Second.of(self.batch, self.user)

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
    def act(self) -> str:
        return _("Accept")

    @property
    def again(self) -> str:
        return _("Look again, then accept.")

    @property
    def button(self) -> str:
        if self.second == Second.FIRST:
            return _("Accept as first person…")
        if self.choices or self.taken_on or not self.batch.accepted:
            return _("Accept…")
        return _("Accept: send to %(n)s…") % {"n": number(self.batch.accepted)}

    @property
    def question(self) -> str:
        return _("Accept “%(name)s”?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        if self.second == Second.FIRST:
            return _("Accept as first person")
        if self.choices or self.taken_on:
            return _("Accept")
        return _("Send to %(n)s") % {"n": number(self.batch.accepted)}

    @property
    def done(self) -> str:
        if self.second == Second.FIRST:
            return _("Recorded: you accepted as first person. Nothing goes out until a second person accepts.")
        return _("Accepted. The rejections are sent first, then the messages go out.")

    def figures(self) -> list[DialogFigure]:
        return [
            DialogFigure(
                number(self.batch.accepted),
                ngettext(
                    "message goes out at once, or at its scheduled time",
                    "messages go out at once, or at their scheduled time",
                    self.batch.accepted,
                ),
            ),
            DialogFigure(
                number(self.batch.rejected), ngettext("person gets nothing", "people get nothing", self.batch.rejected)
            ),
        ]

    def consequences(self) -> list[str]:
        before = second_lines(self.batch, self.user, self.second, self.now)
        found = holds(self.batch, self.batch.unjudged())
        if not self.to_send:
            return [
                *before,
                _("No rejection has to be sent: the release follows at once, and cannot be taken back."),
                *found,
            ]
        if not self._pending_rejections and self.second != Second.COMPLETES:
            text = _("If you send to the undecided too, the release follows at once, and cannot be taken back.")
            found = [text, *found]
        seconds = self.to_send / forecast.lately(self.now).rate
        first = _(
            "The rejections are sent first, in about %(span)s. Until the last one is confirmed you can still stop the "
            "release; after that nothing can be taken back."
        )
        return [*before, first % {"span": span(timedelta(seconds=max(1, seconds)))}, *found]

    def made(self, given: Mapping[str, Any]) -> Accept:
        first = self.batch.first_undecided if self.second == Second.COMPLETES else ""
        return Accept(given.get("undecided") or first or "reject", bool(given.get("take_on")))


class RejectPage(VerbPage):
    """Reject every contact, so that nobody gets the message."""

    verb = Reject
    name, tone = "refuse", "danger"

    @cached_property
    def _reachable(self) -> int:
        """Count contacts with an address through which they can be rejected."""
        return self.batch.total - unread_without_address(self.batch)

    @property
    def button(self) -> str:
        return _("Reject all…")

    @property
    def question(self) -> str:
        return _("Reject all of “%(name)s”?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        if not self._reachable:
            return _("Reject")
        return _("Reject %(n)s") % {"n": number(self._reachable)}

    @property
    def done(self) -> str:
        return _("Rejected. Every contact is now rejected one by one.")

    @property
    def act(self) -> str:
        return _("Reject all")

    @property
    def again(self) -> str:
        return _("Look again, then reject.")

    def figures(self) -> list[DialogFigure]:
        passed = self.batch.accepted
        if passed:
            text = ngettext(
                "person gets nothing, %(passed)s of whom passed every check",
                "people get nothing, %(passed)s of whom passed every check",
                self.batch.total,
            )
        else:
            text = ngettext("person gets nothing", "people get nothing", self.batch.total)
        return [
            DialogFigure("0", _("messages go out")),
            DialogFigure(number(self.batch.total), text % {"passed": number(passed)}),
        ]

    def consequences(self) -> list[str]:
        batch = self.batch
        unreachable = batch.total - self._reachable
        text = ngettext(
            "%(n)s contact is rejected at Symplify, and takes the “rejected” way of the campaign.",
            "%(n)s contacts are rejected at Symplify, one by one, and take the “rejected” way of the campaign.",
            self._reachable,
        )
        found = [text % {"n": number(self._reachable)}]
        late = {"time": self._deadline, "n": number(unreachable)}
        if unreachable:
            text = ngettext(
                "%(n)s row has no address to reject it: it takes the “timed out” way at %(time)s.",
                "%(n)s rows have no address to reject them: they take the “timed out” way at %(time)s.",
                unreachable,
            )
            found.append(text % late)
        if not batch.file_complete:
            text = _("The contact file is not complete: who is missing in it takes the “timed out” way at %(time)s.")
            found.append(text % late)
        found.append(_("Rejections that were sent cannot be taken back."))
        return found


def changed_figures(
    batch: Batch, before: Mapping[DecisionVerdict, int], verdict: DecisionVerdict
) -> list[DialogFigure]:
    """Return the numbers after a change of many decisions. before: counts by current verdict."""
    more = sum(count for word, count in before.items() if word != verdict)
    get = batch.accepted + (more if verdict == DecisionVerdict.ACCEPTED else -before.get(DecisionVerdict.ACCEPTED, 0))
    lost = batch.rejected + (more if verdict == DecisionVerdict.REJECTED else -before.get(DecisionVerdict.REJECTED, 0))
    step = {"n": number(abs(get - batch.accepted))}
    if get > batch.accepted:
        text = ngettext(
            "gets it if the batch is accepted, %(n)s more than now",
            "get it if the batch is accepted, %(n)s more than now",
            get,
        )
    elif get < batch.accepted:
        text = ngettext(
            "gets it if the batch is accepted, %(n)s fewer than now",
            "get it if the batch is accepted, %(n)s fewer than now",
            get,
        )
    else:
        text = ngettext("gets it if the batch is accepted, as now", "get it if the batch is accepted, as now", get)
    return [
        DialogFigure(number(get), text % step),
        DialogFigure(number(lost), ngettext("does not get it", "do not get it", lost)),
    ]


class ChangeOnePage(VerbPage):
    """Put one contact back, or reject it; offered beside each contact."""

    verb = ChangeDecisions
    name = "contact"
    changes = True

    def __init__(
        self, batch: Batch, user: AbstractUser, now: datetime, decision: Decision, verdict: DecisionVerdict
    ) -> None:
        super().__init__(batch, user, now)
        self.decision = decision
        self.verdict = verdict

    @property
    def is_permitted(self) -> bool:
        # An unreadable row gets the message only if a person takes responsibility.
        unchecked = self.decision.unread and self.verdict == DecisionVerdict.ACCEPTED
        return super().is_permitted and (not unchecked or self.user.has_perm(base.TAKE_ON))

    @property
    def is_possible(self) -> bool:
        # A rejection sent before the release was stopped is final; the stage reports it.
        sent = self.decision.verdict == DecisionVerdict.REJECTED and self.decision.answer != Answer.NONE
        return super().is_possible and self.decision.verdict != self.verdict and not sent

    @property
    def url(self) -> str:
        to = "accept" if self.verdict == DecisionVerdict.ACCEPTED else "reject"
        return reverse("admin:sendouts_batch_contact", args=[self.batch.pk, self.decision.row, to])

    @property
    def _contact(self) -> str:
        seen = self.user.has_perm(base.VIEW_CONTACTS)
        return (seen and self.decision.contact_id) or row_name(self.decision)

    @property
    def button(self) -> str:
        return self.confirm + "…"

    @property
    def question(self) -> str:
        if self.verdict == DecisionVerdict.ACCEPTED:
            return _("Put back %(contact)s?") % {"contact": self._contact}
        return _("Reject %(contact)s?") % {"contact": self._contact}

    @property
    def confirm(self) -> str:
        return _("Put back") if self.verdict == DecisionVerdict.ACCEPTED else _("Reject")

    @property
    def done(self) -> str:
        return _("%(contact)s is changed.") % {"contact": self._contact}

    @property
    def act(self) -> str:
        return self.confirm

    def figures(self) -> list[DialogFigure]:
        before = self.decision.verdict if not self.decision.unread else DecisionVerdict.UNDECIDED
        return changed_figures(self.batch, {DecisionVerdict(before): 1}, self.verdict)

    def consequences(self) -> list[str]:
        decision = self.decision
        found = []
        if why := reason(decision.reason, decision.text):
            found.append(_("Until now: %(verdict)s. %(why)s") % {"verdict": decision.get_verdict_display(), "why": why})
        found.append(_("Nothing is sent by this change."))
        if self.verdict == DecisionVerdict.ACCEPTED and (names := effects.not_prepared(self.decision)):
            lacks = _(
                "Nothing was prepared for this contact by %(names)s: it gets the message without, unless the checks "
                "run again."
            )
            found.append(lacks % {"names": quoted(names)})
        return found

    def made(self, given: Mapping[str, Any]) -> ChangeDecisions:
        return ChangeDecisions([self.decision.pk], self.verdict)
