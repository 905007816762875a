"""Bulk operations on some thousand entries: lookup by value, or storage, in one statement each."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

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


def held(list_id: int, keys: Collection[str]) -> Iterable[SuppressionEntry]:
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
    return SuppressionEntry.objects.raw(statement, [asked, list_id])


def insert(rows: Iterable[EntryRow]) -> None:
    """Store new entries in the caller's transaction; raise IntegrityError for an existing one."""
    if connection.vendor != "postgresql":
        SuppressionEntry.objects.bulk_create(SuppressionEntry(**row._asdict()) for row in rows)
        return
    command = f"COPY {_TABLE} ({', '.join(EntryRow._fields)}) FROM STDIN"
    # COPY otherwise raises psycopg's own errors, and a lost connection would not be recognised.
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)
