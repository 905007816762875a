"""Earlier batches for comparison with screened ones: one query per set, bounded by an index.

Counted are batches of contact files that ended complete and were not rejected whole or given up. A batch held as
unusual counts only if a person accepted it, which makes it usual; automatic acceptance by the clock does not.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from sendouts.models import Batch, DecisionVerdict, Event, EventWord, Outcome, Status
from sendouts.models.hold_reason import UNUSUAL
from sendouts.outlook import anomalies
from sendouts.outlook.anomalies import REMEMBERED, ScreenedCounts

# Read more batches than are remembered, since some of them do not count.
LOOKED_AT = 2 * REMEMBERED
ENDED = Q(source=Batch.Source.BATCH, ended_at__isnull=False)
_COUNTS = (Status.FINISHED, Status.EXPIRED)


@dataclass(frozen=True, slots=True)
class Earlier:
    """Earlier batches of a project and of a sendout, newest first."""

    project: Sequence[ScreenedCounts]
    sendout: Sequence[ScreenedCounts]


def earlier(batches: Collection[Batch]) -> dict[int, Earlier]:
    """Return the earlier batches for each of these batches, by id; batches that are never compared are left out."""
    compared = [each for each in batches if not each.is_single and each.total >= anomalies.CONTACTS]
    if not compared:
        return {}
    rows = sorted(_rows(compared), key=lambda row: -row["pk"])
    projects: dict[int, list[ScreenedCounts]] = defaultdict(list)
    sendouts: dict[int, list[ScreenedCounts]] = defaultdict(list)
    seen = set()
    unusual = _find_unaccepted(rows)
    for row in rows:
        if row["pk"] in seen or row["pk"] in unusual or not _counts(row):
            continue
        seen.add(row["pk"])
        found = screened(row["total"], row["plan__content"], row["reasons"])
        projects[row["project_id"]].append(found)
        sendouts[row["sendout_id"]].append(found)
    return {each.pk: Earlier(projects[each.project_id], sendouts[each.sendout_id]) for each in compared}


def screened(total: int, plan: dict[str, Any], reasons: Iterable[Sequence[Any]]) -> ScreenedCounts:
    """Return the counts of a batch for comparison, without decisions of people."""
    rejected = dict.fromkeys((each["identifier"] for each in plan["actions"] if each["phase"] != "transfer"), 0)
    for verdict, _code, _text, action, count in reasons:
        if verdict == DecisionVerdict.REJECTED and action in rejected:
            rejected[action] += count
    return ScreenedCounts(total, rejected)


def _rows(batches: Iterable[Batch]) -> list[dict[str, Any]]:
    """Return the last ended batches of each project and each sendout, in one query; duplicates are possible."""
    wanted = [Q(project=pk) for pk in sorted({each.project_id for each in batches})]
    wanted += [Q(sendout=pk) for pk in sorted({each.sendout_id for each in batches})]
    first, *more = [_last(where) for where in wanted]
    return list(first.union(*more, all=True))


def _last(where: Q) -> QuerySet[Batch, dict[str, Any]]:
    # The limit is in a subquery, because SQLite allows none in the parts of a union.
    ids = Batch.objects.filter(where, ENDED).order_by("-pk").values("pk")[:LOOKED_AT]
    columns = ("pk", "project_id", "sendout_id", "status", "outcome", "total", "file_complete", "held_for", "reasons")
    return Batch.objects.filter(pk__in=ids).order_by().values(*columns, "plan__content")


def _counts(row: dict[str, Any]) -> bool:
    return row["status"] in _COUNTS and row["outcome"] != Outcome.REFUSED and row["file_complete"] and row["total"] > 0


def _find_unaccepted(rows: Iterable[dict[str, Any]]) -> set[int]:
    """Return the batches that were held as unusual and not accepted by a person."""
    held = {row["pk"] for row in rows if set(row["held_for"]) & set(UNUSUAL)}
    if not held:
        return held
    accepted = Event.objects.filter(batch__in=held, word=EventWord.MOVED, new=Status.ACCEPTED, user__isnull=False)
    return held - set(accepted.values_list("batch_id", flat=True))
