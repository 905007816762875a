"""Screen a contact file: read it once from the spool, and store it in chunks together with the verdicts.

Where there is no room in the spool, it is read from the platform instead.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import Any
from urllib.parse import urljoin

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from actions.plan.merge import words_of
from actions.secrets.keys import CannotOpen, keyring
from outbound.download import Download
from sendouts import lifecycle
from sendouts.deadlines import screening_ends
from sendouts.models import Attention, Batch, Chunk, EventWord, Spool, Status
from sendouts.models.attention import AttentionData
from sendouts.models.batch import ASKING
from sendouts.models.counts import sum_failures, sum_reasons
from sendouts.privacy import sealing
from sendouts.privacy.masking import masked_lines
from sendouts.services.hosts import platform
from sendouts.spool import spooled
from sendouts.spool.bucket import StorageAway
from sendouts.spool.pages import KeptPages
from sendouts.spool.spooled import Behind, LostFile, SpooledFile
from sendouts.stages import callers, effects, review
from sendouts.stages.screening import addresses, await_file, own_decisions, shared_uris
from sendouts.stages.screening.download import FILE_TRIES, STORAGE_TRIES, describe
from sendouts.stages.screening.judge import PATIENCE, Judge, Judged, complete
from sendouts.stages.storage import insert_decisions, insert_effects
from sendouts.symplify import client
from sendouts.symplify.client import DownloadFailed
from sendouts.symplify.items import ItemReader, Row, canonical
from work import claims, priority
from work.retry import backoff

log = structlog.get_logger(__name__)
# After this time a file yields to waiting ones. Its next turn reads it again and skips the stored rows.
TURN_SECONDS = 30.0
WAITING = timedelta(seconds=1)
# A longer file lets smaller batches have the processor first.
LONG_CONTACTS = 20_000

# After the last chunk; no chunk of the reader is empty.
_END: list[list[Row]] = [[]]
_COUNTS = ("accepted", "rejected", "undecided", "unread")


class FileChanged(Exception):
    """The second download differs from the rows stored from the first."""


class TurnOver(Exception):
    """The batch has used up its turn while others wait."""


class NotProven(Exception):
    """The file ended without a proof of completeness."""


def screen_file(claim: claims.Claim, batch: Batch, now: datetime, *, away: bool = False) -> None:
    """Screen a planned batch with a contact file, or store the failure and the time of the retry.

    `away`: the file is kept, and its storage does not answer.
    """
    spool = Spool.objects.filter(pk=batch.pk).first()
    kept = spool is not None and spool.state in {Spool.State.LOADING, Spool.State.COMPLETE} and not away
    tries = spool.tries if kept and spool is not None else 0 if away else batch.attempts + 1
    try:
        if spool is not None and spool.failure and spool.state != Spool.State.COMPLETE:
            await_file.tell_failure(claim, batch, spool, now)
        else:
            _screen(claim, batch, spool if kept else None, now, keep_broken=tries >= FILE_TRIES)
    except CannotOpen:
        lifecycle.cannot_open(batch.pk, now=now, claim=claim)
    except callers.Unanswered as silence:
        callers.put_off([batch], silence.args[0], claim)
        log.info("service_silent", batch=batch.pk)
    except TurnOver:
        # It is due again behind the batches that are due already, or that wait for a caller of their service.
        lifecycle.look_again(batch.pk, claim=claim, pause=2 * callers.ROUND if batch.is_asking else timedelta())
        log.info("let_others_go_first", batch=batch.pk)
    except Behind:
        await_file.await_file(claim, batch)
    except StorageAway as error:
        _wait_for_storage(claim, batch, now, error)
    except LostFile:
        log.error("spool_lost", batch=batch.pk)
        await_file.load_again(claim, batch, timedelta())
    except FileChanged:
        _start_over(claim, batch, now, most=FILE_TRIES if kept else 1)
    except NotProven:
        if kept:
            await_file.load_again(claim, batch, backoff(tries))
        else:
            lifecycle.look_again(batch.pk, claim=claim, pause=backoff(batch.attempts + 1), failed=True)
    except DownloadFailed as problem:
        if away:
            await_file.await_storage(claim, batch, now)
        else:
            await_file.store_failure(claim, batch, describe(problem), now, problem)


def _wait_for_storage(claim: claims.Claim, batch: Batch, now: datetime, error: StorageAway) -> None:
    """Try again when the storage may be back; after a minute, read what is kept there from the platform."""
    spool = Spool.objects.get(pk=batch.pk)
    log.warning("spool_away", batch=batch.pk, code=error.code, attempts=batch.attempts + 1)
    if spool.state == Spool.State.LOADING:
        # The download meets the same storage, and decides.
        await_file.await_file(claim, batch)
    elif batch.attempts + 1 < STORAGE_TRIES or spool.earlier_token:
        # With an earlier file, this one came from a person, and the platform does not have it.
        await_file.await_storage(claim, batch, now)
    else:
        screen_file(claim, batch, now, away=True)


@contextmanager
def _open(claim: claims.Claim, batch: Batch, spool: Spool | None) -> Iterator[Download | SpooledFile]:
    """Open the kept file, or the download of a batch that has none."""
    if spool is None:
        uri = keyring().open(batch.download_uri, sealing.of_download(batch.delivery_key)).decode()
        seconds = (screening_ends(batch.received_at, batch.deadline) - timezone.now()).total_seconds()
        with client.open_contacts(platform(), uri, seconds=seconds) as download:
            yield download
        return
    if not spool.token:
        raise Behind
    waits = spool.state == Spool.State.LOADING and spool.claim_id is not None
    try:
        with spooled.open_file(spool, claim.keep if waits else None) as found:
            yield found
    except LostFile:
        if spool.state == Spool.State.LOADING:
            # Its row is written before the file, and another attempt may have replaced the file.
            raise Behind from None
        raise


def _screen(claim: claims.Claim, batch: Batch, spool: Spool | None, now: datetime, *, keep_broken: bool) -> None:
    started = time.monotonic()
    uri = keyring().open(batch.download_uri, sealing.of_download(batch.delivery_key)).decode()
    judge = Judge(batch, tick=claim.keep, base=uri, patience=PATIENCE)
    size = batch.chunk_rows or judge.chunk_rows(settings.CHUNK_ROWS)
    if not batch.chunk_rows:
        Batch.objects.filter(pk=batch.pk, claim_id=claim.id).update(chunk_rows=size)
    stored = dict(Chunk.objects.filter(batch=batch).values_list("number", "digest"))
    marks = shared_uris.Marks(batch.pk, whole=not stored)
    kept = bool(own_decisions.batches_with([batch.pk]))
    ends = screening_ends(batch.received_at, batch.deadline)
    with _open(claim, batch, spool) as file, _Pages(claim, uri, ends, spool) as pages:
        reader = ItemReader(
            file.blocks(),
            content_encoding=file.content_encoding,
            headers=file.headers,
            transport_proves_end=file.proves_end,
            follow=pages.open_next,
            empty_words=words_of(batch.plan.content),
        )
        digest = hashlib.sha256()
        number = -1
        for number, (rows, following) in enumerate(pairwise(chain(reader.chunks(size), _END))):
            last = not following
            digest.update(canonical(rows))
            if number * size > LONG_CONTACTS:
                priority.lower()
            if number in stored:
                if bytes(stored[number]) != digest.digest():
                    raise FileChanged
                continue
            # A further download of what is mostly unreadable would find the same.
            keep_broken = keep_broken or reader.broken == "mostly_unread"
            if last and not reader.complete and not keep_broken:
                raise NotProven
            first = batch.first_decision + number * size
            judged = judge.judge(rows, range(first, first + len(rows)))
            if judged.waiting:
                raise callers.Unanswered(judged.again_in)
            own = own_decisions.apply(batch.pk, judged.decisions) if kept else None
            if own is not None:
                judged = judged._replace(decisions=own.decisions)
            marks.note(judged.decisions)
            _store_chunk(claim, batch.pk, number, judged, digest.digest(), file.share, own)
            if not last and time.monotonic() - started > TURN_SECONDS and _are_others_due(batch):
                raise TurnOver
        if len(stored) > number + 1:
            raise FileChanged
        if not reader.complete and not keep_broken:
            raise NotProven
        _finish(claim, batch, reader, marks, now)


class _Pages(ExitStack):
    """The further pages of a file: opened one by one under the same guard, and closed together.

    Each is downloaded once, and read from beside the first page. Without room it is read from the platform.
    """

    def __init__(self, claim: claims.Claim, uri: str, ends: datetime, spool: Spool | None) -> None:
        super().__init__()
        self._uri = uri
        self._ends = ends
        self._batch = claim.ids
        self._kept = KeptPages(spool, claim.keep) if spool is not None else None
        self._number = 1

    def open_next(self, place: str) -> Download | SpooledFile:
        """Open the page at a place, which may be relative to the page before."""
        self.close()
        self._uri = place if "://" in place else urljoin(self._uri, place)
        self._number += 1
        if self._kept is not None:
            try:
                if (page := self._kept.find(self._number)) is not None:
                    return self.enter_context(page)
                if self._kept.has_room():
                    with self._download() as download:
                        return self.enter_context(self._kept.keep(self._number, download))
            except OSError as error:
                # The storage may be away, too. Errors of the network have types of their own.
                log.error("spool_full", batches=self._batch, error=type(error).__name__)
        return self.enter_context(self._download())

    def _download(self) -> Download:
        seconds = (self._ends - timezone.now()).total_seconds()
        return client.open_contacts(platform(), self._uri, seconds=seconds)


def _are_others_due(batch: Batch) -> bool:
    """Return whether another, unclaimed contact file has been due for longer than a nudge takes.

    If the batch calls a service, this is about the others that wait for a caller of it.
    """
    files = Batch.objects.filter(claims.free(), source=Batch.Source.BATCH).exclude(pk=batch.pk)
    if batch.is_asking:
        soon = timezone.now() + 2 * callers.ROUND
        return files.filter(ASKING, service=batch.service, due_at__lte=soon).exists()
    since = timezone.now() - WAITING
    return files.filter(~ASKING, due_at__lte=since).exclude(status=Status.IN_REVIEW).exists()


def _store_chunk(
    claim: claims.Claim,
    batch_id: int,
    number: int,
    judged: Judged,
    digest: bytes,
    share: float,
    own: own_decisions.Reapplied | None,
) -> None:
    with transaction.atomic():
        claim.extend([batch_id], progress=True)
        Chunk.objects.create(
            batch_id=batch_id, number=number, rows=len(judged.decisions), digest=digest, **judged.sums()
        )
        insert_decisions(judged.decisions)
        insert_effects(judged.effects)
        if own is not None:
            own_decisions.store(own)
        # Shown while screening runs; the sums that count are computed at its end.
        seen = {"total": F("total") + len(judged.decisions), "read_share": share}
        Batch.objects.filter(pk=batch_id).update(**seen)


def _finish(claim: claims.Claim, batch: Batch, reader: ItemReader, marks: shared_uris.Marks, now: datetime) -> None:
    """Sum up the chunks and move the batch to `screened`."""
    chunks = Chunk.objects.filter(batch=batch)
    sums: dict[str, Any] = chunks.aggregate(**{name: Sum(name, default=0) for name in _COUNTS})
    parts = list(chunks.order_by("number").values_list("reasons", "failures"))
    attention, data = _find_trouble(batch, reader)
    columns = sums | {
        "total": sum(sums.values()),
        "file_complete": reader.complete,
        "reasons": sum_reasons(reasons for reasons, _ in parts),
        "failures": sum_failures(failures for _, failures in parts),
        "attention": attention,
        "attention_data": data,
    }
    shared = marks.are_shared()
    with transaction.atomic():
        claim.extend([batch.pk])
        if shared and shared_uris.record(batch.pk):
            columns |= review.count_decisions(batch.pk)
        prepared = {batch.pk: effects.count_prepared(batch)}
        invisible = {batch.pk: reader.invisible}
        complete(claim, [batch], {batch.pk: columns}, prepared, now, decided=[batch.pk], invisible=invisible)


def _find_trouble(batch: Batch, reader: ItemReader) -> tuple[str, AttentionData]:
    """Return the attention that the file needs, most serious first; a problem found by planning stays."""
    if not reader.complete:
        data: AttentionData = {"code": reader.broken, "rows": reader.rows, "format": reader.format}
        if reader.broken == "mostly_unread":
            data["example"] = masked_lines(reader.head)
        if reader.names:
            data["names"] = reader.names
        if reader.total:
            data["total"] = reader.total
        if reader.page > 1:
            data["page"] = reader.page
        return Attention.NO_PROVEN_END, data
    refused, first = addresses.find_refused(batch.pk)
    attention, data = addresses.find_trouble(batch, refused, first)
    if attention:
        return attention, data
    if reader.unread and reader.first_problem:
        code, place = reader.first_problem
        data = {"rows": reader.unread, "code": code, "place": place, "format": reader.format}
        if reader.first_text:
            data["text"] = reader.first_text
        if reader.page > 1:
            data["page"] = reader.first_page
        return Attention.UNREAD_ROWS, data
    return lifecycle.found_in_hook(batch)


def _start_over(claim: claims.Claim, batch: Batch, now: datetime, most: int) -> None:
    """Delete the stored rows and screen from the start. A file that changes more often than `most` is escalated."""
    if batch.restarts >= most:
        lifecycle.attention(batch.pk, Attention.FILE_CHANGED, now=now, claim=claim, pause=None, data={})
        return
    with transaction.atomic():
        claim.extend([batch.pk], progress=True)
        lifecycle.forget_screening(batch.pk)
        own_decisions.mark_unapplied(batch.pk)
        batch.refresh_from_db(fields=["revision"])
        again: dict[str, Any] = {"restarts": F("restarts") + 1, "total": 0, "due_at": now}
        lifecycle.change(batch, EventWord.RESTARTED, now=now, **again)
    log.warning("file_changed", batch=batch.pk)
