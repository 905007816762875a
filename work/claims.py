"""Claims of workers on rows, with an expiry on the database's clock.

A claim is a random id and an expiry. A worker commits only in a transaction that also matches its claim. The claim of a
killed worker expires. The next worker counts a death on such a row and works on it alone. A row that kills workers must
not affect its neighbours, and must not be tried for ever. If the surroundings failed meanwhile, no death is counted.
"""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import Expression, F, Model, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from work import outages

# Deadlines are written on the clock of a process, and found on the database's. This slack bridges some milliseconds.
SLACK = timedelta(seconds=0.25)
# Due times and claims may end this much later than they should before a clock is taken for wrong.
MARGIN = timedelta(seconds=5)
# Escalate a row to a person after this many workers have died on it in succession, without progress.
DEATHS = 3
# No condition.
ANY = Q()


class ClaimLost(Exception):
    """The claim expired or was taken over; another worker now owns the work that was not committed."""


class _Turn:
    """The right to work on a row on which a worker died; one per process, since the next death ends that process."""

    _held = threading.Lock()

    def __init__(self) -> None:
        self.mine = self._held.acquire(blocking=False)

    def end(self) -> None:
        if self.mine:
            self.mine = False
            self._held.release()


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on rows of one table; `ids` are the rows that were free when it was taken.

    `suspects` were free too, but a worker died on them: claim each with `alone`. `deaths` is the number of workers that
    died on the row claimed alone.
    """

    id: UUID
    model: type[Model]
    ids: tuple[int, ...]
    suspects: tuple[int, ...] = ()
    deaths: int = 0
    turn: _Turn | None = None
    # Monotonic time of the last extension by keep().
    _kept: list[float] = field(default_factory=lambda: [time.monotonic()], compare=False, repr=False)
    # Rows that the work has freed itself.
    _freed: set[int] = field(default_factory=set, compare=False, repr=False)

    def extend(self, ids: Collection[int], *, progress: bool = False) -> None:
        """Hold these rows for the full time again, inside a transaction; raise ClaimLost if another claim took them.

        The rows stay locked until the commit, so that no other worker takes them over in between. With `progress`, a
        result is stored in the same transaction, and earlier deaths no longer count.
        """
        forgiven = {"deaths": 0} if progress else {}
        mine = self.model._default_manager.filter(pk__in=ids, claim_id=self.id)
        held = mine.update(claimed_until=latest_end(), **forgiven)
        if held != len(ids):
            raise ClaimLost
        if progress and self.turn is not None:
            self.turn.end()

    def keep(self) -> None:
        """Extend the claim during a long wait; raise ClaimLost. Cheap when called often."""
        now = time.monotonic()
        if now - self._kept[0] < settings.CLAIM_SECONDS / 4:
            return
        self._kept[0] = now
        with transaction.atomic():
            self.extend(self.ids)

    def check(self, ids: Collection[int]) -> None:
        """Raise ClaimLost unless these rows are still held, so that earlier reads of them are current."""
        if self.model._default_manager.filter(pk__in=ids, claim_id=self.id).count() != len(ids):
            raise ClaimLost

    def give_back(self, ids: Collection[int]) -> None:
        """Free some of the rows without changing them."""
        if ids:
            self.model._default_manager.filter(pk__in=ids, claim_id=self.id).update(claim_id=None, claimed_until=None)

    def note_freed(self, ids: Collection[int]) -> None:
        """Note rows that a committed transaction has freed, so that no statement frees them again."""
        self._freed.update(ids)

    def left(self) -> list[int]:
        """Return the rows that the work has not freed itself."""
        return [pk for pk in self.ids if pk not in self._freed]

    def release(self) -> None:
        """Free the rows; on another connection if this one broke, so that its end does not pass for a death."""
        if not self.left():
            return
        rows = self.model._default_manager.filter(claim_id=self.id)
        try:
            rows.update(claim_id=None, claimed_until=None)
        except Error:
            outages.reconnect()
            rows.update(claim_id=None, claimed_until=None)


def free() -> Q:
    """Return the condition for rows without a valid claim."""
    return Q(claimed_until__isnull=True) | Q(claimed_until__lt=Now())


def due() -> Q:
    """Return the condition for rows that are due, on the database's clock."""
    return Q(due_at__lte=Now() + SLACK)


def due_in(pause: timedelta = timedelta()) -> Expression:
    """Return the due time after a pause from now, on the database's clock: the clock of a process may be wrong."""
    return Now() + pause if pause else Now()


def take(model: type[Model], ids: Collection[int], of: Q = ANY) -> Claim:
    """Claim those of the given rows that are due and free, except rows on which a worker died.

    `of`: the rows that may be claimed, as the lane of the worker has them.
    """
    token = uuid4()
    outages.tell()
    sound = _take_sound(token, model, ids, of) if connection.vendor == "postgresql" else []
    left = [pk for pk in ids if pk not in sound]
    if not left:
        return Claim(token, model, tuple(sound))
    with transaction.atomic():
        rows = _due(model, left, of)
        taken = tuple(pk for pk, died, deaths in rows if not died and not deaths)
        if taken:
            model._default_manager.filter(pk__in=taken).update(claim_id=token, claimed_until=latest_end())
    suspects = tuple(pk for pk, died, deaths in rows if died or deaths)
    return Claim(token, model, (*sound, *taken), suspects)


def _take_sound(token: UUID, model: type[Model], ids: Collection[int], of: Q) -> list[int]:
    """Claim the due rows that nobody has and on which no worker died: mostly all, so one statement does it."""
    sql, parameters = _sound_sql(model, of)
    with connection.cursor() as cursor:
        given: list[Any] = [token, timedelta(seconds=settings.CLAIM_SECONDS), *parameters, SLACK, list(ids)]
        cursor.execute(sql, given)
        return sorted(pk for (pk,) in cursor.fetchall())


@lru_cache(maxsize=256)
def _sound_sql(model: type[Model], of: Q) -> tuple[str, tuple[Any, ...]]:
    # The rows of a lane as Django has them; the rest of the condition is the same for every table.
    rows, parameters = model._default_manager.filter(of).order_by().values("pk").query.sql_with_params()
    table = connection.ops.quote_name(model._meta.db_table)
    more = f"""{table}."due_at" <= STATEMENT_TIMESTAMP() + %s AND {table}."claim_id" IS NULL
        AND {table}."claimed_until" IS NULL AND {table}."deaths" = 0 AND {table}."id" = ANY(%s)"""
    joined = "AND" if of else "WHERE"
    sql = f"""UPDATE {table} SET "claim_id" = %s, "claimed_until" = STATEMENT_TIMESTAMP() + %s
        WHERE "id" IN ({rows} {joined} {more} ORDER BY {table}."id" FOR UPDATE SKIP LOCKED) RETURNING "id" """
    return sql, tuple(parameters)


@contextmanager
def alone(model: type[Model], pk: int, of: Q = ANY) -> Iterator[Claim]:
    """Claim one row on which a worker died, and count the death.

    The claim has no ids if the row is not free, or if this process works on another such row. The turn ends with the
    first progress. The claim is released at the end.
    """
    turn = _Turn()
    claim = Claim(uuid4(), model, (), turn=turn)
    try:
        if turn.mine:
            claim = _take_over(claim, pk, of)
        yield claim
    finally:
        turn.end()
        if claim.ids:
            claim.release()


def _take_over(claim: Claim, pk: int, of: Q) -> Claim:
    outages.tell()
    with transaction.atomic():
        for _, died, deaths in _due(claim.model, [pk], of):
            deaths += died
            columns = {"claim_id": claim.id, "claimed_until": latest_end(), "deaths": deaths}
            claim.model._default_manager.filter(pk=pk).update(**columns)
            return replace(claim, ids=(pk,), deaths=deaths)
    return claim


def _due(model: type[Model], ids: Collection[int], of: Q) -> list[tuple[int, bool, int]]:
    """Lock those of the rows that are due and free; return (id, whether a worker died on it, earlier deaths) for each.

    A claim that expired without being released belongs to a worker that died, or was stopped for that long. It proves
    nothing if the surroundings failed meanwhile: then others ended too.
    """
    rows_of_lane = model._default_manager.select_for_update(skip_locked=True).filter(of)
    found = rows_of_lane.filter(free(), due(), pk__in=ids).order_by("pk")
    rows = list(found.values_list("pk", "claim_id", "claimed_until", "deaths"))
    since = outages.last() if any(left is not None for _, left, _, _ in rows) else None
    held = timedelta(seconds=settings.CLAIM_SECONDS)
    return [
        (pk, left is not None and not (since is not None and until is not None and until - held <= since), deaths)
        for pk, left, until, deaths in rows
    ]


def drop_all(model: type[Model], *, died: bool = True) -> int:
    """Free every row, and count a death on it if its worker `died` of it; return their number.

    Only for a moment when no other process can hold claims, such as the start of embedded mode: the holders ended with
    it.
    """
    held = model._default_manager.filter(claim_id__isnull=False)
    return held.update(claim_id=None, claimed_until=None, deaths=F("deaths") + int(died))


def database_now() -> datetime:
    """Return the database's time, for comparison with the clock of this process."""
    if connection.vendor == "sqlite":
        # SQLite runs in this process, so both clocks are the same.
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def latest_end() -> CombinedExpression:
    """Return when a claim taken now ends, on the database's clock."""
    return Now() + timedelta(seconds=settings.CLAIM_SECONDS)
