"""What happened to a batch, event by event, as people tell it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sendouts.models import Batch, Event, Status, Word
from sendouts.wording.batch_sentences import column_time
from sendouts.wording.events import told

# A batch that is tried again and again must not fill its page.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One event: when, who (empty: the gateway itself), what, and the note."""

    time: str
    who: str
    text: str
    note: str
    icon: str = "radio_button_checked"
    tone: str = ""


def history(batch: Batch, now: datetime) -> list[Line]:
    """The events of a batch, newest first."""
    return list(_lines(batch, now))


def _lines(batch: Batch, now: datetime) -> Iterator[Line]:
    for event in Event.objects.filter(batch=batch).select_related("user").order_by("-pk")[:SHOWN]:
        who = event.user.get_username() if event.user is not None else ""
        yield Line(column_time(event.at, now, seconds=True), who, told(event, batch), event.note, *_look(event))


_ICONS = {
    Word.CHANGED: "edit",
    Word.TAKEN_ON: "front_hand",
    Word.CLEARED: "check",
    Word.RESTARTED: "replay",
    Word.RETRIED: "refresh",
    Word.FINISH_SENT: "send",
    Word.FINISH_REPEATED: "send",
    Word.DUPLICATE: "content_copy",
    Word.HELD: "pause_circle",
    Word.HOLD_LIFTED: "play_circle",
    Word.CHANGE_BEGUN: "edit",
    Word.CHANGE_ENDED: "edit",
    Word.KEPT: "person_check",
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
    """The icon and tone of an event."""
    if event.word == Word.ATTENTION:
        return "error", "late"
    if event.word != Word.MOVED:
        return _ICONS.get(Word(event.word), "person" if event.user_id else "radio_button_checked"), ""
    if event.new == Status.FINISHED:
        return "check_circle", "done"
    if event.new == Status.EXPIRED:
        return "timer_off", "late"
    return _MOVES.get(Status(event.new), "radio_button_checked") if event.new in Status.values else "inbox", ""
