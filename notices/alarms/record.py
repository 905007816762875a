"""Alarms as rows, opened once and closed once even if several processes check at the same moment."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from notices.alarms.findings import LOCAL, Finding
from notices.models import Alarm, Code, Notice

log = structlog.get_logger(__name__)
# Close an alarm after this long without a sighting; sightings with shorter gaps belong to one alarm.
CLEAR_AFTER = timedelta(seconds=20)
# The machine that raised a local alarm may be gone for ever.
LOCAL_CLEAR_AFTER = timedelta(minutes=10)
# Update the last sighting at most this often.
SEEN_EVERY = timedelta(seconds=10)


def record(findings: Iterable[Finding], judged: Collection[Code], now: datetime) -> None:
    """Open and close alarms according to the findings of one check run.

    judged: codes that the run could check; alarms of other codes stay unchanged.
    """
    found = {finding.key: finding for finding in findings}
    known = {(alarm.code, alarm.subject): alarm for alarm in Alarm.objects.filter(closed_at=None)}
    for key, finding in found.items():
        if key not in known:
            open_alarm(finding, now)
        elif known[key].data != finding.data or now - known[key].last_seen_at >= SEEN_EVERY:
            still_open = Alarm.objects.filter(pk=known[key].pk, closed_at=None)
            still_open.update(last_seen_at=now, data=finding.data)
    for key, alarm in known.items():
        patience = LOCAL_CLEAR_AFTER if alarm.code in LOCAL else CLEAR_AFTER
        if key not in found and alarm.code in judged and now - alarm.last_seen_at >= patience:
            close(alarm, now)


def open_alarm(
    finding: Finding, now: datetime, *, opened_at: datetime | None = None, told: bool = False
) -> Alarm | None:
    """Open an alarm with its notices; None if another process has just opened it. told: already sent without a row."""
    times = {"opened_at": opened_at or now, "last_seen_at": now}
    try:
        with transaction.atomic():
            alarm = Alarm.objects.create(code=finding.code, subject=finding.subject, data=finding.data, **times)
            _notify(alarm, Notice.Occasion.OPENED, now, told=told)
    except IntegrityError:
        return None
    log.error("alarm_opened", alarm=alarm.pk, code=finding.code.value, subject=finding.subject, **_log_fields(finding))
    return alarm


def close(alarm: Alarm, now: datetime) -> bool:
    """Close an alarm; return False if another process closed it first."""
    with transaction.atomic():
        unchanged = Alarm.objects.filter(pk=alarm.pk, closed_at=None, last_seen_at=alarm.last_seen_at)
        if not unchanged.update(closed_at=now):
            return False
        _notify(alarm, Notice.Occasion.CLOSED, now)
    log.warning("alarm_closed", alarm=alarm.pk, code=alarm.code, subject=alarm.subject)
    return True


def channels() -> list[Notice.Channel]:
    """Return the channels configured for operators."""
    wanted = {Notice.Channel.MAIL: settings.ALARM_MAIL_TO, Notice.Channel.HOOK: settings.ALARM_HOOK_URL}
    return [channel for channel, target in wanted.items() if target]


def _notify(alarm: Alarm, occasion: Notice.Occasion, now: datetime, *, told: bool = False) -> None:
    """Put one notice for each channel into the outbox, in the caller's transaction."""
    state = Notice.State.SENT if told else Notice.State.WAITING
    Notice.objects.bulk_create(
        Notice(alarm=alarm, occasion=occasion, channel=channel, due_at=now, state=state, at=now if told else None)
        for channel in channels()
    )


def _log_fields(finding: Finding) -> dict[str, object]:
    """Return the fields of a finding for the log: numbers and ids, no names."""
    return {name: value for name, value in finding.data.items() if isinstance(value, int)}
