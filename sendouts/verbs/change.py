"""Change single decisions of a held batch."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sendouts import lifecycle
from sendouts.models import Answer, Batch, Decision, DecisionVerdict, EventWord, Status
from sendouts.models.decision import DecisionReason, rows_of
from sendouts.stages.review import recount
from sendouts.verbs import base
from sendouts.verbs.base import Act, NotDone, NotDoneCode, Verb


@dataclass(frozen=True)
class ChangeDecisions(Verb[int]):
    """Change single decisions, by their ids, to accepted or rejected; return how many changed."""

    name = "change"
    statuses = frozenset({Status.IN_REVIEW})
    needs_note = True

    decision_ids: Collection[int]
    verdict: DecisionVerdict

    def __post_init__(self) -> None:
        if self.verdict not in {DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED}:
            raise ValueError("a person accepts or rejects")

    def carry_out(self, batch: Batch, act: Act) -> int:
        wanted = Decision.objects.filter(rows_of(batch.pk), pk__in=self.decision_ids).exclude(verdict=self.verdict)
        if self.verdict == DecisionVerdict.REJECTED and wanted.filter(uri=b"").exists():
            sentence = _("This row has no address through which it could be rejected.")
            raise NotDone(NotDoneCode.NO_ADDRESS, sentence)
        _require_none_final(wanted)
        if self.verdict == DecisionVerdict.ACCEPTED and wanted.filter(unread=True).exists():
            base.check_permission(act.user, base.TAKE_ON)
        to = {
            "verdict": self.verdict,
            "decided_by": act.user,
            "reason": DecisionReason.PERSON,
            "text": act.note[:500],
            "action": "",
        }
        changed = wanted.update(**to)
        if not changed:
            raise NotDone(NotDoneCode.NOTHING, _("There is nothing to change: the decision is already that."))
        rows = [pk & 0xFFFF_FFFF for pk in list(self.decision_ids)[:50]]
        data = {"verdict": self.verdict.name.lower(), "rows": rows, "contacts": changed}
        columns = recount(batch, act.now)
        lifecycle.change(batch, EventWord.CHANGED, data=data, **act.by, **columns)
        return changed


def _require_none_final(rows: QuerySet[Decision]) -> None:
    """Raise NotDone if a rejection was sent before the release was stopped: it cannot be taken back."""
    sent = rows.filter(verdict=DecisionVerdict.REJECTED).exclude(answer=Answer.NONE).count()
    if sent:
        sentence = ngettext(
            "This rejection was sent before the release was stopped: it cannot be taken back.",
            "%(n)d of these rejections were sent before the release was stopped: they cannot be taken back.",
            sent,
        )
        raise NotDone(NotDoneCode.FINAL, sentence % {"n": sent})
