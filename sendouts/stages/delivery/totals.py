"""The state of one pass of delivery."""

import time
from dataclasses import dataclass, field

from sendouts.models import Batch, Event, EventWord, Status
from work import claims


@dataclass(slots=True)
class Pass:
    """Results of one pass that are not stored yet.

    `in_doubt`: chunks during which an earlier pass was killed. `held`: seconds to wait, by batch, while the platform
    takes no calls. `shut`: batches with a URI that no key opens.
    """

    claim: claims.Claim
    ids: list[int]
    answers: list[tuple[int, int, int]] = field(default_factory=list)
    stored_at: float = field(default_factory=time.monotonic)
    marked: list[int] = field(default_factory=list)
    in_doubt: set[int] = field(default_factory=set)
    held: dict[int, float] = field(default_factory=dict)
    shut: set[int] = field(default_factory=set)
    confirmed: int = 0
    measured_at: float = field(default_factory=time.monotonic)
    pauses: dict[int, float] = field(default_factory=dict)
    hosts: dict[int, tuple[str, str]] = field(default_factory=dict)
    _refused_by: dict[int, int | None] = field(default_factory=dict)

    def refused_by(self, batch: Batch) -> int | None:
        """Return the person who refused the batch; None if the declared deadline action did."""
        if batch.pk not in self._refused_by:
            event = Event.objects.filter(batch=batch, word=EventWord.MOVED, new=Status.REFUSED).last()
            self._refused_by[batch.pk] = event.user_id if event is not None else None
        return self._refused_by[batch.pk]

    def settled(self) -> list[int]:
        """Return the chunks with every answer known. If calls were not made, chunks in doubt stay in doubt."""
        return [pk for pk in self.marked if not ((self.held or self.shut) and pk in self.in_doubt)]
