"""Send alarms to operators by mail or by their hook: at most once for each alarm, occasion and channel."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Exists, OuterRef
from django.utils import translation
from django.utils.translation import gettext as _

from notices import outbox
from notices.alarms import sentences
from notices.models import Alarm, Notice
from notices.transports import HookCall, Mail, Transport, escaped
from outbound.guard import AllowList
from sendouts.services import hosts


@dataclass(frozen=True, slots=True)
class AlarmMessage:
    """One message in the operators' language."""

    subject: str
    text: str
    content: dict[str, Any]


def compose(alarm: Alarm, occasion: str) -> AlarmMessage:
    """Compose the sentence for an opened or closed alarm: sendout names at most, no contact, no platform URL."""
    with translation.override(settings.ALARM_LANGUAGE):
        over = occasion == Notice.Occasion.CLOSED
        what = sentences.sentence(alarm)
        title = (_("Over: %(alarm)s") if over else _("Alarm: %(alarm)s")) % {"alarm": alarm.get_code_display()}
        since = _("Since %(time)s.") % {"time": sentences.moment(alarm.opened_at)}
        until = _("Over at %(time)s.") % {"time": sentences.moment(alarm.closed_at)} if alarm.closed_at else ""
        lines = [title, what, f"{since} {until}".strip()]
        advice = "" if over else sentences.advice(alarm.code)
        url = sentences.url(alarm)
        lines += [advice] if advice else []
    content = {
        "occasion": occasion,
        "code": alarm.code,
        "subject": alarm.subject,
        "sentence": what,
        "advice": advice,
        "opened_at": alarm.opened_at.isoformat(),
        "closed_at": alarm.closed_at.isoformat() if alarm.closed_at else None,
        "url": url,
        # Shown by Slack, Teams and similar services; the sentence for programs is above.
        "text": escaped("\n".join([*lines, url])),
    }
    return AlarmMessage(f"[Send Gate] {title}", "\n\n".join([*lines, url]) + "\n", content)


def trial(url: str) -> AlarmMessage:
    """Compose a trial message that only confirms delivery."""
    with translation.override(settings.ALARM_LANGUAGE):
        text = _("This is a trial: messages of the gateway arrive here.")
    return AlarmMessage(
        f"[Send Gate] {text}", f"{text}\n\n{url}\n", {"occasion": "trial", "text": f"{text}\n{url}", "url": url}
    )


def send_due(now: datetime, *, waiting_for: timedelta = timedelta(0), at_most: int = outbox.AT_ONCE) -> int:
    """Send due notices and return how many were sent. Never call it inside a transaction.

    waiting_for: skip notices younger than this, which another process sends. at_most: bounds how long slow servers
    block the caller.
    """
    outbox.give_up_lost(Notice.objects.all(), now)
    earlier = Notice.objects.filter(
        alarm=OuterRef("alarm"), channel=OuterRef("channel"), pk__lt=OuterRef("pk"), state=Notice.State.WAITING
    )
    due = Notice.objects.filter(~Exists(earlier), state=Notice.State.WAITING, due_at__lte=now - waiting_for)
    return sum(_send(pk, now) for pk in list(due.order_by("pk").values_list("pk", flat=True)[:at_most]))


def _send(pk: int, now: datetime) -> bool:
    marked = outbox.mark(Notice.objects.filter(pk=pk), now)
    notice = marked.select_related("alarm").first()
    if notice is None:
        return False
    channel = Notice.Channel(notice.channel)
    way = transport(channel, compose(notice.alarm, notice.occasion), hosts.services())
    return outbox.send(marked, way, now)[0] == Notice.State.SENT


def transport(channel: Notice.Channel, message: AlarmMessage, allow: AllowList) -> Transport:
    """Return the message with its way to the operators."""
    if channel == Notice.Channel.MAIL:
        return Mail(EmailMessage(message.subject, message.text, settings.ALARM_MAIL_FROM, settings.ALARM_MAIL_TO))
    return HookCall(settings.ALARM_HOOK_URL, json.dumps(message.content).encode(), allow, "alarm_hook")
