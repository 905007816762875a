"""Earlier batches for comparison with screened ones: one query per set, bounded by an index.

Counted are batches of contact files that ended complete and were not rejected whole or given up. A batch held as
unusual counts only if a person accepted it, which makes it usual; automatic acceptance by the clock does not.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import F, Q, QuerySet

from sendouts.models import Batch, DecisionVerdict, Event, EventWord, Outcome, Status
from sendouts.models.hold_reason import UNUSUAL
from sendouts.outlook import anomalies
from sendouts.outlook.anomalies import ScreenedCounts
from sendouts.outlook.usual import REVIEWED

# Read more batches than are remembered, since some of them do not count.
LOOKED_AT = 2 * REVIEWED.remembered
ENDED = Q(source=Batch.Source.BATCH, ended_at__isnull=False)


@dataclass(frozen=True, slots=True)
class Earlier:
    """Earlier batches of a project and of a sendout, newest first."""

    project: Sequence[ScreenedCounts]
    sendout: Sequence[ScreenedCounts]


class _Ended(NamedTuple):
    """The columns of an ended batch that the comparison needs."""

    pk: int
    project_id: int
    sendout_id: int
    status: str
    outcome: str
    total: int
    file_complete: bool
    held_for: list[str]
    reasons: list[list[Any]]
    plan_content: dict[str, Any]

    @property
    def is_usual(self) -> bool:
        """Return whether the batch ended complete and was not rejected whole or given up."""
        ended = self.status in {Status.FINISHED, Status.EXPIRED} and self.outcome != Outcome.REFUSED
        return ended and self.file_complete and self.total > 0


def earlier(batches: Collection[Batch]) -> dict[int, Earlier]:
    """Return the earlier batches for each of these batches, by id; batches that are never compared are left out."""
    compared = [each for each in batches if not each.is_single and each.total >= anomalies.CONTACTS]
    if not compared:
        return {}
    # A batch may be found by its project and by its sendout; counted once, newest first.
    found = {row.pk: row for row in _last_ended(compared)}
    projects: dict[int, list[ScreenedCounts]] = defaultdict(list)
    sendouts: dict[int, list[ScreenedCounts]] = defaultdict(list)
    unusual = _find_unaccepted(found.values())
    for pk, row in sorted(found.items(), reverse=True):
        if pk not in unusual and row.is_usual:
            counts = screened(row.total, row.plan_content, row.reasons)
            projects[row.project_id].append(counts)
            sendouts[row.sendout_id].append(counts)
    return {each.pk: Earlier(projects[each.project_id], sendouts[each.sendout_id]) for each in compared}


def screened(total: int, plan: dict[str, Any], reasons: Iterable[Sequence[Any]]) -> ScreenedCounts:
    """Return the counts of a batch for comparison, without decisions of people."""
    rejected = dict.fromkeys((each["identifier"] for each in plan["actions"] if each["phase"] != "transfer"), 0)
    for verdict, _code, _text, action, count in reasons:
        if verdict == DecisionVerdict.REJECTED and action in rejected:
            rejected[action] += count
    return ScreenedCounts(total, rejected)


def _last_ended(batches: Iterable[Batch]) -> list[_Ended]:
    """Return the last ended batches of each project and each sendout, in one query; duplicates are possible."""
    wanted = [Q(project=pk) for pk in sorted({each.project_id for each in batches})]
    wanted += [Q(sendout=pk) for pk in sorted({each.sendout_id for each in batches})]
    first, *more = [_last(where) for where in wanted]
    return [_Ended(*row) for row in first.union(*more, all=True)]


def _last(where: Q) -> QuerySet[Batch, Any]:
    # The limit is in a subquery, because SQLite allows none in the parts of a union.
    ids = Batch.objects.filter(where, ENDED).order_by("-pk").values("pk")[:LOOKED_AT]
    rows = Batch.objects.filter(pk__in=ids).order_by().annotate(plan_content=F("plan__content"))
    return rows.values_list(*_Ended._fields)


def _find_unaccepted(rows: Iterable[_Ended]) -> set[int]:
    """Return the batches that were held as unusual and not accepted by a person."""
    held = {row.pk for row in rows if set(row.held_for) & set(UNUSUAL)}
    if not held:
        return held
    accepted = Event.objects.filter(batch__in=held, word=EventWord.MOVED, new=Status.ACCEPTED, user__isnull=False)
    return held - set(accepted.values_list("batch_id", flat=True))
