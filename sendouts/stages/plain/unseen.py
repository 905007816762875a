"""Moves of new batches in memory, while no other transaction sees their rows, and their storage in few statements."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from sendouts import lifecycle
from sendouts.models import Batch, Event, EventWord, Status

log = structlog.get_logger(__name__)


class Unseen:
    """Batches that this transaction has inserted; `now` is the time of their moves.

    Nobody else can have moved them, so nothing is compared before a move: sendouts.lifecycle.move does that for rows
    that others see.
    """

    def __init__(self, batches: Sequence[Batch], now: datetime) -> None:
        self._batches = {batch.pk: batch for batch in batches}
        self._now = now
        self._columns: dict[int, dict[str, Any]] = defaultdict(dict)
        self._events: list[Event] = []

    def move(
        self,
        columns: Mapping[int, Mapping[str, Any]],
        old: Status,
        new: Status,
        data: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> list[Batch]:
        """Move batches with further columns, and return them. Arguments as for sendouts.lifecycle.move."""
        if new not in lifecycle.LEGAL[old]:
            raise ValueError(f"{old} never becomes {new}")
        moved = [self._batches[pk] for pk in columns]
        for batch in moved:
            if batch.status != old:
                raise ValueError(f"Batch {batch.pk} is {batch.status}, not {old}")
            changed = lifecycle.with_the_move(columns[batch.pk], new, self._now)
            changed["revision"] = batch.revision + 1
            for name, value in changed.items():
                setattr(batch, name, value)
            self._columns[batch.pk] |= changed
            self.record(
                batch, EventWord.MOVED, old=old, new=new, data=(data or {}).get(batch.pk, {}), revision=batch.revision
            )
        if moved:
            log.info("moved", old=old.value, new=new.value, batches=len(moved), first=moved[0].pk)
        return moved

    def change(self, batch: Batch, columns: Mapping[str, Any]) -> None:
        """Change columns without a move; the object stays as it is."""
        self._columns[batch.pk] |= columns

    def record(
        self,
        batch: Batch,
        word: EventWord,
        *,
        old: str = "",
        new: str = "",
        data: Mapping[str, Any] | None = None,
        revision: int = 0,
    ) -> None:
        """Append an event."""
        found = Event(
            batch_id=batch.pk, at=self._now, word=word, old=old, new=new, data=dict(data or {}), revision=revision
        )
        self._events.append(found)

    def store(self) -> None:
        """Store the columns and the events, in the caller's transaction."""
        alike: dict[str, list[int]] = defaultdict(list)
        for pk, columns in self._columns.items():
            alike[repr(sorted(columns.items(), key=lambda item: item[0]))].append(pk)
        for ids in alike.values():
            Batch.objects.filter(pk__in=ids).update(**self._columns[ids[0]])
        Event.objects.bulk_create(self._events)
