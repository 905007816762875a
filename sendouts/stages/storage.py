"""Bulk storage of decisions, effects and answers.

Uses COPY on PostgreSQL and inserts of some hundred rows on SQLite; groups answers by their values.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F

from actions.secrets.at_rest import AtRest
from sendouts.models import Batch, Decision, PendingEffect


class NewDecision(NamedTuple):
    """One decision to store, in the order of the table's columns."""

    id: int
    contact_id: str
    uri: AtRest
    verdict: int
    unread: bool
    reason: str
    text: str
    action: str
    kept: str | None
    evidence_at: datetime | None = None
    uri_mark: int | None = None


class NewEffect(NamedTuple):
    """Data that one effect needs for one contact; `payload` is JSON text."""

    decision_id: int
    step: int
    payload: str


_TABLE = Decision._meta.db_table
_COLUMNS = ", ".join([*NewDecision._fields, "answer", "answer_status"])
_MARKS = f"({', '.join(['%s'] * len(NewDecision._fields))}, 0, 0)"
# Rows per INSERT on SQLite: half the time of one INSERT per row, and far below its limit of 32,766 variables.
_AT_ONCE = 200


def insert_decisions(decisions: Iterable[NewDecision]) -> None:
    """Store new decisions in the caller's transaction; raise IntegrityError if a row exists already."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors, cursor.copy(f"COPY {_TABLE} ({_COLUMNS}) FROM STDIN") as copy:
                for row in decisions:
                    copy.write_row((*row, 0, 0))
            return
        rows = list(_adapt_datetimes(decisions))
        whole = len(rows) - len(rows) % _AT_ONCE
        groups = [rows[start : start + _AT_ONCE] for start in range(0, whole, _AT_ONCE)]
        for size, parts in ((_AT_ONCE, groups), (len(rows) - whole, [rows[whole:]])):
            if size and parts:
                statement = f"INSERT INTO {_TABLE} ({_COLUMNS}) VALUES {', '.join([_MARKS] * size)}"
                cursor.executemany(statement, [list(chain.from_iterable(part)) for part in parts])


def _adapt_datetimes(decisions: Iterable[NewDecision]) -> Iterator[NewDecision]:
    """Yield the rows with datetimes adapted for a database without a datetime type."""
    adapt = connection.ops.adapt_datetimefield_value
    for row in decisions:
        if row.evidence_at is not None:
            moment: Any = adapt(row.evidence_at)
            row = row._replace(evidence_at=moment)
        yield row


def insert_effects(effects: Sequence[NewEffect]) -> None:
    """Store what effects need in the caller's transaction; raise IntegrityError if a row exists already."""
    if not effects:
        return
    table, columns = PendingEffect._meta.db_table, "decision_id, step, payload, state, text"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in effects:
                    copy.write_row((*row, 0, ""))
            return
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES (%s, %s, %s, 0, '')", effects)


def store_answers(answers: Sequence[tuple[int, int, int]]) -> None:
    """Store some thousand answers of the platform: (decision id, Answer, status code), in the caller's transaction.

    Nearly all answers are alike, so a few UPDATEs by id suffice. With the bounds beside the ids, PostgreSQL uses the
    index even before it has statistics of the table. A join with a list of (id, answer) read the whole table each time.
    """
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for pk, word, code in answers:
        alike[word, code].append(pk)
    for (word, code), ids in alike.items():
        found = Decision.objects.filter(pk__in=ids, pk__gte=min(ids), pk__lte=max(ids))
        found.update(answer=word, answer_status=code)


def add_confirmed(counts: dict[int, int]) -> None:
    """Raise the confirmed rejections of batches, in the caller's transaction."""
    alike: dict[int, list[int]] = defaultdict(list)
    for pk, count in counts.items():
        alike[count].append(pk)
    for count, ids in alike.items():
        Batch.objects.filter(pk__in=ids).update(confirmed=F("confirmed") + count)
