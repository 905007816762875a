"""Liveness and readiness of the gateway, for orchestrators and alarms."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from gateway.ops import schema
from notices.alarms import progress
from notices.alarms.findings import NOT_READY, OF_MACHINES, Finding
from notices.alarms.traffic import JOURNAL_WAITS
from notices.models import Alarm, Code
from sendouts.intake.journal import depth
from work import lanes, outages, pulses


def live(request: HttpRequest) -> JsonResponse:
    """Answer that the process is alive, with its version."""
    return JsonResponse({"ok": True, "version": settings.VERSION})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 if the gateway can work, else 503 with the reasons.

    It is ready if the database takes changes, its tables are those of this version, due work is begun, the sweep runs,
    and no journal waits for long. `alarms` lists the open alarms by code; warnings alone leave the status at 200. The
    page needs no login, so it contains no names.
    """
    found: dict[str, Any] = {"database": "ok", "migrations": "ok", "work": "ok", "sweep": "ok", "journal": "ok"}
    now = timezone.now()
    alarms: list[dict[str, str]] = []
    try:
        if differs := schema.sentence():
            found["migrations"] = differs
            alarms.append(_entry(Code.MIGRATIONS_PENDING.value, "", now))
        elif connection.vendor == "sqlite":
            # A write would wait for other writers here; the sweep's pulse shows whether the file takes changes.
            connection.ensure_connection()
        else:
            # A write, since a read-only session answers a read.
            pulses.sign(f"{pulses.HEALTH}{pulses.machine()}")
        if not differs:
            for finding in (*progress.work_waits(now), *progress.sweep_silent(now)):
                if not finding.subject or lanes.named(finding.subject).vital:
                    found["work" if finding.subject else "sweep"] = _sentence(finding)
                alarms.append(_entry(finding.code.value, finding.subject, now))
            alarms += _other_alarms()
    except DatabaseError as error:
        found["database"] = outages.describe(error)
        alarms = [_entry("database", "", now)]
    # The journal is on this machine's disk, so it is checked during a database outage too.
    waiting = depth(settings.JOURNAL_DIR)
    if waiting.oldest is not None and now - waiting.oldest > JOURNAL_WAITS:
        seconds = round((now - waiting.oldest).total_seconds())
        found["journal"] = (
            f"The journals hold {waiting.hooks} hooks, the oldest for {seconds} s: they wait for the database."
        )
        alarms.append(_entry("journal_waiting", "", waiting.oldest))
    ok = all(value == "ok" for value in found.values())
    return JsonResponse({"ok": ok, "version": settings.VERSION, **found, "alarms": alarms}, status=200 if ok else 503)


def _sentence(finding: Finding) -> str:
    if finding.subject:
        return f"{finding.subject}: due for {finding.data['seconds']} s, and no worker or sweep does the work."
    return f"The sweep has not run since {finding.data['since']}."


def _other_alarms() -> Iterator[dict[str, str]]:
    """Yield open alarms that this request has not checked: readiness is measured now, not read from stored alarms."""
    for alarm in Alarm.objects.filter(closed_at=None).exclude(code__in=NOT_READY).order_by("opened_at", "pk")[:100]:
        yield _entry(alarm.code, "" if alarm.code in OF_MACHINES else alarm.subject, alarm.opened_at)


def _entry(code: str, subject: str, since: datetime) -> dict[str, str]:
    return {"code": code, "since": since.astimezone(UTC).isoformat()} | ({"subject": subject} if subject else {})
