"""Deletion of expired data: the platform's URIs after some hours, contacts after the retention period.

URIs are keys; after the end of a batch the gateway needs none of them. Decisions, with their author and reason, are
kept for RETENTION_DAYS.
"""

import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from actions.codes.draw import forget_holders
from sendouts.models import Batch, Chunk, Decision, KeptDecision, PendingEffect, Webhook
from sendouts.models.decision import rows_in_steps, rows_of
from sendouts.models.effect import effects_of

log = structlog.get_logger(__name__)
# Batches, and hooks without a batch, per query.
AT_ONCE = 200
# Rows per transaction: on SQLite it blocks every other writer.
ROWS = 2_000
# Longest run of the task; the next run continues.
LONGEST_SECONDS = 300.0


def retire(now: datetime) -> int:
    """Delete decisions and hooks of batches that ended before the retention period; return the number of batches.

    A run that is out of time leaves the rest to the next one.
    """
    before = now - timedelta(days=settings.RETENTION_DAYS)
    until = time.monotonic() + LONGEST_SECONDS
    retired = deleted = 0
    while time.monotonic() < until:
        old = Batch.objects.filter(ended_at__lt=before, retired_at__isnull=True).order_by("ended_at")[:AT_ONCE]
        found = list(old.values_list("pk", flat=True))
        for batch_id in found:
            _retire_batch(batch_id, now)
        others = Webhook.objects.filter(received_at__lt=before, batch__isnull=True, due_at__isnull=True)
        deleted += others.filter(pk__in=list(others.values_list("pk", flat=True)[:5_000])).delete()[0]
        retired += len(found)
        if len(found) < AT_ONCE:
            break
    if retired or deleted:
        log.info("retired", batches=retired, hooks=deleted)
    return retired


def _retire_batch(batch_id: int, now: datetime) -> None:
    with transaction.atomic():
        Decision.objects.filter(rows_of(batch_id)).delete()
        Chunk.objects.filter(batch_id=batch_id).delete()
        PendingEffect.objects.filter(effects_of(batch_id)).delete()
        KeptDecision.objects.filter(batch_id=batch_id).delete()
        forget_holders(batch_id)
        Webhook.objects.filter(batch_id=batch_id).update(body=b"")
        Batch.objects.filter(pk=batch_id).update(finish_uri=b"", download_uri=b"", retired_at=now)


def wipe(now: datetime) -> int:
    """Wipe URIs URI_RETENTION_HOURS after a batch ended, within the time of one run; return the number of batches."""
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
    """Wipe the next batches, earliest end first; each batch's own URIs go last and mark it as wiped."""
    over = Batch.objects.filter(ended_at__lt=before).exclude(finish_uri=b"").order_by("ended_at")
    found = list(over.values_list("pk", flat=True)[:AT_ONCE])
    done = 0
    for pk in found:
        for rows in rows_in_steps(pk, ROWS):
            Decision.objects.filter(rows).exclude(uri=b"").update(uri=b"")
            if time.monotonic() > until:
                return done
        with transaction.atomic():
            Webhook.objects.filter(batch_id=pk).update(body=b"")
            Batch.objects.filter(pk=pk).update(finish_uri=b"", download_uri=b"")
        done += 1
    return done


def _wipe_hooks(before: datetime) -> int:
    """Wipe hooks that led to no batch: other events, and unreadable bodies."""
    over = Webhook.objects.filter(received_at__lt=before, batch__isnull=True, due_at__isnull=True).exclude(body=b"")
    return Webhook.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:AT_ONCE])).update(body=b"")
