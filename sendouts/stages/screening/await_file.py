"""What screening does with a batch whose contact file is not there: when to look again, and what people are told."""

from datetime import datetime, timedelta

from django.db import transaction

from actions.secrets.keys import CannotOpen
from sendouts import lifecycle
from sendouts.models import Attention, Batch, Spool
from sendouts.models.attention import AttentionData
from sendouts.spool import spooled
from sendouts.stages.planning import WAITING_FOR_FILE
from sendouts.symplify.client import DownloadFailed, RetryableFailure
from work import claims
from work.nudges import nudge
from work.retry import backoff


def tell_failure(claim: claims.Claim, batch: Batch, spool: Spool, now: datetime) -> None:
    """Tell people of a download that failed; one that failed for good starts again when they ask for it."""
    data: AttentionData = spool.failure
    if data.get("code") == "key_missing":
        raise CannotOpen
    failed = spool.state == Spool.State.FAILED
    code = Attention.HOST_NOT_LISTED if data.get("host") else Attention.NO_DOWNLOAD
    if not failed and spool.attempts < lifecycle.QUIET_ATTEMPTS:
        await_file(claim, batch)
        return
    with transaction.atomic():
        claim.extend([batch.pk])
        pause = None if failed else _pause_for_file(batch.pk)
        lifecycle.attention(batch.pk, code, now=now, claim=claim, pause=pause, data=data)
        if failed:
            Spool.objects.filter(pk=batch.pk).update(state=Spool.State.LOADING, failure={}, attempts=0)


def await_file(claim: claims.Claim, batch: Batch) -> None:
    """Wait for the download: it makes the batch due. A download that nobody works on begins."""
    with transaction.atomic():
        claim.extend([batch.pk])
        idle = Spool.objects.filter(pk=batch.pk, state=Spool.State.LOADING, due_at__isnull=True)
        begun = idle.update(due_at=claims.due_in())
        lifecycle.look_again(batch.pk, claim=claim, pause=_pause_for_file(batch.pk))
    if begun:
        nudge("downloads", [batch.pk])


def _pause_for_file(batch_id: int) -> timedelta:
    """Return how long a batch waits; the lock on its row orders this before, or after, the end of its download."""
    loading = Spool.objects.filter(pk=batch_id, state=Spool.State.LOADING).exists()
    return WAITING_FOR_FILE if loading else timedelta()


def load_again(claim: claims.Claim, batch: Batch, pause: timedelta) -> None:
    """Have the file downloaded again after a pause."""
    with transaction.atomic():
        claim.extend([batch.pk])
        spooled.load_again(batch.pk, pause)
        lifecycle.look_again(batch.pk, claim=claim, pause=pause + WAITING_FOR_FILE)
    nudge("downloads", [batch.pk])


def store_failure(
    claim: claims.Claim, batch: Batch, data: AttentionData, now: datetime, problem: DownloadFailed
) -> None:
    """Store what a download without spool came to."""
    if isinstance(problem, RetryableFailure):
        pause = max(backoff(batch.attempts + 1), timedelta(seconds=problem.retry_after or 0))
        lifecycle.schedule_retry(batch, Attention.NO_DOWNLOAD, now=now, claim=claim, pause=pause, data=data)
        return
    code = Attention.HOST_NOT_LISTED if data.get("host") else Attention.NO_DOWNLOAD
    lifecycle.attention(batch.pk, code, now=now, claim=claim, pause=None, data=data)


def await_storage(claim: claims.Claim, batch: Batch, now: datetime) -> None:
    """Look again when the storage may be back; after a few tries, people are told."""
    pause, data = backoff(batch.attempts + 1), AttentionData(code="storage_away")
    lifecycle.schedule_retry(batch, Attention.NO_DOWNLOAD, now=now, claim=claim, pause=pause, data=data)
