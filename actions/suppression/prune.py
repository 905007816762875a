"""Deletion of expired entries, entries of archived lists, and uploads that were never completed."""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from actions.suppression.models import SuppressionEntry, SuppressionList, SuppressionPiece, SuppressionUpload

# Bound on one run; the next run continues.
LONGEST_SECONDS = 120.0
# After this silence the browser will not resume the upload.
FORSAKEN = timedelta(days=1)


def prune(now: datetime) -> int:
    """Delete expired data, as far as one run allows; return the number of entries."""
    until = time.monotonic() + LONGEST_SECONDS
    deleted = 0
    for found in SuppressionList.objects.all():
        over = Q(suppression_list=found) if found.archived else Q(suppression_list=found, expires_at__lte=now)
        while time.monotonic() < until and (some := _delete_some(found.pk, over)):
            deleted += some
    _forget_uploads(now)
    return deleted


def _delete_some(list_id: int, over: Q) -> int:
    """Delete a few thousand at a time: on SQLite a transaction blocks every other writer."""
    with transaction.atomic():
        SuppressionList.objects.select_for_update().get(pk=list_id)
        ids = list(SuppressionEntry.objects.filter(over).values_list("pk", flat=True)[: settings.CHUNK_ROWS])
        deleted, _ = SuppressionEntry.objects.filter(pk__in=ids).delete()
        SuppressionList.objects.filter(pk=list_id).update(entries=F("entries") - deleted)
    return deleted


def _forget_uploads(now: datetime) -> None:
    """Abandon incomplete uploads. The rows stay, as a record of their senders and files."""
    forsaken = SuppressionUpload.objects.filter(status="receiving", created_at__lt=now - FORSAKEN)
    for pk in forsaken.values_list("pk", flat=True):
        with transaction.atomic():
            SuppressionUpload.objects.filter(pk=pk, status="receiving").update(
                status="failed", error="forsaken", ended_at=now
            )
            SuppressionPiece.objects.filter(upload=pk).delete()
