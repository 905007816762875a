"""What one pass of delivery knows while it goes on."""

import time
from dataclasses import dataclass, field

from sendouts.models import Batch, Event, EventWord, Status
from work import claims


@dataclass(slots=True)
class Pass:
    """What one pass has learnt and not yet stored.

    `in_doubt`: chunks that an earlier pass was killed over; `held`: seconds to wait for batches whose platform takes no
    calls at the moment; `shut`: batches of which no key opens every URI.
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
        """Who refused the batch; nobody where that was declared for the deadline."""
        if batch.pk not in self._refused_by:
            event = Event.objects.filter(batch=batch, word=EventWord.MOVED, new=Status.REFUSED).last()
            self._refused_by[batch.pk] = event.user_id if event is not None else None
        return self._refused_by[batch.pk]

    def settled(self) -> list[int]:
        """Chunks whose every answer is known. Where calls were not made, the doubt of an earlier kill stays on its chunks."""
        return [pk for pk in self.marked if not ((self.held or self.shut) and pk in self.in_doubt)]
