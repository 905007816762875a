"""People's own decisions: kept while the checks of a batch run again, and applied to the new results.

A decision belongs to a contact. If all rows of the contact have the same decision, it applies to the contact at any
position in the second file. If its rows were decided differently, each decision applies to its own row, provided the
row still holds the same contact. A decision on an unreadable row is not kept, because the row names no
contact.

Decisions are copied inside the database, and applied chunk by chunk during screening. Nothing is held in memory.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Count

from sendouts.models import Decision, DecisionVerdict, KeptDecision
from sendouts.models.decision import DecisionReason, rows_of
from sendouts.stages.storage import NewDecision

_KEPT, _DECISIONS = KeptDecision._meta.db_table, Decision._meta.db_table
# Contacts per query; far from SQLite's limit of 32,766 variables.
_AT_ONCE = 5_000
# Selects read rows only, so `unread` is the database's own false: `NOT unread` gives `whole` its true, `unread` gives
# `applied` its false. A person's own decision carries the note; a decision settled by an acceptance has none.
_OWN = f"reason = '{DecisionReason.PERSON.value}' AND text <> '' AND NOT unread AND decided_by_id IS NOT NULL"
_COPY = f"""
    INSERT INTO {_KEPT} (id, batch_id, contact_id, verdict, text, user_id, whole, applied)
    SELECT id, %s, contact_id, verdict, text, decided_by_id, NOT unread, unread
    FROM {_DECISIONS} WHERE id >= %s AND id < %s AND {_OWN} AND contact_id <> ''"""
# Contacts with rows that do not all have the same decision by a person.
_PART = f"""
    UPDATE {_KEPT} SET whole = applied WHERE batch_id = %s AND contact_id IN (
        SELECT contact_id FROM {_DECISIONS} WHERE id >= %s AND id < %s AND contact_id <> '' GROUP BY contact_id
        HAVING COUNT(*) > 1 AND (
            COUNT(*) > SUM(CASE WHEN {_OWN} THEN 1 ELSE 0 END) OR MIN(verdict) <> MAX(verdict)
        )
    )"""


class Reapplied(NamedTuple):
    """The result of applying: the decisions, the person of each, and the kept decisions that were used."""

    decisions: list[NewDecision]
    by: dict[int, list[int]]
    used: list[int]


def keep(batch_id: int) -> int:
    """Copy people's decisions on contacts of a batch, in the caller's transaction; return the number."""
    KeptDecision.objects.filter(rows_of(batch_id)).delete()
    rows = batch_id << 32, (batch_id + 1) << 32
    with connection.cursor() as cursor:
        cursor.execute(_COPY, [batch_id, *rows])
        kept = cursor.rowcount
        if kept:
            with _use_hash_joins(cursor):
                cursor.execute(_PART, [batch_id, *rows])
    return kept


@contextmanager
def _use_hash_joins(cursor: CursorWrapper) -> Iterator[None]:
    """Make PostgreSQL use hash joins: without statistics it might scan all kept decisions for each row."""
    if connection.vendor == "postgresql":
        cursor.execute("SET LOCAL enable_nestloop = off")
    yield
    if connection.vendor == "postgresql":
        cursor.execute("SET LOCAL enable_nestloop = on")


def mark_unapplied(batch_id: int) -> None:
    """Mark the kept decisions as not applied, because the rows are screened from the start."""
    KeptDecision.objects.filter(rows_of(batch_id), applied=True).update(applied=False)


def batches_with(batch_ids: Iterable[int]) -> set[int]:
    """Return the batches for which decisions are kept."""
    ids = list(batch_ids)
    between = KeptDecision.objects.filter(pk__gte=min(ids, default=0) << 32, pk__lt=(max(ids, default=0) + 1) << 32)
    if not between.exists():
        # So it is mostly: one question for a whole set.
        return set()
    return {pk for pk in ids if KeptDecision.objects.filter(rows_of(pk)).exists()}


def apply(batch_id: int, decisions: Sequence[NewDecision]) -> Reapplied:
    """Replace the checks' verdicts on these rows by people's decisions; nothing is stored yet."""
    kept = _load_kept(batch_id, {row.contact_id for row in decisions if not row.unread})
    found, used = list(decisions), set()
    by: dict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(decisions):
        own = None if row.unread else _find_own(row, kept.get(row.contact_id, ()))
        if own is not None:
            found[place] = row._replace(
                verdict=own.verdict, reason=DecisionReason.PERSON.value, text=own.text, action=""
            )
            by[own.user_id].append(row.id)
            used |= {each.pk for each in kept[row.contact_id] if each.whole} if own.whole else {own.pk}
    return Reapplied(found, dict(by), sorted(used))


def _find_own(row: NewDecision, kept: Sequence[KeptDecision]) -> KeptDecision | None:
    """Return the person's decision on this position, else on its contact as a whole."""
    for each in kept:
        if each.pk == row.id:
            return each
    return next((each for each in kept if each.whole), None)


def _load_kept(batch_id: int, contact_ids: Iterable[str]) -> dict[str, list[KeptDecision]]:
    wanted = list(contact_ids)
    found: dict[str, list[KeptDecision]] = defaultdict(list)
    for start in range(0, len(wanted), _AT_ONCE):
        some = KeptDecision.objects.filter(batch_id=batch_id, contact_id__in=wanted[start : start + _AT_ONCE])
        for each in some:
            found[each.contact_id].append(each)
    return found


def store(applied: Reapplied) -> None:
    """Store the authors of the applied decisions, after their rows are stored, in the caller's transaction."""
    for user_id, ids in applied.by.items():
        rows = Decision.objects.filter(pk__in=ids, pk__gte=min(ids), pk__lte=max(ids))
        rows.update(decided_by=user_id)
    if applied.used:
        KeptDecision.objects.filter(pk__in=applied.used).update(applied=True)


def end(batch_id: int) -> dict[str, int]:
    """Delete the kept decisions once every row is screened, in the caller's transaction; return the event's data.

    accepted, rejected: decisions applied again; missing: decisions on contacts that disappeared. Empty if none were
    kept.
    """
    kept = KeptDecision.objects.filter(rows_of(batch_id))
    counts = list(kept.values_list("verdict", "applied").annotate(Count("pk")).order_by())
    kept.delete()
    found: dict[str, int] = defaultdict(int)
    for verdict, applied, count in counts:
        found[DecisionVerdict(verdict).name.lower() if applied else "missing"] += count
    return dict(found)
