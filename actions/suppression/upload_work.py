"""Uploads for suppression lists, read into entries: a stage beside those of a batch, and worked on like them."""

import time
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from actions.models import SuppressionList, SuppressionUpload
from actions.suppression import read as suppression_read
from actions.suppression.csvfile import NotReadable
from work import claims
from work.retry import backoff

log = structlog.get_logger(__name__)
# After so long others that wait go first: the workers are those of the contact files, which have deadlines.
TURN_SECONDS = 10.0
# An upload that fails so often, without getting any further, is given up.
FAILURES = 3
Error = SuppressionUpload.Error


def read(upload_ids: Sequence[int]) -> None:
    """Claim those of the uploads that are due and free, and read each for one turn at most."""
    for pk in upload_ids:
        claim = claims.take(SuppressionUpload, [pk])
        if claim.ids:
            try:
                _turn(claim, pk)
            finally:
                claim.release()
        for suspect in claim.suspects:
            with claims.alone(SuppressionUpload, suspect) as one:
                if one.ids:
                    _turn(one, suspect)


def _turn(claim: claims.Claim, pk: int) -> None:
    upload = SuppressionUpload.objects.select_related("suppression_list").get(pk=pk)
    try:
        if claim.deaths >= claims.DEATHS:
            log.error("worker_died", upload=pk, deaths=claim.deaths)
            _end(claim, upload, Error.UNEXPECTED)
        else:
            _read_or_fail(claim, upload)
    except claims.ClaimLost:
        # Somebody else has taken over; what was not committed is theirs to do.
        log.warning("claim_lost", upload=pk)


def _read_or_fail(claim: claims.Claim, upload: SuppressionUpload) -> None:
    try:
        _read(claim, upload)
    except NotReadable as problem:
        _end(claim, upload, Error(problem.code))
    except SuppressionList.DoesNotExist:
        _end(claim, upload, Error.ARCHIVED)
    except (OperationalError, InterfaceError, claims.ClaimLost):
        raise
    except Exception as error:
        _failed(claim, upload, error)


def _read(claim: claims.Claim, upload: SuppressionUpload) -> None:
    until = time.monotonic() + TURN_SECONDS
    for part in suppression_read.parts(upload, settings.CHUNK_ROWS):
        now = timezone.now()
        with transaction.atomic():
            claim.extend([upload.pk], progress=True)
            # Due as of now: behind what else waits.
            suppression_read.store(upload, part, now)
        if time.monotonic() > until:
            return
    _end(claim, upload)


def _end(claim: claims.Claim, upload: SuppressionUpload, error: str = "") -> None:
    with transaction.atomic():
        claim.extend([upload.pk])
        suppression_read.end(upload, timezone.now(), error)
    log.info("upload_ended", upload=upload.pk, list=upload.suppression_list_id, error=str(error))


def _failed(claim: claims.Claim, upload: SuppressionUpload, error: Exception) -> None:
    """Try again later, some times. What the error says may hold an entry, and stays out of the log."""
    attempts = SuppressionUpload.objects.values_list("attempts", flat=True).get(pk=upload.pk) + 1
    log.error("upload_failed", upload=upload.pk, attempts=attempts, error=type(error).__name__)
    if attempts >= FAILURES:
        _end(claim, upload, Error.UNEXPECTED)
        return
    with transaction.atomic():
        claim.extend([upload.pk])
        later = timezone.now() + backoff(attempts, first=2)
        SuppressionUpload.objects.filter(pk=upload.pk).update(attempts=attempts, due_at=later)
