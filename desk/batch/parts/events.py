"""The history of a batch, one line for each event."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sendouts.models import Batch, Event, EventWord, Status
from sendouts.wording.batch_sentences import column_time
from sendouts.wording.events import event_sentence

# Limit the lines, since a batch may be retried very often.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event: when, who (empty: the gateway itself), what, and the note."""

    time: str
    who: str
    text: str
    note: str
    icon: str = "radio_button_checked"
    tone: str = ""


def history(batch: Batch, now: datetime) -> list[EventLine]:
    """Return the events of a batch, newest first."""
    return list(_lines(batch, now))


def _lines(batch: Batch, now: datetime) -> Iterator[EventLine]:
    for event in Event.objects.filter(batch=batch).select_related("user").order_by("-pk")[:SHOWN]:
        who = event.author
        yield EventLine(
            column_time(event.at, now, seconds=True), who, event_sentence(event, batch), event.note, *_look(event)
        )


_ICONS = {
    EventWord.CHANGED: "edit",
    EventWord.TAKEN_ON: "front_hand",
    EventWord.CLEARED: "check",
    EventWord.RESTARTED: "replay",
    EventWord.RETRIED: "refresh",
    EventWord.FINISH_SENT: "send",
    EventWord.FINISH_REPEATED: "send",
    EventWord.DUPLICATE: "content_copy",
    EventWord.HELD: "pause_circle",
    EventWord.HOLD_LIFTED: "play_circle",
    EventWord.CHANGE_BEGUN: "edit",
    EventWord.CHANGE_ENDED: "edit",
    EventWord.ASKED: "contact_support",
    EventWord.KEPT: "person_check",
}
_MOVES = {
    Status.PLANNED: "inbox",
    Status.SCREENED: "fact_check",
    Status.IN_REVIEW: "pause_circle",
    Status.ACCEPTED: "thumb_up",
    Status.REFUSED: "block",
    Status.DELIVERED: "done_all",
    Status.ABANDONED: "do_not_disturb_on",
}


def _look(event: Event) -> tuple[str, str]:
    """Return the icon and tone of an event."""
    if event.word == EventWord.ATTENTION:
        return "error", "late"
    if event.word != EventWord.MOVED:
        return _ICONS.get(EventWord(event.word), "person" if event.user_id else "radio_button_checked"), ""
    if event.new == Status.FINISHED:
        return "check_circle", "done"
    if event.new == Status.EXPIRED:
        return "timer_off", "late"
    return _MOVES.get(Status(event.new), "radio_button_checked") if event.new in Status.values else "inbox", ""
