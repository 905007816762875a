"""What the work machine knows of one kind of work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from work import claims


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of work, carried by the rows of one table.

    `rows` returns the rows that can ever be due; `task` is the Celery task that workers are nudged with, and `worker` the
    name under which the workers of this lane sign. `run` works on rows by their ids. With `together`, one call takes all
    due rows; else each row has a call of its own. `early` narrows the rows that are looked at anew after a clock jump.
    """

    name: str
    task: str
    worker: str
    rows: Callable[[], "QuerySet[Any]"]
    run: Callable[[Sequence[int]], object]
    together: bool = False
    early: Callable[["QuerySet[Any]"], "QuerySet[Any]"] | None = None

    def due(self, limit: int) -> list[int]:
        """Return the ids of rows that are due and free, the longest due first."""
        found = self.rows().filter(claims.free(), claims.due()).order_by("due_at")
        return list(found.values_list("pk", flat=True)[:limit])
