"""Sentences for operators: what an alarm means and what to do about it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.config import durations
from notices.models import Alarm, Code
from sendouts.models import Attention
from sendouts.wording.batch_sentences import number, quoted
from sendouts.wording.sentences import show_text
from work import lanes


def moment(text: Any) -> str:
    """Write a stored moment in full with its zone, since a mail may be read in any zone."""
    found = text if hasattr(text, "tzinfo") else parse_datetime(text or "")
    if found is None:
        return "–"
    local = timezone.localtime(found)
    return f"{date_format(local, 'j N Y')} {local.strftime('%H:%M')} {local.tzname()}"


def sentence(alarm: Alarm) -> str:
    """Return the sentence that says what is wrong."""
    data: dict[str, Any] = alarm.data
    since = {"since": moment(data.get("since") or alarm.opened_at)}
    match alarm.code:
        case Code.DATABASE:
            return _("The database has not answered since %(since)s.") % since
        case Code.MIGRATIONS_PENDING:
            text = _("Migrations have been pending since %(since)s. Nothing works, and hooks wait in the journal.")
            return text % since
        case Code.WORK_WAITS:
            words = {"lane": _lane(alarm.subject), "seconds": number(data.get("seconds", 0))}
            return _("%(lane)s: due for %(seconds)s s, and nobody does the work.") % words
        case Code.SWEEP_SILENT:
            return _("The sweep has not run since %(since)s. Deadlines and repeats may stop.") % since
        case Code.WORKERS_SILENT:
            words = since | {"worker": _worker(alarm.subject)}
            return _("%(worker)s has taken up nothing since %(since)s. The sweep does its work, more slowly.") % words
        case Code.BROKER_AWAY:
            said = _(
                "The broker has taken no messages since %(since)s. "
                "Workers look for their work in the database, more slowly."
            )
            return said % since
        case Code.BEAT_SILENT:
            return _("No periodic task has run since %(since)s: beat, the broker or a worker is not alive.") % since
        case Code.QUEUE_SILENT:
            return _("The queue of hooks has not been read since %(since)s. Hooks wait in it.") % since
        case Code.SENDOUT_SILENT:
            return _silent(data)
        case Code.RETENTION_BEHIND:
            text = ngettext(
                "Data is deleted %(n)s hour later than configured.",
                "Data is deleted %(n)s hours later than configured.",
                data["hours"],
            )
            return text % {"n": number(data["hours"])}
        case Code.SPOOL_FULL:
            text = ngettext(
                "%(n)s contact file could not be kept, and is read from the platform instead.",
                "%(n)s contact files could not be kept, and are read from the platform instead.",
                data["batches"],
            )
            return text % {"n": number(data["batches"])}
        case Code.JOURNAL_WAITING | Code.CLOCK_JUMPED | Code.DISK_FULL | Code.DATABASE_SLOW:
            return _machine(alarm) % (data | since | {"machine": alarm.subject})
    return _traffic(alarm.code, data)


def _traffic(code: str, data: dict[str, Any]) -> str:
    match code:
        case Code.HOOKS_REFUSED:
            text = ngettext(
                "%(n)s hook was refused with 503. The platform does not send it again.",
                "%(n)s hooks were refused with 503. The platform does not send them again.",
                data["hooks"],
            )
            return text % {"n": number(data["hooks"])}
        case Code.BREAKER_NEAR:
            words = {"percent": data["percent"], "hooks": number(data["hooks"])}
            return _("%(percent)s %% of the last %(hooks)s hooks were acknowledged late or not at all.") % words
        case Code.HOOK_NOT_PLANNED:
            text = ngettext(
                "Planning fails for %(n)s hook, again and again.", "Planning fails for %(n)s hooks.", data["hooks"]
            )
            return text % {"n": number(data["hooks"])}
        case Code.HOOK_UNREADABLE:
            text = ngettext("%(n)s hook cannot be read.", "%(n)s hooks cannot be read.", data["hooks"])
            return f"{text % {'n': number(data['hooks'])}} {show_text(data.get('why', ''))}".strip()
        case Code.DEADLINE_MISSED:
            text = ngettext(
                "%(n)s batch passed its deadline before it was answered. Its contacts timed out.",
                "%(n)s batches passed their deadline before they were answered. Their contacts timed out.",
                data["batches"],
            )
            return text % {"n": number(data["batches"])}
    words = {"batch": data["batch"], "deadline": moment(data["deadline"]), "why": Attention(data["attention"]).label}
    return _("Batch %(batch)s cannot go on (%(why)s), and its deadline is %(deadline)s.") % words


def _silent(data: dict[str, Any]) -> str:
    words = {
        "name": quoted([f"{data['project']} / {data['sendout']}"]),
        "every": durations.show(timedelta(seconds=data["every"])),
        "last": moment(data["last"]),
    }
    if data["last"]:
        return _("No hook for %(name)s since %(last)s; one is expected every %(every)s.") % words
    return _("No hook for %(name)s has ever come; one is expected every %(every)s.") % words


def _machine(alarm: Alarm) -> str:
    texts = {
        Code.JOURNAL_WAITING: _("%(hooks)s hooks have waited on the disk of %(machine)s since %(since)s."),
        Code.CLOCK_JUMPED: _("The clock of %(machine)s jumped, or differs from the database's, by %(seconds)s s."),
        Code.DISK_FULL: _("The disk of %(machine)s has %(megabytes)s MB left."),
        Code.DATABASE_SLOW: _("The database takes %(milliseconds)s ms to answer %(machine)s."),
    }
    return texts[Code(alarm.code)]


def _lane(name: str) -> str:
    known = {"hooks": _("Hooks"), "singles": _("Singles"), "files": _("Contact files")}
    known["services"] = _("Batches that call other services")
    known["repeats"] = _("Repeated calls of the platform")
    rows = {lane.name: lane.model._meta.verbose_name_plural for lane in lanes.registered()}
    return known.get(name) or capfirst(str(rows.get(name, name)))


def _worker(name: str) -> str:
    known = {"small": _("The worker for hooks and singles"), "files": _("The worker for contact files")}
    known["downloads"] = _("The worker for downloads")
    known["services"] = _("The worker for other services")
    return known.get(name, name)


def advice(code: str) -> str:
    """Return the first step to take."""
    restart_worker = _("Restart the worker. Its log says whether it lost the broker.")
    hooks = _("See the hooks in the admin, and tell whoever runs the platform's account.")
    return {
        Code.DATABASE: _("See whether PostgreSQL runs, and whether its disk is full."),
        Code.MIGRATIONS_PENDING: _("Run manage.py migrate. If it has failed, its output says why."),
        Code.WORK_WAITS: _("Start the workers and the sweep."),
        Code.SWEEP_SILENT: _("Restart the sweep. Its log says what stopped it."),
        Code.WORKERS_SILENT: restart_worker,
        Code.BROKER_AWAY: _("See whether Redis runs. Nothing is lost meanwhile."),
        Code.BEAT_SILENT: _("Restart beat, then the worker for hooks and singles; see whether Redis runs."),
        Code.QUEUE_SILENT: _("Restart the reader of the queue; its log says whether the queue answers."),
        Code.HOOKS_REFUSED: _("Find out in the platform which sendouts these were; their contacts time out."),
        Code.BREAKER_NEAR: _("The platform may stop calling. See the load of the door, the database and its disk."),
        Code.JOURNAL_WAITING: _(
            "See why the database does not take them; leave the files of the journal where they are."
        ),
        Code.DEADLINE_MISSED: _("See these batches in the admin: their history says where the time went."),
        Code.HOOK_NOT_PLANNED: _("The log says why (work_failed)."),
        Code.HOOK_UNREADABLE: hooks,
        Code.ATTENTION: _("Open the batch: its page says what can be done."),
        Code.SENDOUT_SILENT: _("See in the platform whether the sendout ran, and whether its hook was called."),
        Code.CLOCK_JUMPED: _("See to the time service of the machine."),
        Code.DISK_FULL: _("Make room, or give the disk more."),
        Code.DATABASE_SLOW: _("See what loads the database."),
        Code.SPOOL_FULL: _(
            "Make room on the disk, raise SPOOL_GB, or see to the storage of SPOOL_URL. "
            "Their links must work until they are screened."
        ),
        Code.RETENTION_BEHIND: _("See whether the sweep runs, and what its log says of retention."),
    }[Code(code)]


def page_of(alarm: Alarm) -> str:
    """Return the page of the alarm's subject; empty if it has none."""
    match alarm.code:
        case Code.ATTENTION:
            return reverse("admin:sendouts_batch_change", args=[alarm.data["batch"]])
        case Code.DEADLINE_MISSED:
            return reverse("admin:sendouts_batch_change", args=[alarm.data["first"]])
        case Code.HOOK_UNREADABLE | Code.HOOK_NOT_PLANNED:
            return reverse("admin:sendouts_webhook_change", args=[alarm.data["first"]])
        case Code.SENDOUT_SILENT:
            return reverse("admin:actions_sendout_change", args=[alarm.subject])
    return ""


def url(alarm: Alarm) -> str:
    """Return the page with more information, under the public address."""
    # The alarm about an unreachable database has no row yet.
    own = reverse("admin:sendouts_alarm_change", args=[alarm.pk]) if alarm.pk else reverse("admin:index")
    return str(settings.BASE_URL + own)
