"""Work of uploads to suppression lists: a lane beside those of batches."""

import time
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from actions.models import SuppressionList, SuppressionUpload
from actions.suppression import read as suppression_read
from actions.suppression.csvfile import NotReadable
from work import claims

log = structlog.get_logger(__name__)
# After this time other due work goes first: the same workers read contact files, which have deadlines.
TURN_SECONDS = 10.0
Error = SuppressionUpload.Error


def read(claim: claims.Claim, upload_ids: Sequence[int]) -> None:
    """Read each of the claimed uploads for one turn at most."""
    for upload in SuppressionUpload.objects.select_related("suppression_list").filter(pk__in=upload_ids):
        try:
            _read(claim, upload)
        except NotReadable as problem:
            _end(claim, upload, Error(problem.code))
        except SuppressionList.DoesNotExist:
            _end(claim, upload, Error.ARCHIVED)


def escalate(claim: claims.Claim, upload_id: int, error: Exception | None) -> None:
    """Abandon an upload on which workers died repeatedly, or which fails without progress."""
    _end(claim, SuppressionUpload.objects.get(pk=upload_id), Error.UNEXPECTED)


def _read(claim: claims.Claim, upload: SuppressionUpload) -> None:
    until = time.monotonic() + TURN_SECONDS
    for part in suppression_read.parts(upload, settings.CHUNK_ROWS):
        now = timezone.now()
        with transaction.atomic():
            claim.extend([upload.pk], progress=True)
            # Due now, and so behind other due work.
            suppression_read.store(upload, part, now)
        if time.monotonic() > until:
            return
    _end(claim, upload)


def _end(claim: claims.Claim, upload: SuppressionUpload, error: str = "") -> None:
    with transaction.atomic():
        claim.extend([upload.pk])
        suppression_read.end(upload, timezone.now(), error)
    log.info("upload_ended", upload=upload.pk, list=upload.suppression_list_id, error=str(error))
