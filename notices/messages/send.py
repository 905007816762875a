"""Send due messages: marked before they are sent, and at most once.

A failed send is retried; a possible success never is. A reader with many due messages gets one digest.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F
from django.utils import translation

from actions.secrets.encrypted import CannotOpen, Sealed
from notices import transports
from notices.messages import chat, mail
from notices.messages.content import MessageText, digest, say
from notices.messages.readers import Reader, may_be_told, wishes
from notices.models import Channel, Message, Occasion, ReaderLanguage
from notices.transports import Lost, NotSent
from sendouts.services import hosts
from work.retry import backoff

log = structlog.get_logger(__name__)
# Messages sent in one round: bounds how long a slow server blocks it.
AT_ONCE = 20
LOOKED_AT = 2_000
# Send more than SINGLY messages in a minute as one digest, at most once a minute.
SINGLY, MINUTE = 5, timedelta(minutes=1)
State = Message.State
_TIME_OCCASIONS = (Occasion.HALF_GONE, Occasion.NEARLY_GONE)


def send_due(column: str, now: datetime, *, at_most: int = AT_ONCE) -> int:
    """Send what is due to people (`user`) or channels (`channel`) and return how many were sent.

    Never call it inside a transaction.
    """
    _give_up_lost(column, now)
    due: dict[int, list[int]] = defaultdict(list)
    rows = Message.objects.filter(state=State.WAITING, due_at__lte=now, **{f"{column}__isnull": False})
    for pk, reader in rows.order_by("due_at", "pk").values_list("pk", column)[:LOOKED_AT]:
        due[reader].append(pk)
    lately = _count_recent(column, due, now) if due else {}
    left = sent = 0
    for reader, ids in due.items():
        for group in _group_rows(ids, lately.get(reader, [])):
            if left >= at_most:
                return sent
            left += 1
            state = _send(group, Reader(column, reader), now)
            sent += state == State.SENT
            if state in {State.WAITING, State.FAILED}:
                # After a refusal, expect the same for the next message.
                break
    return sent


def _count_recent(column: str, readers: "dict[int, list[int]]", now: datetime) -> dict[int, list[int]]:
    """Return for each reader the number of rows in each message of the last minute."""
    found: dict[int, list[int]] = defaultdict(list)
    marked = Message.objects.filter(at__gt=now - MINUTE, **{f"{column}__in": list(readers)})
    marked = marked.filter(state__in=[State.SENDING, State.SENT, State.LOST])
    for reader, _mark, rows in marked.order_by().values_list(column, "mark").annotate(rows=Count("pk")):
        found[reader].append(rows)
    return found


def _group_rows(ids: list[int], lately: list[int]) -> list[list[int]]:
    """Group row ids into messages: single rows while the minute allows, then one digest, or none until later."""
    if len(ids) <= SINGLY - len(lately):
        return [[pk] for pk in ids]
    return [] if any(rows > 1 for rows in lately) or not ids else [ids]


def _give_up_lost(column: str, now: datetime) -> None:
    old = Message.objects.filter(
        state=State.SENDING, due_at__lte=now, at__lte=now - transports.LOST_AFTER, **{f"{column}__isnull": False}
    )
    if lost := old.update(state=State.LOST):
        log.error("message_not_sent", rows=lost, state=State.LOST.value, to=column)


def _send(ids: Sequence[int], reader: Reader, now: datetime) -> Message.State:
    """Mark the rows, send those still needed, and store the result."""
    mark = uuid4()
    with transaction.atomic():
        free = Message.objects.select_for_update(skip_locked=True).filter(pk__in=ids, state=State.WAITING)
        mine = list(free.order_by("pk").values_list("pk", flat=True))
        marked = {"state": State.SENDING, "attempts": F("attempts") + 1, "at": now, "mark": mark}
        Message.objects.filter(pk__in=mine).update(**marked)
    target = _target(reader) if mine else None
    rows = list(Message.objects.filter(pk__in=mine).select_related("sendout").order_by("pk")) if target else []
    with translation.override(_language(target)):
        said = {row.pk: (row, text) for row in _filter_wanted(rows, reader, now) if (text := say(row, now)) is not None}
        pointless = Message.objects.filter(pk__in=mine, mark=mark).exclude(pk__in=list(said))
        pointless.update(state=State.DROPPED)
        if target is None or not said:
            return State.DROPPED
        kept = [row for row, _ in said.values()]
        state, wait = _deliver(target, [text for _, text in said.values()], _id_of(kept), now)
    return _store(kept, state, wait, mark, reader, now)


def _id_of(rows: Sequence[Message]) -> str:
    """Return the id of a message, the same at every attempt of the same rows."""
    return str(uuid5(NAMESPACE_OID, " ".join(str(row.pk) for row in rows)))


def _store(
    rows: Sequence[Message], state: Message.State, wait: float | None, mark: UUID, reader: Reader, now: datetime
) -> Message.State:
    ids = [row.pk for row in rows]
    attempts = max(row.attempts for row in rows)
    marked = Message.objects.filter(pk__in=ids, state=State.SENDING, mark=mark)
    if state == State.WAITING:
        state = State.WAITING if attempts < transports.ATTEMPTS else State.FAILED
        pause = backoff(attempts, first=transports.FIRST_PAUSE, longest=transports.LONGEST_PAUSE)
        due_at = now + max(pause, timedelta(seconds=wait or 0))
        marked.update(state=state, due_at=due_at)
        if wait:
            # The service throttles: delay the other messages to this reader too.
            others = Message.objects.filter(state=State.WAITING, due_at__lt=due_at, **{reader.column: reader.pk})
            others.update(due_at=due_at)
    else:
        marked.update(state=state)
    told = {"message": ids[0], "rows": len(ids), "to": reader.column, "occasion": rows[0].occasion}
    if state == State.SENT:
        log.info("message_sent", **told)
    else:
        log.error("message_not_sent", state=state.value, attempts=attempts, **told)
    return state


def _target(reader: Reader) -> User | Channel | None:
    """Return the current recipient; None if they may not be told any more."""
    if reader.column == "user":
        return may_be_told().filter(pk=reader.pk).first()
    return Channel.objects.filter(pk=reader.pk, active=True).first()


def _filter_wanted(rows: Sequence[Message], reader: Reader, now: datetime) -> list[Message]:
    """Return the rows that the reader still wants: roles, limits and choices change while a message waits.

    A message about elapsed time replaces all earlier messages about that batch, except its end.
    """
    projects = wishes({row.sendout.project_id for row in rows})

    def wants(row: Message) -> bool:
        return row.occasion in projects[row.sendout.project_id].get(reader, frozenset())

    due = Message.objects.filter(
        state__in=[State.WAITING, State.SENDING], due_at__lte=now, occasion__in=_TIME_OCCASIONS
    )
    of_time = due.filter(batch__in={row.batch_id for row in rows if row.batch_id}, **{reader.column: reader.pk})
    last = {row.batch_id: row.pk for row in of_time.select_related("sendout").order_by("pk") if wants(row)}
    return [
        row for row in rows if wants(row) and (row.occasion == Occasion.ENDED or row.pk >= last.get(row.batch_id, 0))
    ]


def _language(target: User | Channel | None) -> str:
    if isinstance(target, Channel):
        return target.language
    chosen = ReaderLanguage.objects.filter(user=target).values_list("language", flat=True).first()
    return chosen or settings.LANGUAGE_CODE


def _deliver(
    target: User | Channel, said: Sequence[MessageText], name: str, now: datetime
) -> tuple[Message.State, float | None]:
    """Send one message; return its state, and the seconds after which the service allows a retry."""
    one = said[0] if len(said) == 1 else digest(list(said), now)
    try:
        deliver(target, one, name)
    except NotSent as refusal:
        return State.WAITING, refusal.retry_after
    except Lost:
        return State.LOST, None
    return State.SENT, None


def deliver(target: User | Channel, said: MessageText, name: str) -> None:
    """Hand a message to its reader; raises NotSent or Lost. name: its id. Never call it inside a transaction."""
    if isinstance(target, User):
        transports.mail(mail.compose(said, target.email, name))
        return
    content = chat.body(target.kind, said, name)
    try:
        url, secret = _opened(target.url), _opened(target.secret)
    except CannotOpen:
        log.warning("channel_cannot_open", channel=target.pk)
        raise NotSent from None
    headers = chat.headers(target.kind, secret, name, content)
    transports.post(url, content, hosts.services(), word="channel", headers=headers)


def _opened(sealed: object) -> str:
    return sealed.open() if isinstance(sealed, Sealed) else ""
