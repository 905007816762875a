"""Who is at work on a row, until when, on the database's clock.

A claim is a random id and an end. What a worker did commits only in a transaction that also matches its claim; a killed worker
leaves a claim that runs out. Whoever takes such a row over counts a death on it, and works on it alone: what kills workers must
not take its neighbours with it, and must not be tried for ever.
"""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import DateTimeField, F, Model, Q, Value
from django.db.models.functions import Greatest, Now
from django.utils import timezone

# Rows are written on the clock of the process that wrote them, and found on the database's: a nudge that comes at once must
# not find its row “not yet due” for some milliseconds between the two.
SLACK = timedelta(seconds=0.25)
# So many workers die at a row, one after the other and without getting any further, before it is left to a person.
DEATHS = 3


class ClaimLost(Exception):
    """The claim ran out or was taken away; what was not committed is somebody else's work now."""


class _Turn:
    """The right to work on a row at which a worker died; one at a time in a process, since the next death ends all of it."""

    _held = threading.Lock()

    def __init__(self) -> None:
        self.mine = self._held.acquire(blocking=False)

    def end(self) -> None:
        if self.mine:
            self.mine = False
            self._held.release()


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on rows of one table; `ids` are those that were free when it was taken.

    `suspects` were free too, but a worker died at them: each is to be taken by `alone`. `deaths`: how many did, at such a row.
    """

    id: UUID
    model: type[Model]
    ids: tuple[int, ...]
    suspects: tuple[int, ...] = ()
    deaths: int = 0
    turn: _Turn | None = None
    # Taken to stand apart from others: nothing of it is given back.
    apart: bool = False
    # Free again before its time: others are to take them, each kind of them apart.
    given_back: list[int] = field(default_factory=list, compare=False)
    # When keep() extended last.
    _kept: list[float] = field(default_factory=lambda: [time.monotonic()], compare=False, repr=False)

    def extend(self, ids: Collection[int], *, progress: bool = False) -> None:
        """Inside a transaction: hold these rows for the full time again, or raise ClaimLost.

        The rows stay locked until the commit, so that nobody takes them over in between. progress: something is stored with
        it, so that deaths before do not count any more.
        """
        forgiven = {"deaths": 0} if progress else {}
        held = self.model._default_manager.filter(pk__in=ids, claim_id=self.id).update(claimed_until=_end(), **forgiven)
        if held != len(ids):
            raise ClaimLost
        if progress and self.turn is not None:
            self.turn.end()

    def keep(self) -> None:
        """Hold the rows on while something long is waited for; raises ClaimLost. Cheap when called often."""
        now = time.monotonic()
        if now - self._kept[0] < settings.CLAIM_SECONDS / 4:
            return
        self._kept[0] = now
        with transaction.atomic():
            self.extend(self.ids)

    def check(self, ids: Collection[int]) -> None:
        """Raise ClaimLost unless these rows are still held: what was read of them before this, nobody has changed by then."""
        if self.model._default_manager.filter(pk__in=ids, claim_id=self.id).count() != len(ids):
            raise ClaimLost

    def give_back(self, ids: Collection[int]) -> None:
        """Free some of the rows, untouched."""
        if ids:
            self.model._default_manager.filter(pk__in=ids, claim_id=self.id).update(claim_id=None, claimed_until=None)
            self.given_back.extend(ids)

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
    """Claim those of the given rows that are due and free, but for those at which a worker died."""
    token = uuid4()
    with transaction.atomic():
        rows = _due(model, ids)
        taken = tuple(pk for pk, left, deaths in rows if left is None and not deaths)
        if taken:
            model._default_manager.filter(pk__in=taken).update(claim_id=token, claimed_until=_end())
    # A claim that ran out and is still set is that of a worker that died, or that was stopped for as long.
    return Claim(token, model, taken, tuple(pk for pk, left, deaths in rows if left is not None or deaths))


@contextmanager
def alone(model: type[Model], pk: int) -> Iterator[Claim]:
    """Claim one row at which a worker died, and count the death; no ids where it is not free, or another such row has its turn.

    The turn ends with the first progress; the claim is released at the end.
    """
    turn = _Turn()
    claim = Claim(uuid4(), model, (), turn=turn, apart=True)
    try:
        if turn.mine:
            claim = _take_over(claim, pk)
        yield claim
    finally:
        turn.end()
        if claim.ids:
            claim.release()


def _take_over(claim: Claim, pk: int) -> Claim:
    with transaction.atomic():
        for _, left, deaths in _due(claim.model, [pk]):
            deaths += left is not None
            columns = {"claim_id": claim.id, "claimed_until": _end(), "deaths": deaths}
            claim.model._default_manager.filter(pk=pk).update(**columns)
            return replace(claim, ids=(pk,), deaths=deaths)
    return claim


def _due(model: type[Model], ids: Collection[int]) -> list[tuple[int, UUID | None, int]]:
    """Lock those of the rows that are due and free: their id, the claim that ran out on them, and the deaths before."""
    found = model._default_manager.select_for_update(skip_locked=True).filter(free(), due(), pk__in=ids).order_by("pk")
    return list(found.values_list("pk", "claim_id", "deaths"))


def drop_all(model: type[Model]) -> int:
    """Free every row: only where no other process can be at work, as at the start of the embedded mode.

    Whoever had them died with the process.
    """
    held = model._default_manager.filter(claim_id__isnull=False)
    return held.update(claim_id=None, claimed_until=None, deaths=F("deaths") + 1)


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
