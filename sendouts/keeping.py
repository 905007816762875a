"""People's own decisions, kept while the checks of a batch run again, and applied to what these find.

A decision is about a contact. Where it is one row of the file, or every row of the contact says the same, the decision holds for the
contact wherever it stands in the second file. Where the rows of a contact were decided differently, each holds for its own
row, as long as the same contact stands there again. An unreadable row names nobody: what was decided on it is not kept.

Nothing of it is held in memory: it is copied inside the database, and applied chunk by chunk as the rows are screened.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import connection
from django.db.models import Count

from sendouts.bulk import NewDecision
from sendouts.models import Decision, KeptDecision, Verdict

_KEPT, _DECISIONS = KeptDecision._meta.db_table, Decision._meta.db_table
# Contacts that are asked for in one query; far from SQLite's 32,766 variables.
_AT_ONCE = 5_000
# A person's own decision carries the note; what an acceptance settles by its own choice has none.
_OWN = "{0}.reason = 'person' AND {0}.text <> '' AND {0}.unread = {1}"
PERSON = "person"


class Applied(NamedTuple):
    """What came of applying: the decisions as people had made them, by whom, and which of the kept ones were used."""

    decisions: list[NewDecision]
    by: dict[int, list[int]]
    used: list[int]


def keep(batch_id: int) -> int:
    """Copy the decisions of people on contacts of a batch, in the caller's transaction; returns how many."""
    KeptDecision.objects.filter(batch_id=batch_id).delete()
    false = "FALSE" if connection.vendor == "postgresql" else "0"
    whole = "TRUE" if connection.vendor == "postgresql" else "1"
    own, others = _OWN.format("d", false), _OWN.format("o", false)
    statement = f"""
        INSERT INTO {_KEPT} (id, batch_id, contact_id, verdict, text, user_id, whole, applied)
        SELECT d.id, %s, d.contact_id, d.verdict, d.text, d.decided_by_id,
            CASE WHEN EXISTS (
                SELECT 1 FROM {_DECISIONS} o WHERE o.contact_id = d.contact_id AND o.id >= %s AND o.id < %s
                AND NOT ({others} AND o.verdict = d.verdict)
            ) THEN {false} ELSE {whole} END, {false}
        FROM {_DECISIONS} d
        WHERE d.id >= %s AND d.id < %s AND {own} AND d.contact_id <> '' AND d.decided_by_id IS NOT NULL"""
    rows = batch_id << 32, (batch_id + 1) << 32
    with connection.cursor() as cursor:
        cursor.execute(statement, [batch_id, *rows, *rows])
    return KeptDecision.objects.filter(batch_id=batch_id).count()


def again(batch_id: int) -> None:
    """Have what was kept applied once more: the rows are screened from the start."""
    KeptDecision.objects.filter(batch_id=batch_id, applied=True).update(applied=False)


def batches_with(batch_ids: Iterable[int]) -> set[int]:
    """Those of the batches for which decisions are kept."""
    kept = KeptDecision.objects.filter(batch_id__in=list(batch_ids)).order_by()
    return set(kept.values_list("batch_id", flat=True).distinct())


def apply(batch_id: int, decisions: Sequence[NewDecision]) -> Applied:
    """Put people's decisions in the place of what the checks said about these rows; nothing is stored yet."""
    kept = _kept(batch_id, {row.contact_id for row in decisions if not row.unread})
    found, used = list(decisions), set()
    by: dict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(decisions):
        own = None if row.unread else _own(row, kept.get(row.contact_id, ()))
        if own is not None:
            found[place] = row._replace(verdict=own.verdict, reason=PERSON, text=own.text, action="")
            by[own.user_id].append(row.id)
            used |= {each.pk for each in kept[row.contact_id] if each.whole} if own.whole else {own.pk}
    return Applied(found, dict(by), sorted(used))


def _own(row: NewDecision, kept: Sequence[KeptDecision]) -> KeptDecision | None:
    """What a person decided on this row: on this very place, else on its contact as a whole."""
    for each in kept:
        if each.pk == row.id:
            return each
    return next((each for each in kept if each.whole), None)


def _kept(batch_id: int, contact_ids: Iterable[str]) -> dict[str, list[KeptDecision]]:
    wanted = list(contact_ids)
    found: dict[str, list[KeptDecision]] = defaultdict(list)
    for start in range(0, len(wanted), _AT_ONCE):
        some = KeptDecision.objects.filter(batch_id=batch_id, contact_id__in=wanted[start : start + _AT_ONCE])
        for each in some.order_by("pk"):
            found[each.contact_id].append(each)
    return found


def store(applied: Applied) -> None:
    """Name the people whose decisions were applied, once their rows are stored, in the caller's transaction."""
    for user_id, ids in applied.by.items():
        rows = Decision.objects.filter(pk__in=ids, pk__gte=min(ids), pk__lte=max(ids))
        rows.update(decided_by=user_id)
    if applied.used:
        KeptDecision.objects.filter(pk__in=applied.used).update(applied=True)


def end(batch_id: int) -> dict[str, int]:
    """Forget what was kept once every row is screened, in the caller's transaction; returns what the event tells.

    accepted, rejected: decisions of people that hold again; missing: those whose contact is not there any more. Empty where nothing
    was kept.
    """
    kept = KeptDecision.objects.filter(batch_id=batch_id)
    counts = list(kept.values_list("verdict", "applied").annotate(Count("pk")).order_by())
    kept.delete()
    found: dict[str, int] = defaultdict(int)
    for verdict, applied, count in counts:
        found[Verdict(verdict).name.lower() if applied else "missing"] += count
    return dict(found)
