"""Send alarms to operators by mail or by their hook: at most once for each alarm, occasion and channel.

A notice is marked before it is sent. A failed send is retried a limited number of times; a possible success never is.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Exists, F, OuterRef, Q
from django.utils import translation
from django.utils.translation import gettext as _

from notices import transports
from notices.alarms import sentences
from notices.models import Alarm, Notice
from notices.transports import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE, LOST_AFTER, Lost, NotSent
from outbound.guard import AllowList
from sendouts.services import hosts
from work.retry import backoff

log = structlog.get_logger(__name__)
AT_ONCE = 20


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
        "text": transports.escaped("\n".join([*lines, url])),
    }
    return AlarmMessage(f"[Send Gate] {title}", "\n\n".join([*lines, url]) + "\n", content)


def trial(url: str) -> AlarmMessage:
    """Compose a trial message that only confirms delivery."""
    with translation.override(settings.ALARM_LANGUAGE):
        text = _("This is a trial: messages of the gateway arrive here.")
    return AlarmMessage(
        f"[Send Gate] {text}", f"{text}\n\n{url}\n", {"occasion": "trial", "text": f"{text}\n{url}", "url": url}
    )


def send_due(now: datetime, *, waiting_for: timedelta = timedelta(0), at_most: int = AT_ONCE) -> int:
    """Send due notices and return how many were sent. Never call it inside a transaction.

    waiting_for: skip notices younger than this, which another process sends. at_most: bounds how long slow servers
    block the caller.
    """
    _give_up_lost(now)
    earlier = Notice.objects.filter(
        alarm=OuterRef("alarm"), channel=OuterRef("channel"), pk__lt=OuterRef("pk"), state=Notice.State.WAITING
    )
    due = Notice.objects.filter(~Exists(earlier), state=Notice.State.WAITING, due_at__lte=now - waiting_for)
    return sum(_send(pk, now) for pk in list(due.order_by("pk").values_list("pk", flat=True)[:at_most]))


def _give_up_lost(now: datetime) -> None:
    old = Q(state=Notice.State.SENDING, due_at__lte=now, at__lte=now - LOST_AFTER)
    Notice.objects.filter(old).update(state=Notice.State.LOST)


def _send(pk: int, now: datetime) -> bool:
    """Mark the notice, send it, and store the result."""
    marked = Notice.objects.filter(pk=pk, state=Notice.State.WAITING)
    if not marked.update(state=Notice.State.SENDING, attempts=F("attempts") + 1, at=now):
        return False
    notice = Notice.objects.select_related("alarm").get(pk=pk)
    state, due_at = Notice.State.SENT, notice.due_at
    try:
        deliver(Notice.Channel(notice.channel), compose(notice.alarm, notice.occasion), hosts.services())
    except NotSent:
        again = notice.attempts < ATTEMPTS
        state = Notice.State.WAITING if again else Notice.State.FAILED
        due_at = now + backoff(notice.attempts, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
    except Lost:
        state = Notice.State.LOST
    Notice.objects.filter(pk=pk, state=Notice.State.SENDING).update(state=state, due_at=due_at)
    if state == Notice.State.SENT:
        log.info("notice_sent", notice=pk, alarm=notice.alarm_id, channel=notice.channel)
    else:
        log.error("notice_not_sent", notice=pk, channel=notice.channel, state=state.value, attempts=notice.attempts)
    return state == Notice.State.SENT


def deliver(channel: Notice.Channel, message: AlarmMessage, allow: AllowList) -> None:
    """Send one message; raises NotSent or Lost. Never call it inside a transaction."""
    if channel == Notice.Channel.MAIL:
        _mail(message)
    else:
        _hook(message, allow)


def configured_hosts() -> AllowList:
    """Return the hosts from the environment, for when the database is not available."""
    return AllowList.parse(settings.OUTBOUND_ALLOWED_HOSTS, allow_http=settings.OUTBOUND_ALLOW_HTTP)


def _mail(message: AlarmMessage) -> None:
    transports.mail(EmailMessage(message.subject, message.text, settings.ALARM_MAIL_FROM, settings.ALARM_MAIL_TO))


def _hook(message: AlarmMessage, allow: AllowList) -> None:
    transports.post(settings.ALARM_HOOK_URL, json.dumps(message.content).encode(), allow, word="alarm_hook")
