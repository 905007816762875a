"""Bulk operations on some thousand entries: lookup by value, or storage, in one statement each."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from actions.suppression.models import SuppressionEntry

_TABLE = SuppressionEntry._meta.db_table


class EntryRow(NamedTuple):
    """One entry to store, in the order of the columns."""

    suppression_list_id: int
    value: str
    reason: str
    expires_at: datetime | None
    added_at: datetime
    added_by_id: int | None


class Held(NamedTuple):
    """One entry that was found."""

    id: int
    value: str
    reason: str
    expires_at: datetime | None


def held(list_id: int, keys: Collection[str]) -> list[Held]:
    """Return the entries of these keys, each through the index with or without statistics, all as one parameter.

    OFFSET 0 makes PostgreSQL query the index key by key; with = ANY, it read a list of a million in full.
    """
    columns, asked = "id, value, reason, expires_at", json.dumps(list(keys))
    if connection.vendor == "postgresql":
        statement = (
            f"SELECT found.* FROM json_array_elements_text(%s) AS asked(key) CROSS JOIN LATERAL "
            f"(SELECT {columns} FROM {_TABLE} WHERE value = asked.key AND suppression_list_id = %s OFFSET 0) AS found"
        )
    else:
        statement = (
            f"SELECT {columns} FROM {_TABLE} "
            "WHERE value IN (SELECT value FROM json_each(%s)) AND suppression_list_id = %s"
        )
    rows = SuppressionEntry.objects.raw(statement, [asked, list_id])
    return [Held(row.pk, row.value, row.reason, row.expires_at) for row in rows]


def insert(rows: Iterable[EntryRow]) -> None:
    """Store new entries in the caller's transaction; raise IntegrityError for an existing one."""
    columns = ", ".join(EntryRow._fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # COPY otherwise raises psycopg's own errors, and a lost connection would not be recognised.
            with connection.wrap_database_errors, cursor.copy(f"COPY {_TABLE} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(EntryRow._fields))
        cursor.executemany(f"INSERT INTO {_TABLE} ({columns}) VALUES ({marks})", [_adapted(row) for row in rows])


def _adapted(row: EntryRow) -> tuple[Any, ...]:
    write = connection.ops.adapt_datetimefield_value
    return (*row[:3], write(row.expires_at), write(row.added_at), row.added_by_id)
