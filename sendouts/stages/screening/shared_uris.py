"""Reject URIs that several contacts of a batch share: one call would stop the messages of all of them.

Such a URI is called only if all its contacts are rejected, and then once. Contacts that share a URI and are decided
differently wait for a person: those that the checks accepted become undecided. All of it runs inside the database.
"""

from array import array
from collections.abc import Collection, Iterable

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from sendouts.models import Answer, Decision, DecisionVerdict, SharedUri
from sendouts.models.decision import DecisionReason, rows_of
from sendouts.stages.storage import NewDecision

_SHARED, _DECISIONS = SharedUri._meta.db_table, Decision._meta.db_table
_GROUPS = f"""
    SELECT uri_mark, MIN(id) AS first FROM {_DECISIONS}
    WHERE id >= %s AND id < %s AND uri_mark IS NOT NULL GROUP BY uri_mark HAVING COUNT(*) > 1"""
_RECORD = f"""
    INSERT INTO {_SHARED} (id, first) SELECT contact.id, found.first
    FROM {_DECISIONS} contact JOIN ({_GROUPS}) found ON contact.uri_mark = found.uri_mark
    WHERE contact.id >= %s AND contact.id < %s"""
# The first of each group whose contacts are decided differently. The undecided count as the verdict that is asked for.
_MIXED = f"""
    SELECT shared.first FROM {_SHARED} shared JOIN {_DECISIONS} contact ON contact.id = shared.id
    WHERE shared.id >= %s AND shared.id < %s GROUP BY shared.first
    HAVING MIN(CASE contact.verdict WHEN 0 THEN %s ELSE contact.verdict END)
        <> MAX(CASE contact.verdict WHEN 0 THEN %s ELSE contact.verdict END)"""
_HOLD = f"""
    UPDATE {_DECISIONS} SET verdict = 0, reason = '{DecisionReason.SHARED_URI.value}', text = '', action = ''
    WHERE verdict = 1 AND id IN (SELECT id FROM {_SHARED} WHERE first IN ({_MIXED}))"""


# Marks that are compared in memory; more of them are compared in the database.
MOST_MARKS = 200_000


class Marks:
    """The marks of the URIs of one batch, noted while it is screened. `whole`: from its first contact on."""

    def __init__(self, batch_id: int, *, whole: bool) -> None:
        self._batch = batch_id
        self._whole = whole
        self._marks = array("q")

    def note(self, decisions: Iterable[NewDecision]) -> None:
        if self._whole:
            self._marks.extend([row.uri_mark for row in decisions if row.uri_mark is not None])
            self._whole = len(self._marks) <= MOST_MARKS

    def are_shared(self) -> bool:
        """Return whether contacts share a URI."""
        return len(set(self._marks)) < len(self._marks) if self._whole else are_there(self._batch)


def _span(batch_id: int) -> tuple[int, int]:
    return batch_id << 32, (batch_id + 1) << 32


def are_there(batch_id: int) -> bool:
    """Return whether contacts of a batch share a URI, from their marks; it reads every row, and writes nothing."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_GROUPS} LIMIT 1", _span(batch_id))
        return cursor.fetchone() is not None


def record(batch_id: int) -> int:
    """Record the contacts that share URIs, in the caller's transaction.

    Return how many accepted ones become undecided, since others with their URI are not accepted.
    """
    span = _span(batch_id)
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, (*span, *span))
        cursor.execute(_HOLD, (*span, 0, 0))
        return cursor.rowcount


def count_mixed(batch_id: int, undecided: DecisionVerdict) -> int:
    """Return how many shared URIs have both accepted and rejected contacts, once the undecided are settled so."""
    if not SharedUri.objects.filter(rows_of(batch_id)).exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM ({_MIXED}) mixed", (*_span(batch_id), int(undecided), int(undecided)))
        return int(cursor.fetchone()[0])


def with_them(batch_id: int, first: int, rows: int) -> Q:
    """Return the condition for the contacts whose URI is called for one of these rows."""
    start = (batch_id << 32) + first
    return Q(pk__in=SharedUri.objects.filter(first__gte=start, first__lt=start + rows).values("pk"))


def first_of(where: Q) -> dict[int, int]:
    """Return, for those of the decisions that share their URI, the one for which it is called. where: on their ids."""
    return dict(SharedUri.objects.filter(where).values_list("pk", "first"))


def not_all_rejected(firsts: Collection[int]) -> set[int]:
    """Return those of the shared URIs, by their first contact, that must not be called: a contact is not rejected."""
    others = Decision.objects.filter(pk=OuterRef("pk")).exclude(verdict=DecisionVerdict.REJECTED)
    return set(SharedUri.objects.filter(Exists(others), first__in=firsts).values_list("first", flat=True).distinct())


def store_answer(firsts: Collection[int], answer: Answer, status: int) -> int:
    """Store the answer to shared URIs for the other contacts too, and return for how many.

    In the caller's transaction; all of one batch.
    """
    others = SharedUri.objects.filter(first__in=firsts).exclude(pk__in=firsts).values("pk")
    rows = Decision.objects.filter(pk__in=others).exclude(answer__in=(Answer.CONFIRMED, Answer.TAKEN_ON))
    return rows.update(answer=answer, answer_status=status)
