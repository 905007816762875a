"""Putting values on a list and taking them off; the number of entries is kept in the same transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from actions.suppression import bulk
from actions.suppression.models import SuppressionEntry, SuppressionList

_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9000, 1, 1)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is said of a value; without an end it counts for ever."""

    reason: str = ""
    expires_at: datetime | None = None

    def outlasts(self, expires_at: datetime | None) -> bool:
        """Whether it counts for longer than one that ends then."""
        return expires_at is not None and (self.expires_at is None or self.expires_at > expires_at)


@dataclass(frozen=True, slots=True)
class Added:
    """How many entries are new, and how many were there and count for longer now."""

    new: int
    extended: int


def day_after(day: date) -> datetime:
    """When an entry ends that counts to the end of a day; raises ValueError for a day that no calendar of ours holds."""
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise ValueError(day)
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def add(list_id: int, wanted: Mapping[str, NewEntry], *, by: int | None, now: datetime) -> Added:
    """Put some thousand keys on a list at most, in a transaction; raises SuppressionList.DoesNotExist once it is archived.

    An entry that is there keeps its reason and its end, unless the new one counts for longer: then it takes both.
    """
    with transaction.atomic():
        # One writer a list at a time, so that the number of entries is true, and what is there stays as it is read here.
        SuppressionList.objects.select_for_update().get(pk=list_id, archived=False)
        there = {entry.value: entry for entry in bulk.held(list_id, wanted)}
        new = [
            bulk.EntryRow(list_id, key, each.reason, each.expires_at, now, by)
            for key, each in wanted.items()
            if key not in there
        ]
        bulk.insert(new)
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
    """Take a key off a list; False where it was not on it."""
    with transaction.atomic():
        SuppressionList.objects.select_for_update().get(pk=list_id)
        deleted, _ = SuppressionEntry.objects.filter(suppression_list_id=list_id, value=key).delete()
        SuppressionList.objects.filter(pk=list_id).update(entries=F("entries") - deleted)
    return bool(deleted)


def find(list_id: int, key: str) -> SuppressionEntry | None:
    """The entry of a key, expired ones included."""
    return SuppressionEntry.objects.filter(suppression_list_id=list_id, value=key).select_related("added_by").first()
