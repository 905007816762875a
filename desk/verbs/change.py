"""The verbs that change many decisions: ticked rows, all alike ones, and cancelling a running change."""

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
from django.utils.translation import ngettext

from desk.batch.contacts import reason_key
from desk.verbs.accept import changed_figures
from desk.verbs.base import DialogFigure, VerbPage
from sendouts.models import Batch, BulkChange, Decision, DecisionVerdict
from sendouts.models.decision import rows_of
from sendouts.stages import effects
from sendouts.verbs import CancelChange, ChangeAlike, ChangeDecisions, base, change_many
from sendouts.verbs.change_many import Which
from sendouts.wording.batch_sentences import number, quoted, reason, title

# People do not tick more rows than these by hand.
TICKED = 500
TO = {"accept": DecisionVerdict.ACCEPTED, "reject": DecisionVerdict.REJECTED}


class _ManyPage(VerbPage):
    """Common part of changing many: the new verdict, and the required note."""

    name = "many"
    changes = True

    def __init__(self, batch: Batch, user: AbstractUser, now: datetime, verdict: DecisionVerdict) -> None:
        super().__init__(batch, user, now)
        self.verdict = verdict

    @property
    def _to(self) -> str:
        return "accept" if self.verdict == DecisionVerdict.ACCEPTED else "reject"

    @property
    def act(self) -> str:
        return _("Put back") if self.verdict == DecisionVerdict.ACCEPTED else _("Reject")

    def _warn_unprepared(self) -> list[str]:
        names = (
            list(effects.open_enrichments(self.batch.pk).values_list("identifier", flat=True))
            if self.verdict == DecisionVerdict.ACCEPTED
            else []
        )
        if not names:
            return []
        text = _(
            "%(names)s prepared nothing for whom the checks rejected: they get the message without, unless the checks "
            "run again."
        )
        return [text % {"names": quoted(names)}]


class ChangeRowsPage(_ManyPage):
    """Put back or reject the ticked contacts."""

    verb = ChangeDecisions

    def __init__(
        self, batch: Batch, user: AbstractUser, now: datetime, verdict: DecisionVerdict, rows: Sequence[int]
    ) -> None:
        super().__init__(batch, user, now, verdict)
        self.rows = rows[:TICKED]

    @cached_property
    def _before(self) -> Mapping[DecisionVerdict, int]:
        ids = [self.batch.first_decision + row for row in self.rows]
        found = Decision.objects.filter(rows_of(self.batch.pk), pk__in=ids).exclude(verdict=self.verdict)
        # An unreadable row counts as neither until a person decides on it.
        return Counter(DecisionVerdict(verdict) for verdict in found.values_list("verdict", flat=True))

    @property
    def _count(self) -> int:
        return sum(self._before.values())

    @property
    def is_possible(self) -> bool:
        return super().is_possible and bool(self._count)

    @property
    def why_not(self) -> str:
        return "" if self._count else _("Tick at least one contact first.")

    @property
    def url(self) -> str:
        return (
            reverse("admin:sendouts_batch_many", args=[self.batch.pk, self._to])
            + "?"
            + urlencode({"row": self.rows}, doseq=True)
        )

    @property
    def button(self) -> str:
        return self.confirm + "…"

    @property
    def question(self) -> str:
        if self.verdict == DecisionVerdict.ACCEPTED:
            text = ngettext("Put %(n)s contact back?", "Put %(n)s contacts back?", self._count)
        else:
            text = ngettext("Reject %(n)s contact?", "Reject %(n)s contacts?", self._count)
        return text % {"n": number(self._count)}

    @property
    def confirm(self) -> str:
        text = _("Put back %(n)s") if self.verdict == DecisionVerdict.ACCEPTED else _("Reject %(n)s")
        return text % {"n": number(self._count)}

    @property
    def done(self) -> str:
        return changed(self.verdict, self.result or 0)

    def figures(self) -> list[DialogFigure]:
        return changed_figures(self.batch, self._before, self.verdict)

    def consequences(self) -> list[str]:
        return [_("Nothing is sent by this change."), *self._warn_unprepared()]

    def made(self, given: Mapping[str, Any]) -> ChangeDecisions:
        return ChangeDecisions([self.batch.first_decision + row for row in self.rows], self.verdict)


class ChangeAlikePage(_ManyPage):
    """Put back or reject all contacts with one verdict, or all of these with one reason."""

    verb = ChangeAlike

    def __init__(self, batch: Batch, user: AbstractUser, now: datetime, verdict: DecisionVerdict, which: Which) -> None:
        super().__init__(batch, user, now, verdict)
        self.which = which

    @cached_property
    def count(self) -> int:
        return self.which.count(self.batch)

    @property
    def _bulk(self) -> BulkChange | None:
        """Return the change, once it has begun or is done."""
        begun: BulkChange | None = self.result
        return begun

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.which.before != self.verdict and bool(self.count)

    @property
    def url(self) -> str:
        asked = {"verdict": self.which.before.name.lower()}
        if self.which.reason is not None:
            asked["reason"] = reason_key(*self.which.reason)
        return reverse("admin:sendouts_batch_many", args=[self.batch.pk, self._to]) + "?" + urlencode(asked)

    @property
    def _why(self) -> str:
        """Return the text of the reason, as on the page."""
        for verdict, code, text, action, _count in self.batch.reasons:
            if self.which.reason == (code, action) and verdict == self.which.before:
                return reason(code, text).rstrip(".")
        return ""

    @property
    def button(self) -> str:
        words = {"n": number(self.count), "reason": self._why}
        back = self.verdict == DecisionVerdict.ACCEPTED
        if self.which.reason is not None:
            text = _("Put back all %(n)s “%(reason)s”…") if back else _("Reject all %(n)s “%(reason)s”…")
        else:
            text = _("Put back all undecided…") if back else _("Reject all undecided…")
        return text % words

    @property
    def question(self) -> str:
        words = {"n": number(self.count), "reason": self._why}
        back = self.verdict == DecisionVerdict.ACCEPTED
        if self.which.reason is not None:
            question = (
                _("Put back all %(n)s with the reason “%(reason)s”?"),
                _("Reject all %(n)s with the reason “%(reason)s”?"),
            )
            text = question[0 if back else 1]
        elif back:
            text = ngettext("Put %(n)s undecided contact back?", "Put %(n)s undecided contacts back?", self.count)
        else:
            text = ngettext("Reject %(n)s undecided contact?", "Reject %(n)s undecided contacts?", self.count)
        return text % words

    @property
    def confirm(self) -> str:
        text = _("Put back %(n)s") if self.verdict == DecisionVerdict.ACCEPTED else _("Reject %(n)s")
        return text % {"n": number(self.count)}

    @property
    def done(self) -> str:
        bulk = self._bulk
        if bulk is not None and bulk.is_running:
            return _(
                "It has begun. The page shows how far it is; until it is done, nobody accepts or rejects the batch."
            )
        return changed(self.verdict, bulk.changed if bulk is not None else self.count)

    @property
    def nudge(self) -> tuple[str, list[int]]:
        bulk = self._bulk
        if bulk is not None and bulk.is_running:
            return "changes", [bulk.pk]
        return super().nudge

    def figures(self) -> list[DialogFigure]:
        return changed_figures(self.batch, {self.which.before: self.count}, self.verdict)

    def consequences(self) -> list[str]:
        found = [_("Nothing is sent by this change.")]
        if change_many.takes_time(self.batch, self.which):
            found.append(
                _("It takes a moment. Until it is done, nobody accepts or rejects the batch; it can be stopped.")
            )
        if self.which.before == DecisionVerdict.REJECTED and self.batch.final:
            text = ngettext(
                "%(n)s rejection was sent before the release was stopped: it stays.",
                "%(n)s rejections were sent before the release was stopped: they stay.",
                self.batch.final,
            )
            found.append(text % {"n": number(self.batch.final)})
        if self.verdict == DecisionVerdict.ACCEPTED and self.batch.unread:
            found.append(_("Rows that could not be read stay as they are."))
        return found + self._warn_unprepared()

    def made(self, given: Mapping[str, Any]) -> ChangeAlike:
        return ChangeAlike(self.which, self.verdict)


class CancelChangePage(VerbPage):
    """Stop a running change of many decisions."""

    verb = CancelChange
    name = "cancel-change"

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.batch.running_change is not None

    @property
    def _running(self) -> BulkChange | None:
        found: BulkChange | None = self.batch.running_change
        return found

    @property
    def button(self) -> str:
        return _("Stop the change…")

    @property
    def question(self) -> str:
        return _("Stop the change of “%(name)s”?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return _("Stop the change")

    @property
    def done(self) -> str:
        return _("The change is stopped. What was changed by then stays.")

    def figures(self) -> list[DialogFigure]:
        if self._running is None:
            return []
        done, left = self._running.changed, max(0, self._running.expected - self._running.changed)
        return [
            DialogFigure(
                number(done), ngettext("decision is changed and stays so", "decisions are changed and stay so", done)
            ),
            DialogFigure(number(left), ngettext("decision stays as it is", "decisions stay as they are", left)),
        ]

    def consequences(self) -> list[str]:
        return [_("The change goes on while you read: the numbers may be higher when you confirm.")]


def changed(verdict: DecisionVerdict, count: int) -> str:
    """Return the sentence shown once this many contacts are changed."""
    if verdict == DecisionVerdict.ACCEPTED:
        text = ngettext("%(n)s contact is put back.", "%(n)s contacts are put back.", count)
    else:
        text = ngettext("%(n)s contact is rejected.", "%(n)s contacts are rejected.", count)
    return text % {"n": number(count)}


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
    made = [ChangeAlikePage(batch, user, now, verdict, which) for verdict in TO.values() if verdict != before]
    return [verb for verb in made if verb.is_possible]


def which_of(before: DecisionVerdict, key: str) -> Which:
    """Select the decisions with a verdict and, if the contact filter names one, with its reason."""
    code, _colon, action = key.partition(":")
    return Which(before, (code, action) if key else None)
