"""Send due messages through the outbox, and find them, in threads beside the sweep.

A reader with many due messages gets one digest.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import NAMESPACE_OID, uuid4, uuid5

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count
from django.utils import timezone, translation

from actions.secrets.encrypted import Sealed
from actions.secrets.keys import CannotOpen
from notices import outbox
from notices.messages import ask, chat, due, mail
from notices.messages.content import MessageText, digest, say
from notices.messages.readers import Reader, may_be_told, wishes
from notices.models import Channel, Message, Occasion, ReaderLanguage
from notices.transports import HookCall, Mail, NotSent, Transport
from sendouts.services import hosts
from work import loops

log = structlog.get_logger(__name__)
ROUND_SECONDS = 2.0
LOOKED_AT = 2_000
# Send more than SINGLY messages in a minute as one digest, at most once a minute.
SINGLY, MINUTE = 5, timedelta(minutes=1)
State = Message.State
_NEVER_REPLACED = (Occasion.ENDED, Occasion.ASKED)
_TIME_OCCASIONS = (Occasion.HALF_GONE, Occasion.NEARLY_GONE)


def send_due(column: str, now: datetime, *, at_most: int = outbox.AT_ONCE) -> int:
    """Send what is due to people (`user`) or channels (`channel`) and return how many were sent.

    Never call it inside a transaction.
    """
    outbox.give_up_lost(Message.objects.filter(**{f"{column}__isnull": False}), now)
    waiting: dict[int, list[int]] = defaultdict(list)
    rows = Message.objects.filter(state=State.WAITING, due_at__lte=now, **{f"{column}__isnull": False})
    for pk, reader in rows.order_by("due_at", "pk").values_list("pk", column)[:LOOKED_AT]:
        waiting[reader].append(pk)
    lately = _count_recent(column, waiting, now) if waiting else {}
    tried = sent = 0
    for reader, ids in waiting.items():
        for group in _group_rows(ids, lately.get(reader, [])):
            if tried >= at_most:
                return sent
            tried += 1
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


def _send(ids: Sequence[int], reader: Reader, now: datetime) -> Message.State:
    """Mark the rows, send those still needed as one message, and store the result."""
    marked = outbox.mark(Message.objects.filter(pk__in=ids), now, mark=uuid4())
    target = _target(reader)
    rows = list(marked.select_related("sendout").order_by("pk")) if target else []
    with translation.override(_language(target)):
        said = {row.pk: text for row in _filter_wanted(rows, reader, now) if (text := say(row, now)) is not None}
        marked.exclude(pk__in=list(said)).update(state=State.DROPPED)
        if target is None or not said:
            return State.DROPPED
        texts = list(said.values())
        way = transport(target, texts[0] if len(texts) == 1 else digest(texts, now), _id_of(said))
    state, quiet = outbox.send(marked, way, now)
    if quiet:
        # The service throttles: delay the other messages to this reader too.
        others = Message.objects.filter(state=State.WAITING, due_at__lt=quiet, **{reader.column: reader.pk})
        others.update(due_at=quiet)
    return state


def _id_of(pks: Iterable[int]) -> str:
    """Return the id of a message, the same at every attempt of the same rows."""
    return str(uuid5(NAMESPACE_OID, " ".join(map(str, pks))))


def _target(reader: Reader) -> User | Channel | None:
    """Return the current recipient; None if they may not be told any more."""
    if reader.column == "user":
        return may_be_told().filter(pk=reader.pk).first()
    return Channel.objects.filter(pk=reader.pk, active=True).first()


def _filter_wanted(rows: Sequence[Message], reader: Reader, now: datetime) -> list[Message]:
    """Return the rows that the reader still wants: roles, limits and choices change while a message waits.

    A message about elapsed time replaces all earlier messages about that batch, except its end and questions.
    """
    projects = wishes({row.sendout.project_id for row in rows})

    def wants(row: Message) -> bool:
        if row.occasion == Occasion.ASKED:
            return ask.may_answer(row)
        return row.occasion in projects[row.sendout.project_id].get(reader, frozenset())

    pending = Message.objects.filter(state__in=[State.WAITING, State.SENDING], due_at__lte=now)
    of_time = pending.filter(
        occasion__in=_TIME_OCCASIONS,
        batch__in={row.batch_id for row in rows if row.batch_id},
        **{reader.column: reader.pk},
    )
    last = {row.batch_id: row.pk for row in of_time.select_related("sendout").order_by("pk") if wants(row)}
    return [
        row for row in rows if wants(row) and (row.occasion in _NEVER_REPLACED or row.pk >= last.get(row.batch_id, 0))
    ]


def _language(target: User | Channel | None) -> str:
    if isinstance(target, Channel):
        return target.language
    chosen = ReaderLanguage.objects.filter(user=target).values_list("language", flat=True).first()
    return chosen or settings.LANGUAGE_CODE


def transport(target: User | Channel, said: MessageText, name: str) -> Transport:
    """Return a message with its way to the reader. name: its id."""
    if isinstance(target, User):
        return Mail(mail.compose(said, target.email, name))
    content = chat.body(target.kind, said, name)
    try:
        url, secret = _opened(target.url), _opened(target.secret)
    except CannotOpen:
        log.warning("channel_cannot_open", channel=target.pk)
        return Unsendable()
    heads = chat.headers(target.kind, secret, name, content)
    return HookCall(url, content, hosts.services(), "channel", heads, partial(chat.was_taken, target.kind))


class Unsendable:
    """A message whose channel cannot be opened: the key of its secrets is missing."""

    def send(self) -> None:
        raise NotSent


def _opened(sealed: object) -> str:
    return sealed.open() if isinstance(sealed, Sealed) else ""


def start(stop: threading.Event) -> None:
    """Run three threads until `stop` is set: find due messages, send mails, call hooks.

    None blocks another one or the sweep: a mail server or a chat service may hang for a while.
    """
    loops.start("messages-fill", _fill_round, ROUND_SECONDS, stop)
    for name, column in (("messages-mail", "user"), ("messages-hook", "channel")):
        loops.start(name, partial(_send_round, column), ROUND_SECONDS, stop)


def _fill_round() -> None:
    due.fill(timezone.now())


def _send_round(column: str) -> None:
    send_due(column, timezone.now())
