"""Comparison of a rehearsal's decisions with the past ones."""

from collections.abc import Sequence

from actions.contract import Phase
from actions.plan.merge import PlannedAction, folded, from_data
from actions.plan.run import Result
from sendouts.inquiries.rehearsal.results import SAMPLES, Left, Past, Rehearsal, RehearsedChange
from sendouts.models import Batch, DecisionVerdict
from sendouts.stages.screening.judge import VERDICTS


class RehearsalComparison:
    """Past decisions of actions that are left out, as far as they are known."""

    def __init__(self, batch: Batch, left: Sequence[Left]) -> None:
        then = from_data(batch.plan.content).actions
        self._place = {action.identifier: place for place, action in reversed(list(enumerate(then)))}
        same = {essence(action): place for place, action in enumerate(then)}
        checks = [each for each in left if each.action.phase == Phase.CHECK]
        # Past positions of the left-out checks; a new or changed action has no past decision.
        self._places = [same[essence(each.action)] for each in checks if each.judged]
        self._new = not all(each.judged for each in checks)
        self._names = {each.action.identifier for each in left if each.judged}

    def said(self, past: Past) -> bool:
        """Return whether an action that is left out made the past decision, which then stays."""
        return past.action in self._names and past.verdict != DecisionVerdict.ACCEPTED

    def is_open(self, past: Past) -> bool:
        """Return whether the decision of a left-out action about this contact is unknown.

        It is unknown if the action is new, or if another action before it was in doubt. It is also unknown if another
        action rejected the contact: the left-out one was then not asked, or its doubt not recorded.
        """
        if self._new:
            return True
        if past.verdict == DecisionVerdict.REJECTED:
            return bool(self._places)
        place = self._place.get(past.action, -1)
        return past.verdict == DecisionVerdict.UNDECIDED and any(each > place for each in self._places)


def essence(action: PlannedAction) -> tuple[str, str, str, str]:
    return folded(action.identifier), action.kind, action.config, action.details


def count(found: Rehearsal, rows: Sequence[Past], result: Result, compare: RehearsalComparison) -> None:
    """Count the differences between the rehearsal's decisions and the past ones."""
    found.tried += len(rows)
    for failure in result.failures:
        found.failures[failure.identifier, failure.sentence] += failure.contacts
    for past, verdict, action in zip(rows, result.verdicts, result.action, strict=True):
        was, now = DecisionVerdict(past.verdict), DecisionVerdict(VERDICTS[verdict.word])
        if now != DecisionVerdict.REJECTED and compare.said(past):
            continue
        if now == DecisionVerdict.ACCEPTED and compare.is_open(past):
            found.unknown += 1
            continue
        if was == now:
            continue
        found.moved[was, now] += 1
        found.reasons[now, verdict.code, verdict.text, action] += 1
        if len(found.changes[now]) < SAMPLES:
            found.changes[now].append(RehearsedChange(past, now, verdict.code, verdict.text, action))
