"""The verbs that change decisions: on one contact, ticked rows or all alike ones; and cancelling a running change."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractUser
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from desk.batch.contacts import reason_key, row_name
from desk.verbs.base import VerbPage, VerbWords
from sendouts.models import Answer, Batch, BulkChange, Decision, DecisionVerdict
from sendouts.models.decision import rows_of
from sendouts.stages import effects
from sendouts.verbs import CancelChange, ChangeAlike, ChangeDecisions, base, change_many
from sendouts.verbs.change_many import Which
from sendouts.wording.batch_sentences import number, reason

# People do not tick more rows than these by hand.
TICKED = 500
TO = {"accept": DecisionVerdict.ACCEPTED, "reject": DecisionVerdict.REJECTED}


class _ChangePage(VerbPage, ABC):
    """Common part of the changes: the new verdict, and the numbers after it."""

    changes = True

    def __init__(self, batch: Batch, user: AbstractUser, now: datetime, verdict: DecisionVerdict) -> None:
        super().__init__(batch, user, now)
        self.verdict = verdict

    @property
    @abstractmethod
    def before(self) -> Mapping[DecisionVerdict, int]:
        """Return how many decisions change, by their current verdict."""

    @property
    def count(self) -> int:
        return sum(self.before.values())

    @property
    def puts_back(self) -> bool:
        return self.verdict == DecisionVerdict.ACCEPTED

    @property
    def accepted(self) -> int:
        """Return how many get the message after the change, if the batch is accepted."""
        return self._after(self.batch.accepted, DecisionVerdict.ACCEPTED)

    @property
    def rejected(self) -> int:
        return self._after(self.batch.rejected, DecisionVerdict.REJECTED)

    @property
    def step(self) -> int:
        """Return by how many the contacts that get the message become more or fewer."""
        return abs(self.accepted - self.batch.accepted)

    def _after(self, now: int, verdict: DecisionVerdict) -> int:
        return now + self.count if verdict == self.verdict else now - self.before.get(verdict, 0)

    @property
    def act(self) -> str:
        return _("Put back") if self.puts_back else _("Reject")

    @property
    def button(self) -> str:
        return self.confirm + "…"

    @property
    def confirm(self) -> str:
        text = _("Put back %(n)s") if self.puts_back else _("Reject %(n)s")
        return text % {"n": number(self.count)}

    @property
    def done(self) -> str:
        return self._describe_done(self.result or 0)

    def _describe_done(self, count: int) -> str:
        if self.puts_back:
            text = ngettext("%(n)s contact is put back.", "%(n)s contacts are put back.", count)
        else:
            text = ngettext("%(n)s contact is rejected.", "%(n)s contacts are rejected.", count)
        return text % {"n": number(count)}

    @property
    def unprepared(self) -> list[str]:
        """Return the actions that prepared nothing for contacts that the checks rejected."""
        if not self.puts_back:
            return []
        return list(effects.open_enrichments(self.batch.pk).values_list("identifier", flat=True))


class ChangeOnePage(_ChangePage):
    """Put one contact back, or reject it; offered beside each contact."""

    verb = ChangeDecisions
    template = "desk/verbs/change_one.html"

    def __init__(
        self, batch: Batch, user: AbstractUser, now: datetime, decision: Decision, verdict: DecisionVerdict
    ) -> None:
        super().__init__(batch, user, now, verdict)
        self.decision = decision

    @property
    def is_permitted(self) -> bool:
        # An unreadable row gets the message only if a person takes responsibility.
        unchecked = self.decision.unread and self.puts_back
        return super().is_permitted and (not unchecked or self.user.has_perm(base.TAKE_ON))

    @property
    def is_possible(self) -> bool:
        # A rejection sent before the release was stopped is final; the stage reports it.
        sent = self.decision.verdict == DecisionVerdict.REJECTED and self.decision.answer != Answer.NONE
        return super().is_possible and self.decision.verdict != self.verdict and not sent

    @property
    def before(self) -> Mapping[DecisionVerdict, int]:
        verdict = DecisionVerdict.UNDECIDED if self.decision.unread else DecisionVerdict(self.decision.verdict)
        return {verdict: 1}

    @property
    def contact(self) -> str:
        seen = self.user.has_perm(base.VIEW_CONTACTS)
        return (seen and self.decision.contact_id) or row_name(self.decision)

    @property
    def question(self) -> str:
        return (_("Put back %(contact)s?") if self.puts_back else _("Reject %(contact)s?")) % {"contact": self.contact}

    @property
    def confirm(self) -> str:
        return self.act

    @property
    def done(self) -> str:
        return _("%(contact)s is changed.") % {"contact": self.contact}

    @property
    def why(self) -> str:
        return reason(self.decision.reason, self.decision.text)

    @property
    def unprepared(self) -> list[str]:
        return effects.not_prepared(self.decision) if self.puts_back else []

    def made(self, given: Mapping[str, Any]) -> ChangeDecisions:
        return ChangeDecisions([self.decision.pk], self.verdict)


class ChangeRowsPage(_ChangePage):
    """Put back or reject the ticked contacts."""

    verb = ChangeDecisions
    template = "desk/verbs/change_rows.html"

    def __init__(
        self, batch: Batch, user: AbstractUser, now: datetime, verdict: DecisionVerdict, rows: Sequence[int]
    ) -> None:
        super().__init__(batch, user, now, verdict)
        self.ids = [batch.first_decision + row for row in rows[:TICKED]]

    @cached_property
    def before(self) -> Mapping[DecisionVerdict, int]:
        found = Decision.objects.filter(rows_of(self.batch.pk), pk__in=self.ids).exclude(verdict=self.verdict)
        # An unreadable row counts as neither until a person decides on it.
        return Counter(DecisionVerdict(verdict) for verdict in found.values_list("verdict", flat=True))

    @property
    def is_possible(self) -> bool:
        return super().is_possible and bool(self.count)

    @property
    def why_not(self) -> str:
        return "" if self.count else _("Tick at least one contact first.")

    @property
    def question(self) -> str:
        if self.puts_back:
            text = ngettext("Put %(n)s contact back?", "Put %(n)s contacts back?", self.count)
        else:
            text = ngettext("Reject %(n)s contact?", "Reject %(n)s contacts?", self.count)
        return text % {"n": number(self.count)}

    def made(self, given: Mapping[str, Any]) -> ChangeDecisions:
        return ChangeDecisions(self.ids, self.verdict)


class ChangeAlikePage(_ChangePage):
    """Put back or reject all contacts with one verdict, or all of these with one reason."""

    verb = ChangeAlike
    name = "many"
    template = "desk/verbs/change_alike.html"

    def __init__(self, batch: Batch, user: AbstractUser, now: datetime, verdict: DecisionVerdict, which: Which) -> None:
        super().__init__(batch, user, now, verdict)
        self.which = which

    @cached_property
    def before(self) -> Mapping[DecisionVerdict, int]:
        return {self.which.before: self.which.count(self.batch)}

    @property
    def _running(self) -> BulkChange | None:
        """Return the change if it has begun and goes on."""
        return self.result if self.result is not None and self.result.is_running else None

    @property
    def is_possible(self) -> bool:
        return super().is_possible and bool(self.count)

    @property
    def url(self) -> str:
        asked = {"verdict": self.which.before.name.lower()}
        if self.which.reason is not None:
            asked["reason"] = reason_key(*self.which.reason)
        to = "accept" if self.puts_back else "reject"
        return f"{reverse('admin:sendouts_batch_many', args=[self.batch.pk, to])}?{urlencode(asked)}"

    @property
    def _values(self) -> dict[str, str]:
        """Return the number of contacts, and the text of the reason as on the page."""
        texts = (
            reason(code, text).rstrip(".")
            for verdict, code, text, action, _count in self.batch.reasons
            if self.which.reason == (code, action) and verdict == self.which.before
        )
        return {"n": number(self.count), "reason": next(texts, "")}

    @property
    def button(self) -> str:
        if self.which.reason is None:
            return _("Put back all undecided…") if self.puts_back else _("Reject all undecided…")
        text = _("Put back all %(n)s “%(reason)s”…") if self.puts_back else _("Reject all %(n)s “%(reason)s”…")
        return text % self._values

    @property
    def question(self) -> str:
        if self.which.reason is not None and self.puts_back:
            text = _("Put back all %(n)s with the reason “%(reason)s”?")
        elif self.which.reason is not None:
            text = _("Reject all %(n)s with the reason “%(reason)s”?")
        elif self.puts_back:
            text = ngettext("Put %(n)s undecided contact back?", "Put %(n)s undecided contacts back?", self.count)
        else:
            text = ngettext("Reject %(n)s undecided contact?", "Reject %(n)s undecided contacts?", self.count)
        return text % self._values

    @property
    def done(self) -> str:
        if self._running:
            return _(
                "It has begun. The page shows how far it is; until it is done, nobody accepts or rejects the batch."
            )
        return self._describe_done(self.result.changed)

    @property
    def nudge(self) -> tuple[str, list[int]]:
        return ("changes", [self._running.pk]) if self._running else super().nudge

    @property
    def takes_time(self) -> bool:
        return change_many.takes_time(self.batch, self.which)

    @property
    def sent(self) -> int:
        """Count rejections among them that were sent before the release was stopped, and stay."""
        return self.batch.final if self.which.before == DecisionVerdict.REJECTED else 0

    def made(self, given: Mapping[str, Any]) -> ChangeAlike:
        return ChangeAlike(self.which, self.verdict)


class CancelChangePage(VerbPage):
    """Stop a running change of many decisions."""

    verb = CancelChange
    name = "cancel-change"
    words = VerbWords(
        button=gettext_lazy("Stop the change…"),
        question=gettext_lazy("Stop the change of “%(name)s”?"),
        confirm=gettext_lazy("Stop the change"),
        done=gettext_lazy("The change is stopped. What was changed by then stays."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.batch.running_change is not None

    @property
    def left(self) -> int:
        running: BulkChange | None = self.batch.running_change
        return max(0, running.expected - running.changed) if running else 0


@dataclass(frozen=True, slots=True)
class Ticked:
    """The button for ticked rows: `none` while no row is ticked, `some` with %s for the count."""

    url: str
    none: str
    some: str


def ticked(batch: Batch, to: Sequence[str]) -> list[Ticked]:
    """Return the buttons for ticked rows. to: the possible changes of the rows on the page."""
    words = {
        "accept": (_("Put back the ticked ones…"), _("Put back %s…")),
        "reject": (_("Reject the ticked ones…"), _("Reject %s…")),
    }
    return [Ticked(reverse("admin:sendouts_batch_many", args=[batch.pk, name]), *words[name]) for name in to]


def alike(batch: Batch, user: AbstractUser, tab: str, key: str, now: datetime) -> list[VerbPage]:
    """Return the verbs for all listed contacts: those of a tab with one reason, or all undecided."""
    before = {
        "rejected": DecisionVerdict.REJECTED,
        "accepted": DecisionVerdict.ACCEPTED,
        "undecided": DecisionVerdict.UNDECIDED,
    }.get(tab)
    if before is None or not (key or before == DecisionVerdict.UNDECIDED) or not user.has_perm(base.REVIEW):
        return []
    which = which_of(before, key)
    made: list[VerbPage] = [
        ChangeAlikePage(batch, user, now, verdict, which) for verdict in TO.values() if verdict != before
    ]
    return [verb for verb in made if verb.is_possible]


def which_of(before: DecisionVerdict, key: str) -> Which:
    """Select the decisions with a verdict and, if the contact filter names one, with its reason."""
    code, _colon, action = key.partition(":")
    return Which(before, (code, action) if key else None)
