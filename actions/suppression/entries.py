"""Additions to a list and removals from it; the number of entries is updated in the same transaction.

Lookup and storage of some thousand entries take one statement each.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from actions.suppression.models import SuppressionEntry, SuppressionList

_TABLE = SuppressionEntry._meta.db_table
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9000, 1, 1)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Reason and end of an entry; without an end it is valid for ever."""

    reason: str = ""
    expires_at: datetime | None = None

    def outlasts(self, expires_at: datetime | None) -> bool:
        """Return whether this entry is valid for longer than one that ends then."""
        return expires_at is not None and (self.expires_at is None or self.expires_at > expires_at)


class EntryRow(NamedTuple):
    """One entry to store, in the order of the columns."""

    suppression_list_id: int
    value: str
    reason: str
    expires_at: datetime | None
    added_at: datetime
    added_by_id: int | None


@dataclass(frozen=True, slots=True)
class Added:
    """How many entries are new, and how many existed and are now valid for longer."""

    new: int
    extended: int


def day_after(day: date) -> datetime:
    """Return the end of an entry valid until the end of a day; raise ValueError for a day out of range."""
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise ValueError(day)
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def add(list_id: int, wanted: Mapping[str, NewEntry], *, by: int | None, now: datetime) -> Added:
    """Add some thousand keys to a list at most, in a transaction; raise SuppressionList.DoesNotExist if archived.

    An existing entry keeps its reason and its end, unless the new one is valid for longer: then it takes both.
    """
    with transaction.atomic():
        # One writer per list at a time, so that the count is correct, and the existing entries do not change after
        # reading.
        SuppressionList.objects.select_for_update().get(pk=list_id, archived=False)
        there = {entry.value: entry for entry in held(list_id, wanted)}
        new = [
            EntryRow(list_id, key, each.reason, each.expires_at, now, by)
            for key, each in wanted.items()
            if key not in there
        ]
        insert(new)
        longer = [
            SuppressionEntry(
                pk=there[key].id, reason=each.reason, expires_at=each.expires_at, added_at=now, added_by_id=by
            )
            for key, each in wanted.items()
            if key in there and each.outlasts(there[key].expires_at)
        ]
        SuppressionEntry.objects.bulk_update(longer, ["reason", "expires_at", "added_at", "added_by"], batch_size=500)
        SuppressionList.objects.filter(pk=list_id).update(entries=F("entries") + len(new))
    return Added(len(new), len(longer))


def remove(list_id: int, key: str) -> bool:
    """Remove a key from a list; return False if it was not on it."""
    with transaction.atomic():
        SuppressionList.objects.select_for_update().get(pk=list_id)
        deleted, _ = SuppressionEntry.objects.filter(suppression_list_id=list_id, value=key).delete()
        SuppressionList.objects.filter(pk=list_id).update(entries=F("entries") - deleted)
    return bool(deleted)


def find(list_id: int, key: str) -> SuppressionEntry | None:
    """Return the entry of a key, including an expired one."""
    return SuppressionEntry.objects.filter(suppression_list_id=list_id, value=key).select_related("added_by").first()


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
