"""Whether the gateway lives, and whether it can do its work; for orchestrators and alarms."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Min
from django.db.models.functions import Now
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from sendouts import claims
from sendouts.journal import depth
from sendouts.models import Batch, Webhook

# Work that is due and that nobody began for so long: no worker and no sweep is alive.
OVERDUE = timedelta(seconds=60)


def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"ok": True})


def ready(request: HttpRequest) -> JsonResponse:
    """The database answers, and nothing waits for longer than a minute; 503 names what is wrong."""
    found: dict[str, Any] = {"journal": _journal()}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        found["database"] = "ok"
        found["work"] = _oldest_due()
    except DatabaseError:
        found["database"] = "The database does not answer."
    ok = all(value == "ok" for value in found.values())
    return JsonResponse({"ok": ok, **found}, status=200 if ok else 503)


def _journal() -> str:
    waiting = depth(settings.JOURNAL_DIR)
    if waiting.oldest is not None and (since := timezone.now() - waiting.oldest) > OVERDUE:
        seconds = round(since.total_seconds())
        return f"The journals hold {waiting.hooks} hooks, the oldest for {seconds} s: they wait for the database."
    return "ok"


def _oldest_due() -> str:
    for name, rows in (("hook", Webhook.objects.all()), ("batch", Batch.objects.all())):
        oldest = rows.filter(claims.free(), due_at__lte=Now()).aggregate(oldest=Min("due_at"))["oldest"]
        if oldest is not None and (waits := timezone.now() - oldest) > OVERDUE:
            return f"A {name} has been due for {round(waits.total_seconds())} s: no worker or sweep does its work."
    return "ok"
