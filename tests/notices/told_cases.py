"""People and channels that get notices, and the two rounds that send them."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from notices.messages import due
from notices.messages import send as message_send
from notices.models import Channel, Message
from sendouts.models import Batch
from tests.factories import batch, user_in
from tests.listeners import Chat, Post


def person(role: str = "Reviewer", **columns: Any) -> User:
    user = user_in(role)
    values = {"email": f"{user.username}@example.com", **columns}
    User.objects.filter(pk=user.pk).update(**values)
    user.refresh_from_db()
    return user


def channel(chat: Chat, kind: str = "json", **columns: Any) -> Channel:
    url = f"http://127.0.0.1:{chat.server_address[1]}/services/T0/secret"
    values = {"name": kind, "url": url, "language": "en", "occasions": ["waiting", "attention", "ended"], **columns}
    return Channel.objects.create(kind=kind, **values)


def held(**columns: Any) -> Batch:
    """A batch that has just been held: what lifecycle says of it is written here."""
    made = batch(accepted=3, rejected=2, decisions=False, **columns)
    Batch.objects.filter(pk=made.pk).update(tell_at=timezone.now())
    made.refresh_from_db()
    return made


def fill(later: timedelta = timedelta(0)) -> int:
    return due.fill(timezone.now() + later)


def send(later: timedelta = timedelta(0)) -> int:
    now = timezone.now() + later
    return message_send.send_due("user", now) + message_send.send_due("channel", now)


def tell(later: timedelta = timedelta(0)) -> int:
    """Both rounds, as the threads beside the sweep run them."""
    fill(later)
    return send(later)


def rows() -> list[tuple[str, str]]:
    return list(Message.objects.order_by("pk").values_list("occasion", "state"))


def at(moment: datetime) -> timedelta:
    """How much later than now a moment is, with a little to spare."""
    return moment - timezone.now() + timedelta(milliseconds=1)


def subjects(post: Post) -> list[str]:
    """The subjects of all mails; one that is folded begins with the fold."""
    return [str(mail["Subject"]).strip() for mail in post.mails]
