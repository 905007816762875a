"""Who is at work on a row, until when, on the database's clock.

A claim is a random id and an end. What a worker did commits only in a transaction that also matches its claim; a killed worker
leaves a claim that runs out.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import DateTimeField, Model, Q, Value
from django.db.models.functions import Greatest, Now
from django.utils import timezone

# Rows are written on the clock of the process that wrote them, and found on the database's: a nudge that comes at once must
# not find its row “not yet due” for some milliseconds between the two.
SLACK = timedelta(seconds=0.25)


class ClaimLost(Exception):
    """The claim ran out or was taken away; what was not committed is somebody else's work now."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on rows of one table; `ids` are those that were free when it was taken."""

    id: UUID
    model: type[Model]
    ids: tuple[int, ...]

    def extend(self, ids: Collection[int]) -> None:
        """Inside a transaction: hold these rows for the full time again, or raise ClaimLost.

        The rows stay locked until the commit, so that nobody takes them over in between.
        """
        held = self.model._default_manager.filter(pk__in=ids, claim_id=self.id).update(claimed_until=_end())
        if held != len(ids):
            raise ClaimLost

    def release(self) -> None:
        self.model._default_manager.filter(claim_id=self.id).update(claim_id=None, claimed_until=None)


def free() -> Q:
    """Rows that nobody is at work on."""
    return Q(claimed_until__isnull=True) | Q(claimed_until__lt=Now())


def due() -> Q:
    """Rows whose time has come on the database's clock, or on this process's, where that one is ahead.

    A process whose clock is wrong writes times that only its own clock reaches; it must still go on with what it wrote.
    """
    # One border, not two conditions: the index of what is due is read to it and no further.
    return Q(due_at__lte=Greatest(Now(), Value(timezone.now(), DateTimeField())) + SLACK)


def take(model: type[Model], ids: Collection[int]) -> Claim:
    """Claim those of the given rows that are due and free."""
    token = uuid4()
    with transaction.atomic():
        found = (
            model._default_manager.select_for_update(skip_locked=True).filter(free(), due(), pk__in=ids).order_by("pk")
        )
        taken = tuple(found.values_list("pk", flat=True))
        if taken:
            model._default_manager.filter(pk__in=taken).update(claim_id=token, claimed_until=_end())
    return Claim(token, model, taken)


def drop_all(model: type[Model]) -> int:
    """Free every row: only where no other process can be at work, as at the start of the embedded mode."""
    return model._default_manager.filter(claim_id__isnull=False).update(claim_id=None, claimed_until=None)


def database_now() -> datetime:
    """The database's clock, to be compared with this process's."""
    if connection.vendor == "sqlite":
        # One machine, one clock.
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def _end() -> object:
    return Now() + timedelta(seconds=settings.CLAIM_SECONDS)
