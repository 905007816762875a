"""What lists no longer need: entries that expired, those of archived lists, and uploads that never came to their end."""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from actions.suppression.models import SuppressionEntry, SuppressionList, SuppressionPiece, SuppressionUpload

# One run; what is left is done by the next.
LONGEST_SECONDS = 120.0
# A browser that sent nothing for so long does not come back.
FORSAKEN = timedelta(days=1)


def prune(now: datetime) -> int:
    """Delete what is over, or as much as fits into one run; returns how many entries."""
    until = time.monotonic() + LONGEST_SECONDS
    deleted = 0
    for found in SuppressionList.objects.all():
        over = Q(suppression_list=found) if found.archived else Q(suppression_list=found, expires_at__lte=now)
        while time.monotonic() < until and (some := _delete_some(found.pk, over)):
            deleted += some
    _forget_uploads(now)
    return deleted


def _delete_some(list_id: int, over: Q) -> int:
    """A few thousand at a time: on SQLite a transaction keeps every other writer waiting."""
    with transaction.atomic():
        SuppressionList.objects.select_for_update().get(pk=list_id)
        ids = list(SuppressionEntry.objects.filter(over).values_list("pk", flat=True)[: settings.CHUNK_ROWS])
        deleted, _ = SuppressionEntry.objects.filter(pk__in=ids).delete()
        SuppressionList.objects.filter(pk=list_id).update(entries=F("entries") - deleted)
    return deleted


def _forget_uploads(now: datetime) -> None:
    """Give up what was never sent to its end. The rows stay: they tell who sent what."""
    forsaken = SuppressionUpload.objects.filter(status="receiving", created_at__lt=now - FORSAKEN)
    for pk in forsaken.values_list("pk", flat=True):
        with transaction.atomic():
            SuppressionUpload.objects.filter(pk=pk, status="receiving").update(
                status="failed", error="forsaken", ended_at=now
            )
            SuppressionPiece.objects.filter(upload=pk).delete()
