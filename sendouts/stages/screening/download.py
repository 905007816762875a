"""Download contact files, each once and at once, into the spool; remove those of ended batches.

A lane of its own, so that a file does not wait for screening, and no download is open while screening waits. Screening
reads behind the writer.
"""

import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from actions.secrets.keys import CannotOpen, keyring
from outbound.download import BrokenDownload, Download
from sendouts import lifecycle
from sendouts.deadlines import screening_ends
from sendouts.models import Batch, Spool, Status
from sendouts.models.attention import AttentionData
from sendouts.privacy import sealing
from sendouts.services.hosts import platform
from sendouts.spool import spooled
from sendouts.spool.bucket import StorageAway
from sendouts.spool.offers import OfferState
from sendouts.spool.spooled import Description, LostFile, SpoolWriter
from sendouts.stages.screening import compare_offer
from sendouts.symplify import client
from work import claims
from work.nudges import nudge
from work.retry import backoff

log = structlog.get_logger(__name__)
# Downloads in succession that end before the end of the file, and no later than those before, until people are told.
FILE_TRIES = 3
# Statuses of a link that worked before and has expired.
EXPIRED = frozenset({401, 403, 404, 410})
# A download that takes longer is screened while it runs.
QUICK_SECONDS = 0.05
# Tries, for about a minute, until a file is read from the platform because its storage is away.
STORAGE_TRIES = 8
# How often a download checks whether its batch is still open and whether there is room.
CHECK_SECONDS = 2.0


class Over(Exception):
    """The batch has ended, so nobody needs its file."""


class Full(Exception):
    """The spool or its disk has no room."""


def load(claim: claims.Claim, ids: Sequence[int]) -> list[int]:
    """Download the files of claimed rows, or remove them; return the batches that can be screened."""
    found = Spool.objects.filter(claims.due(), claim_id=claim.id, pk__in=ids).select_related("batch")
    for row in list(found):
        try:
            if row.state == Spool.State.OVER or not row.batch.is_open:
                raise Over
            if row.offered.get("state") == OfferState.CHECKING:
                compare_offer.check(claim, row)
            if row.state == Spool.State.LOADING:
                _load(claim, row, timezone.now())
        except Over:
            spooled.remove(row)
    return list(Spool.objects.filter(pk__in=ids, due_at__isnull=True).values_list("pk", flat=True))


def escalate(claim: claims.Claim, pk: int, error: Exception | None) -> None:
    """Leave a file on which workers died, or that failed for a reason of ours, to screening."""
    row = Spool.objects.select_related("batch").get(pk=pk)
    if row.offered.get("state") == OfferState.CHECKING:
        compare_offer.give_up(claim, row)
        return
    _store(claim, row, state=Spool.State.STREAMED, due_at=None)
    log.error("spool_given_up", batch=pk, error=type(error).__name__ if error else "")


def _load(claim: claims.Claim, row: Spool, now: datetime) -> None:
    batch = row.batch
    try:
        uri = keyring().open(batch.download_uri, sealing.of_download(batch.delivery_key)).decode()
        size, frames, received, about = _find_part(row)
    except CannotOpen:
        _store(claim, row, due_at=claims.due_in(lifecycle.KEY_PAUSE), failure={"code": "key_missing"})
        return
    except StorageAway as away:
        _wait_for_storage(claim, row, away)
        return
    seconds = (screening_ends(batch.received_at, batch.deadline) - now).total_seconds()
    try:
        store = spooled.store()
        if not store.has_room():
            raise Full
        part = client.KnownPart(received, about.headers) if about else None
        with client.open_contacts(platform(), uri, seconds=seconds, part=part, block=store.block) as download:
            if about is None or not download.resumed:
                about, size, frames, received = _begin(claim, row, download), 0, 0, 0
            _write(claim, row, download, SpoolWriter(row.token, about, size, frames, received))
    except StorageAway as away:
        _wait_for_storage(claim, row, away)
    except (Full, OSError) as error:
        # OSError: the disk is full or broken. Errors of the network have types of their own.
        log.error("spool_full", batch=row.pk, error=type(error).__name__)
        _stream(claim, row)
    except client.DownloadFailed as problem:
        _fail(claim, row, problem)


def _wait_for_storage(claim: claims.Claim, row: Spool, away: StorageAway) -> None:
    """Try again when the storage may be back; after a minute, leave the file to screening."""
    attempts = row.attempts + 1
    log.warning("spool_away", batch=row.pk, code=away.code, attempts=attempts)
    if attempts < STORAGE_TRIES:
        _store(claim, row, wake=False, due_at=claims.due_in(backoff(attempts)), attempts=attempts)
    else:
        _stream(claim, row)


def _stream(claim: claims.Claim, row: Spool) -> None:
    """Leave a file that cannot be kept to screening, which reads it from the platform."""
    for token in filter(None, (row.token, row.earlier_token)):
        spooled.discard(token)
    nothing: dict[str, Any] = {"token": "", "sealed": b"", "earlier_token": "", "earlier_sealed": b""}
    _store(claim, row, state=Spool.State.STREAMED, due_at=None, **nothing)


def _find_part(row: Spool) -> tuple[int, int, int, Description | None]:
    """Return bytes, frames, plain bytes and description of what is kept; raise CannotOpen, StorageAway."""
    if not row.token:
        return 0, 0, 0, None
    about = Description.open(row.sealed, row.pk)
    try:
        return (*spooled.measure(row.token, about), about)
    except LostFile:
        return 0, 0, 0, None


def _begin(claim: claims.Claim, row: Spool, download: Download) -> Description:
    """Name a new file in the row before it exists, so that no file is without a row."""
    about, before = Description.make(download.headers), row.token
    row.token, row.sealed = secrets.token_hex(16), about.seal(row.pk)
    _store(claim, row, token=row.token, sealed=row.sealed, wake=False)
    if before:
        spooled.discard(before)
    return about


def _write(claim: claims.Claim, row: Spool, download: Download, writer: SpoolWriter) -> None:
    """Write what comes, and store how it ended."""
    began = checked = time.monotonic()
    told = False
    broken = ""
    try:
        for block in download.blocks():
            writer.append(block)
            now = time.monotonic()
            if not told and now - began > QUICK_SECONDS:
                told = True
                _wake(row.pk)
                nudge("files", [row.pk])
            if now - checked > CHECK_SECONDS:
                checked = now
                _check(claim, row)
    except BrokenDownload as error:
        broken = error.word
    except BaseException:
        writer.close()
        raise
    _end(claim, row, writer, broken, proven=not broken and download.proves_end())


def _check(claim: claims.Claim, row: Spool) -> None:
    claim.keep()
    if not Spool.objects.filter(pk=row.pk, state=Spool.State.LOADING).exists():
        raise Over
    if not spooled.store().has_room():
        raise Full


def _end(claim: claims.Claim, row: Spool, writer: SpoolWriter, broken: str, *, proven: bool) -> None:
    further = writer.received > row.reached
    tries = 1 if further and broken else row.tries + 1
    reached = max(row.reached, writer.received)
    if broken and tries < FILE_TRIES:
        log.warning("download_cut", batch=row.pk, word=broken, received=writer.received, tries=tries)
        writer.close()
        _store(claim, row, due_at=claims.due_in(backoff(tries)), tries=tries, reached=reached)
        return
    writer.end(proven=proven, broken=broken)
    writer.close()
    columns: dict[str, Any] = {"state": Spool.State.COMPLETE, "due_at": None, "failure": {}, "attempts": 0}
    _store(claim, row, tries=tries, reached=reached, earlier_token="", earlier_sealed=b"", **columns)
    if row.earlier_token:
        spooled.discard(row.earlier_token)
    log.info("downloaded", batch=row.pk, bytes=writer.received, proven=proven)


def _fail(claim: claims.Claim, row: Spool, problem: client.DownloadFailed) -> None:
    """Store a download that was not given: when to retry, or that people must act."""
    attempts = row.attempts + 1
    data = describe(problem, worked=bool(row.token))
    retried = isinstance(problem, client.RetryableFailure)
    if row.earlier_token and (not retried or attempts >= lifecycle.QUIET_ATTEMPTS):
        # Another download was tried, and is not to be had: what came at first is all there is.
        earlier: dict[str, Any] = {
            "token": row.earlier_token,
            "sealed": row.earlier_sealed,
            "earlier_token": "",
            "earlier_sealed": b"",
        }
        _store(claim, row, state=Spool.State.COMPLETE, due_at=None, tries=FILE_TRIES, failure=data, **earlier)
        if row.token:
            spooled.discard(row.token)
    elif retried:
        pause = max(backoff(attempts), timedelta(seconds=problem.retry_after or 0))
        _store(claim, row, due_at=claims.due_in(pause), attempts=attempts, failure=data)
    else:
        _store(claim, row, state=Spool.State.FAILED, due_at=None, failure=data)


def describe(problem: client.DownloadFailed, *, worked: bool = False) -> AttentionData:
    """Return the data for people. `worked`: the same link gave the file before."""
    if isinstance(problem, client.NotAllowed):
        return {"host": problem.host, "code": problem.code}
    data: AttentionData = {"status": problem.status}
    if problem.held:
        data["held"] = True
    if problem.expired or (worked and problem.status in EXPIRED):
        data["expired"] = True
    return data


def _store(claim: claims.Claim, row: Spool, *, wake: bool = True, **columns: Any) -> None:
    """Change the row while its batch needs it, and have the batch look at it; raise Over."""
    with transaction.atomic():
        claim.extend([row.pk], progress=True)
        if not Spool.objects.filter(pk=row.pk, state=Spool.State.LOADING).update(**columns):
            raise Over
        if wake:
            _wake(row.pk)


def _wake(batch_id: int) -> None:
    """Make a batch due that waits for its file; one that waits for a person stays as it is."""
    Batch.objects.filter(pk=batch_id, status=Status.PLANNED, due_at__gt=Now()).update(due_at=claims.due_in())
