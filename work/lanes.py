"""Definition of a lane, one per kind of work, and the registry of all lanes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now

from work import claims
from work.claims import Claim
from work.retry import THRICE, Retry


def give_up(claim: Claim, pk: int, error: Exception | None) -> None:
    """Default escalation: take a row off the queue, so that it waits for a person."""
    with transaction.atomic():
        claim.extend([pk], progress=True)
        claim.model._default_manager.filter(pk=pk).update(due_at=None)


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of work, carried by rows of one table (a WorkRow).

    `model` is the table, and `of` selects the rows of this lane. `task` is the Celery task that nudges the workers, and
    `worker` is the name of their heartbeat. `work` processes claimed rows by their ids. It may run again on the same
    rows. It may return the ids of resulting rows: the lanes in `onward` process those next.

    With `together`, rows are claimed and processed in sets; a nudge then includes up to `along` other due rows. `retry`
    says when a row that failed alone is retried, and `note` which columns are stored with the failure. `escalate` hands
    the row to a person, with the error, or with None if workers died on it. With `private`, the text of an error is not
    logged. `sets` splits rows into sets that are claimed one after the other, and may put rows off instead; `after`
    runs on ids that are free again.

    With `own_thread`, rows are processed in a thread of their own, which lowers its priority if the work turns out long
    (work.priority).

    `early` selects the rows to check again after a clock jump. `pauses` says which rows are put off, and for how long
    at most: a due time further ahead comes from a wrong clock. Operators are alerted to rows that are due for longer
    than `overdue`; with `vital`, the gateway is then not ready.
    """

    name: str
    task: str
    worker: str
    model: type[Model]
    work: Callable[[Claim, Sequence[int]], Sequence[int] | None]
    escalate: Callable[[Claim, int, Exception | None], None] = give_up
    of: Q = claims.ANY
    retry: Retry = THRICE
    together: bool = False
    along: int = 0
    note: Callable[[int, Exception], Mapping[str, Any]] = lambda attempts, error: {}
    private: bool = False
    sets: Callable[[Sequence[int]], Iterable[Sequence[int]]] = lambda ids: [ids]
    after: Callable[[Sequence[int]], object] = lambda ids: None
    onward: "tuple[Lane, ...]" = ()
    own_thread: bool = False
    early: Callable[["QuerySet[Any]"], "QuerySet[Any]"] | None = None
    pauses: Sequence[tuple[Q, timedelta]] = ()
    overdue: timedelta = timedelta(seconds=60)
    vital: bool = False

    def rows(self) -> "QuerySet[Any]":
        """Return the rows that can ever be due."""
        return self.model._default_manager.filter(self.of)

    @property
    def queue(self) -> str:
        """Return the Celery queue that the workers of this lane read."""
        return self.worker.removeprefix("worker-")

    def groups(self, ids: Sequence[int]) -> Iterable[Sequence[int]]:
        """Return rows as they are given to workers: in sets, or one by one."""
        if not ids:
            return ()
        return self.sets(ids) if self.together else [[pk] for pk in ids]

    def due(self, limit: int) -> list[int]:
        """Return the ids of rows that are due and free, the longest due first."""
        found = self.rows().filter(claims.free(), claims.due()).order_by("due_at")
        return list(found.values_list("pk", flat=True)[:limit])

    def oldest_due(self) -> datetime | None:
        """Return when the oldest free row became due."""
        due = self.rows().filter(claims.free(), due_at__lte=Now()).order_by("due_at")
        found: datetime | None = due.values_list("due_at", flat=True).first()
        return found

    def claimed(self) -> "QuerySet[Any]":
        """Return the rows that are claimed now."""
        # Only due rows can be claimed, so the index on due rows finds these.
        return self.rows().filter(due_at__isnull=False, claimed_until__gt=Now())

    def bound_times(self) -> int:
        """Bound claims and pauses that end later than any can, since a clock was wrong; return their number.

        A claim gets the longest time from now instead of being freed: its worker may live, and extends it meanwhile.
        """
        claimed = self.claimed().filter(claimed_until__gt=claims.latest_end() + claims.MARGIN)
        found = claimed.update(claimed_until=claims.latest_end())
        for rows, longest in self.pauses:
            late = self.rows().filter(rows, due_at__gt=Now() + longest + claims.MARGIN)
            found += late.update(due_at=claims.due_in())
        return found


_registered: dict[str, Lane] = {}


def tables_with_due_rows(lanes: Sequence[Lane]) -> frozenset[type[Model]]:
    """Return the tables of these lanes that have due and free rows, with one statement: mostly none has."""
    models = tuple(dict.fromkeys(lane.model for lane in lanes))
    sql, parameters = _any_due(connection.vendor, models)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found = cursor.fetchone()
    return frozenset(model for model, has in zip(models, found, strict=True) if has)


@cache
def _any_due(vendor: str, models: tuple[type[Model], ...]) -> tuple[str, tuple[Any, ...]]:
    asked = [
        model._default_manager.filter(claims.free(), claims.due()).values("pk")[:1].query.sql_with_params()
        for model in models
    ]
    columns = ", ".join(f"EXISTS ({sql})" for sql, _ in asked)
    return f"SELECT {columns}", tuple(parameter for _, parameters in asked for parameter in parameters)


def register(lanes: Iterable[Lane]) -> None:
    """Register lanes for alarms, metrics, nudges and routing."""
    _registered.update({lane.name: lane for lane in lanes})


def registered() -> tuple[Lane, ...]:
    """Return all lanes, in the order of registration."""
    return tuple(_registered.values())


def named(name: str) -> Lane:
    """Return the lane with this name."""
    return _registered[name]


def task_of(name: str) -> str:
    """Return the Celery task of the lane with this name; return any other name unchanged, as a task name."""
    return _registered[name].task if name in _registered else name


def workers() -> tuple[str, ...]:
    """Return the heartbeat names of the workers of all lanes."""
    return tuple(dict.fromkeys(lane.worker for lane in registered()))


def route(name: str, *_: Any, **__: Any) -> dict[str, str] | None:
    """Return the queue of a task for Celery's router; None for tasks that belong to no lane."""
    return next(({"queue": lane.queue} for lane in registered() if lane.task == name), None)
