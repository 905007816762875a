"""The platform's URIs are keys; once a batch is over they open nothing that we still want, and are wiped.

Decisions, with who and why, stay for RETENTION_DAYS (`retiring`); their URIs, and the raw hooks that hold the same, do not.
"""

import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from sendouts.models import Batch, Decision, Webhook
from sendouts.models.decision import rows_of

log = structlog.get_logger(__name__)
# Batches, and hooks without a batch, looked at together.
AT_ONCE = 200
# Rows in one transaction: on SQLite it keeps every other writer waiting.
ROWS = 2_000
# One run of the task; what is left is done by the next.
LONGEST_SECONDS = 300.0


def wipe(now: datetime) -> int:
    """Wipe what has been over for URI_RETENTION_HOURS, or as much as fits into one run; returns how many batches."""
    before = now - timedelta(hours=settings.URI_RETENTION_HOURS)
    until = time.monotonic() + LONGEST_SECONDS
    wiped = hooks = 0
    while time.monotonic() < until:
        batches, bodies = _wipe_batches(before, until), _wipe_hooks(before)
        wiped, hooks = wiped + batches, hooks + bodies
        if batches < AT_ONCE and bodies < AT_ONCE:
            break
    if wiped or hooks:
        log.info("uris_wiped", batches=wiped, hooks=hooks)
    return wiped


def _wipe_batches(before: datetime, until: float) -> int:
    """The next batches, oldest end first. The batch's own URIs go last: where they are gone, all are."""
    over = Batch.objects.filter(ended_at__lt=before).exclude(finish_uri=b"").order_by("ended_at")
    found = list(over.values_list("pk", flat=True)[:AT_ONCE])
    done = 0
    for pk in found:
        # A screening that never came to its end left rows and no total: the highest row says how far they go.
        last = Decision.objects.filter(rows_of(pk)).order_by("pk").last()
        rows = last.row + 1 if last is not None else 0
        for first in range(0, rows, ROWS):
            Decision.objects.filter(rows_of(pk, first, ROWS)).exclude(uri=b"").update(uri=b"")
            if time.monotonic() > until:
                return done
        with transaction.atomic():
            Webhook.objects.filter(batch_id=pk).update(body=b"")
            Batch.objects.filter(pk=pk).update(finish_uri=b"", download_uri=b"")
        done += 1
    return done


def _wipe_hooks(before: datetime) -> int:
    """Hooks that led to no batch: other events, and what could not be read."""
    over = Webhook.objects.filter(received_at__lt=before, batch__isnull=True, due_at__isnull=True).exclude(body=b"")
    return Webhook.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:AT_ONCE])).update(body=b"")
