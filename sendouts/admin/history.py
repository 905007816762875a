"""What happened to a batch, event by event, as people tell it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sendouts.models import Batch, Event
from sendouts.sentences import column_time
from sendouts.telling import told

# A batch that is tried again and again must not fill its page.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One event: when, who (empty: the gateway itself), what, and the note."""

    time: str
    who: str
    text: str
    note: str


def history(batch: Batch, now: datetime) -> list[Line]:
    """The events of a batch, newest first."""
    return list(_lines(batch, now))


def _lines(batch: Batch, now: datetime) -> Iterator[Line]:
    for event in Event.objects.filter(batch=batch).select_related("user").order_by("-pk")[:SHOWN]:
        who = event.user.get_username() if event.user is not None else ""
        yield Line(column_time(event.at, now, seconds=True), who, told(event, batch), event.note)
