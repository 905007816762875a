"""Lookup of values in a list: one database query for a page of contacts."""

from collections.abc import Collection
from datetime import datetime

from django.db import Error
from django.db.models import Q
from django.utils import timezone

from actions.contract import Listed, NoList, Permanent, Retryable, Sentences, gettext_noop
from actions.suppression import entries
from actions.suppression.models import SuppressionList
from actions.suppression.values import Unlike
from work import outages

# Values in one statement.
AT_ONCE = 5_000


def usable(project: str) -> Q:
    """Return the condition for lists that the actions of a project may name: its own, and shared ones."""
    return Q(archived=False) & (Q(project__isnull=True) | Q(project__name=project))


class LookupFailure(Sentences):
    """Why a lookup failed."""

    NO_DATABASE = "suppression.no_database", gettext_noop("The database did not answer.")


def suppressed(name: str, values: Collection[str], *, project: str) -> Listed:
    """Return which values are on the list of that name; raise Permanent, or Retryable during a database outage."""
    try:
        found = SuppressionList.objects.filter(usable(project), name=name).first()
        if found is None:
            raise Permanent(NoList.NO_LIST(name=name))
        return _look_up(found, values)
    except Error as error:
        if not outages.is_outage(error):
            raise
        # The next attempt gets another connection.
        outages.reconnect()
        raise Retryable(LookupFailure.NO_DATABASE()) from error


def _look_up(found: SuppressionList, values: Collection[str]) -> Listed:
    keys: dict[str, str] = {}
    unlike = set()
    key = found.writing.key
    for value in values:
        try:
            keys[value] = key(value)
        except Unlike:
            unlike.add(value)
    reasons = reasons_of(found.pk, set(keys.values()), timezone.now())
    return Listed({value: reasons[each] for value, each in keys.items() if each in reasons}, unlike)


def reasons_of(list_id: int, keys: Collection[str], now: datetime) -> dict[str, str]:
    """Return the reasons of those keys that are on the list and valid at this time."""
    waiting = list(keys)
    groups = (waiting[start : start + AT_ONCE] for start in range(0, len(waiting), AT_ONCE))
    return {
        entry.value: entry.reason
        for some in groups
        for entry in entries.held(list_id, some)
        if entry.expires_at is None or entry.expires_at > now
    }
