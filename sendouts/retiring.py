"""Contacts are not kept for ever: what is over for longer than the retention period loses its rows."""

import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from actions.drawing import forget_holders
from sendouts.models import Batch, Chunk, Decision, KeptDecision, Message, PendingEffect, Webhook
from sendouts.models.decision import rows_of
from sendouts.models.effect import effects_of

log = structlog.get_logger(__name__)
AT_ONCE = 200
# One run of the task; what is left is done by the next.
LONGEST_SECONDS = 300.0


def retire(now: datetime) -> int:
    """Retire everything that is old, or as much as fits into one run; returns how many batches."""
    retired = 0
    until = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < until:
        done = retire_some(now)
        retired += done
        if done < AT_ONCE:
            break
    return retired


def retire_some(now: datetime) -> int:
    """Delete decisions and hooks of batches that ended before the period, and old messages. Returns how many batches."""
    before = now - timedelta(days=settings.RETENTION_DAYS)
    old = Batch.objects.filter(ended_at__lt=before, retired_at__isnull=True).order_by("ended_at")[:AT_ONCE]
    retired = 0
    for batch_id in list(old.values_list("pk", flat=True)):
        with transaction.atomic():
            Decision.objects.filter(rows_of(batch_id)).delete()
            Chunk.objects.filter(batch_id=batch_id).delete()
            PendingEffect.objects.filter(effects_of(batch_id)).delete()
            KeptDecision.objects.filter(batch_id=batch_id).delete()
            forget_holders(batch_id)
            Webhook.objects.filter(batch_id=batch_id).update(body=b"")
            Batch.objects.filter(pk=batch_id).update(finish_uri=b"", download_uri=b"", retired_at=now)
        retired += 1
    messages = Message.objects.filter(made_at__lt=before).order_by("made_at").values_list("pk", flat=True)[:5_000]
    Message.objects.filter(pk__in=list(messages)).delete()
    others = Webhook.objects.filter(received_at__lt=before, batch__isnull=True, due_at__isnull=True)
    deleted, _ = others.filter(pk__in=list(others.values_list("pk", flat=True)[:5_000])).delete()
    if retired or deleted:
        log.info("retired", batches=retired, hooks=deleted)
    return retired
