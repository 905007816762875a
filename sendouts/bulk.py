"""Many decisions at once: COPY and UPDATE … FROM unnest on PostgreSQL, executemany on SQLite."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection

from sendouts.models import Decision


class NewDecision(NamedTuple):
    """One decision to store, in the order of the table's columns."""

    id: int
    contact_id: str
    uri: str
    verdict: int
    unread: bool
    reason: str
    text: str
    action: str
    kept: str | None


_TABLE = Decision._meta.db_table
_COLUMNS = (
    "id",
    "contact_id",
    "uri",
    "verdict",
    "unread",
    "reason",
    "text",
    "action",
    "kept",
    "answer",
    "answer_status",
)


def insert_decisions(rows: Iterable[NewDecision]) -> None:
    """Store new decisions in the caller's transaction; a row that exists already is an IntegrityError."""
    columns = ", ".join(_COLUMNS)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {_TABLE} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row((*row, 0, 0))
        else:
            marks = ", ".join(["%s"] * len(NewDecision._fields))
            cursor.executemany(f"INSERT INTO {_TABLE} ({columns}) VALUES ({marks}, 0, 0)", list(rows))


def store_answers(answers: Sequence[tuple[int, int, int]]) -> None:
    """Store the platform's answers: (decision id, Answer, status code), in the caller's transaction."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            ids, words, codes = (list(part) for part in zip(*answers, strict=True))
            cursor.execute(
                f"UPDATE {_TABLE} AS d SET answer = a.answer, answer_status = a.code "
                "FROM unnest(%s::bigint[], %s::smallint[], %s::smallint[]) AS a (id, answer, code) WHERE d.id = a.id",
                [ids, words, codes],
            )
        else:
            changes: list[Sequence[Any]] = [(word, code, pk) for pk, word, code in answers]
            cursor.executemany(f"UPDATE {_TABLE} SET answer = %s, answer_status = %s WHERE id = %s", changes)


def add_confirmed(counts: dict[int, int]) -> None:
    """Raise the confirmed rejections of batches, in the caller's transaction."""
    table = "sendouts_batch"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"UPDATE {table} AS b SET confirmed = b.confirmed + c.n "
                "FROM unnest(%s::bigint[], %s::int[]) AS c (id, n) WHERE b.id = c.id",
                [list(counts), list(counts.values())],
            )
        else:
            cursor.executemany(
                f"UPDATE {table} SET confirmed = confirmed + %s WHERE id = %s", [(n, pk) for pk, n in counts.items()]
            )
