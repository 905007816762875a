"""One outbox for alarms and messages: each row is marked before it is sent, and sent at most once.

A failed send is retried a limited number of times; a possible success never is. The rows are `Notice` and `Message`,
which have the same columns `state`, `due_at`, `attempts` and `at`.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Max, QuerySet

from notices.models import Message, Notice
from notices.transports import Lost, NotSent, Transport
from work.retry import Retry

log = structlog.get_logger(__name__)
# Values that both kinds of rows have; only messages are dropped.
State = Message.State
# Sends in one round: bounds how long a slow server blocks it.
AT_ONCE = 20
# About an hour of retries: covers a restart of a mail server or an outage of a chat service.
RETRY = Retry(failures=9, first=15.0, longest=1_800.0)
# The sending process died: the outcome is unknown.
LOST_AFTER = timedelta(minutes=5)
# The words of the log.
SENT = {Notice: "notice_sent", Message: "message_sent"}
NOT_SENT = {Notice: "notice_not_sent", Message: "message_not_sent"}


def give_up_lost(rows: QuerySet[Any], now: datetime) -> None:
    """Mark as lost the rows that a dead process was sending."""
    old = rows.filter(state=State.SENDING, due_at__lte=now, at__lte=now - LOST_AFTER)
    if lost := old.update(state=State.LOST):
        log.error(NOT_SENT[rows.model], rows=lost, state=State.LOST.value)


def drop_restored() -> int:
    """Send no row of a restored backup: each may have been sent since; return their number."""
    open_rows = {"state__in": (State.WAITING, State.SENDING)}
    return sum(model.objects.filter(**open_rows).update(state=State.LOST) for model in (Notice, Message))


def look_again(now: datetime) -> None:
    """Make all rows that wait due now, since their time may come from a wrong clock. Each is still sent once."""
    for model in (Notice, Message):
        model.objects.filter(state=State.WAITING, due_at__gt=now).update(due_at=now)


def mark(rows: QuerySet[Any], now: datetime, **columns: Any) -> QuerySet[Any]:
    """Mark those of the rows that wait and that no other process marks; return the marked ones. `columns`: the mark."""
    model = rows.model
    with transaction.atomic():
        free = rows.select_for_update(skip_locked=True).filter(state=State.WAITING)
        mine = list(free.values_list("pk", flat=True))
        marked = {"state": State.SENDING, "attempts": F("attempts") + 1, "at": now, **columns}
        model._default_manager.filter(pk__in=mine).update(**marked)
    return model._default_manager.filter(pk__in=mine, state=State.SENDING, **columns)


def send(marked: QuerySet[Any], by: Transport, now: datetime) -> tuple[Message.State, datetime | None]:
    """Send marked rows as one message, and store the result. Never call it inside a transaction.

    Return the new state, and the moment until which the other side asks for quiet.
    """
    quiet = None
    changes: dict[str, Any] = {}
    attempts = marked.aggregate(most=Max("attempts"))["most"] or 0
    try:
        by.send()
        state = State.SENT
    except NotSent as refusal:
        state = State.FAILED if RETRY.ends(attempts) else State.WAITING
        changes["due_at"] = now + max(RETRY.pause(attempts), timedelta(seconds=refusal.retry_after or 0))
        quiet = changes["due_at"] if refusal.retry_after else None
    except Lost:
        state = State.LOST
    ids = list(marked.values_list("pk", flat=True))
    marked.update(state=state, **changes)
    if state == State.SENT:
        log.info(SENT[marked.model], ids=ids)
    else:
        log.error(NOT_SENT[marked.model], ids=ids, state=state.value, attempts=attempts)
    return state, quiet
