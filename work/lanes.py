"""What the work machine knows of each kind of work, and the register of all of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from work import claims
from work.claims import Claim
from work.retry import THRICE, Retry


def give_up(claim: Claim, pk: int, error: Exception | None) -> None:
    """Leave a row to a person: it is not due any more."""
    with transaction.atomic():
        claim.extend([pk], progress=True)
        claim.model._default_manager.filter(pk=pk).update(due_at=None)


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of work, carried by the rows of one table, a WorkRow.

    `rows` returns the rows that can ever be due; `task` is the Celery task that workers are nudged with, and `worker` the
    name under which the workers of this lane sign. `work` works on claimed rows by their ids. It may run again on the same
    rows, and it may return the ids of rows that came of them: those of the lanes in `onward` are worked on next.

    With `together`, rows are claimed and worked on in sets; a nudge then takes `along` as many rows that are due.
    `retry` says when a row that fails alone is tried again, `note` which columns are stored with the failure, and
    `escalate` leaves the row to a person: with the error, or with None where workers died on it. With `private`, the text
    of an error stays out of the log. `apart` splits what `work` gave back into sets that are claimed one after the other;
    `after` runs on ids that are free again.

    `early` narrows the rows that are looked at anew after a clock jump. Operators are told of rows that are due for longer
    than `overdue`; with `vital`, the gateway is not ready then.
    """

    name: str
    task: str
    worker: str
    rows: Callable[[], "QuerySet[Any]"]
    work: Callable[[Claim, Sequence[int]], Sequence[int] | None]
    escalate: Callable[[Claim, int, Exception | None], None] = give_up
    retry: Retry = THRICE
    together: bool = False
    along: int = 0
    note: Callable[[int, Exception], Mapping[str, Any]] = lambda attempts, error: {}
    private: bool = False
    apart: Callable[[Sequence[int]], Iterable[Sequence[int]]] = lambda ids: ()
    after: Callable[[Sequence[int]], object] = lambda ids: None
    onward: "tuple[Lane, ...]" = ()
    early: Callable[["QuerySet[Any]"], "QuerySet[Any]"] | None = None
    overdue: timedelta = timedelta(seconds=60)
    vital: bool = False

    @property
    def model(self) -> type[Model]:
        """Return the model of the rows."""
        return self.rows().model

    @property
    def queue(self) -> str:
        """Return the Celery queue that the workers of this lane read."""
        return self.worker.removeprefix("worker-")

    def due(self, limit: int) -> list[int]:
        """Return the ids of rows that are due and free, the longest due first."""
        found = self.rows().filter(claims.free(), claims.due()).order_by("due_at")
        return list(found.values_list("pk", flat=True)[:limit])

    def oldest_due(self) -> datetime | None:
        """Return since when the oldest free row has been due."""
        due = self.rows().filter(claims.free(), due_at__lte=Now()).order_by("due_at")
        found: datetime | None = due.values_list("due_at", flat=True).first()
        return found

    def claimed(self) -> "QuerySet[Any]":
        """Return the rows that a worker has now."""
        # Only rows that are due can be claimed, so that the index on them finds these.
        return self.rows().filter(due_at__isnull=False, claimed_until__gt=Now())


_registered: dict[str, Lane] = {}


def register(lanes: Iterable[Lane]) -> None:
    """Register lanes: from here on alarms, figures, nudges and routes know them."""
    _registered.update({lane.name: lane for lane in lanes})


def registered() -> tuple[Lane, ...]:
    """Return all lanes, in the order in which they were registered."""
    return tuple(_registered.values())


def named(name: str) -> Lane:
    """Return the lane with this name."""
    return _registered[name]


def task_of(name: str) -> str:
    """Return the Celery task of the lane with this name; a name of no lane is that of a task."""
    return _registered[name].task if name in _registered else name


def workers() -> tuple[str, ...]:
    """Return the names under which the workers of all lanes sign."""
    return tuple(dict.fromkeys(lane.worker for lane in registered()))


def route(name: str, *_: Any, **__: Any) -> dict[str, str] | None:
    """Return the queue of a task, as Celery asks for it; None for tasks that are no lane's."""
    return next(({"queue": lane.queue} for lane in registered() if lane.task == name), None)
