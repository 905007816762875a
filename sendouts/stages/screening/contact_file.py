"""Screen a contact file: stream it once, and store it in chunks together with the verdicts."""

import hashlib
import time
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from actions.secrets.keys import CannotOpen, keyring
from sendouts import lifecycle
from sendouts.deadlines import screening_ends
from sendouts.models import Attention, Batch, Chunk, EventWord, Status
from sendouts.models.attention import AttentionData
from sendouts.models.counts import sum_failures, sum_reasons
from sendouts.privacy import sealing
from sendouts.services.hosts import platform
from sendouts.stages import effects
from sendouts.stages.screening import own_decisions
from sendouts.stages.screening.judge import Judge, Judged, complete
from sendouts.stages.storage import insert_decisions, insert_effects
from sendouts.symplify import client
from sendouts.symplify.client import PermanentFailure, RetryableFailure
from sendouts.symplify.items import ItemReader, Row, canonical
from work import claims
from work.retry import backoff

log = structlog.get_logger(__name__)
# Downloads of a file without a proven end before it is escalated.
FILE_TRIES = 3
# After this time a file yields to waiting ones. Its next turn downloads it again and skips the stored rows.
TURN_SECONDS = 30.0
WAITING = timedelta(seconds=1)
# After the last chunk; no chunk of the reader is empty.
_END: list[list[Row]] = [[]]
_COUNTS = ("accepted", "rejected", "undecided", "unread")


class FileChanged(Exception):
    """The second download differs from the rows stored from the first."""


class TurnOver(Exception):
    """The batch has used up its turn while others wait."""


class NotProven(Exception):
    """The file ended without a proof of completeness."""


def screen_file(claim: claims.Claim, batch: Batch, now: datetime) -> None:
    """Screen a planned batch with a contact file, or store the failure and the time of the retry."""
    last_try = batch.attempts + 1 >= FILE_TRIES
    try:
        _screen(claim, batch, now, keep_broken=last_try)
    except CannotOpen:
        lifecycle.cannot_open(batch.pk, now=now, claim=claim)
    except TurnOver:
        # It is due again behind the batches that are due already.
        lifecycle.look_again(batch.pk, claim=claim)
        log.info("let_others_go_first", batch=batch.pk)
    except FileChanged:
        _start_over(claim, batch, now)
    except NotProven:
        lifecycle.look_again(batch.pk, claim=claim, pause=backoff(batch.attempts + 1), failed=True)
    except RetryableFailure as problem:
        pause = max(backoff(batch.attempts + 1), timedelta(seconds=problem.retry_after or 0))
        data: AttentionData = {"status": problem.status}
        if problem.held:
            data["held"] = True
        lifecycle.schedule_retry(batch, Attention.NO_DOWNLOAD, now=now, claim=claim, pause=pause, data=data)
    except client.NotAllowed as problem:
        data = {"host": problem.host, "code": problem.code}
        lifecycle.attention(batch.pk, Attention.HOST_NOT_LISTED, now=now, claim=claim, pause=None, data=data)
    except PermanentFailure as problem:
        data = {"status": problem.status}
        lifecycle.attention(batch.pk, Attention.NO_DOWNLOAD, now=now, claim=claim, pause=None, data=data)


def _screen(claim: claims.Claim, batch: Batch, now: datetime, *, keep_broken: bool) -> None:
    started = time.monotonic()
    size = batch.chunk_rows or settings.CHUNK_ROWS
    if not batch.chunk_rows:
        Batch.objects.filter(pk=batch.pk, claim_id=claim.id).update(chunk_rows=size)
    stored = dict(Chunk.objects.filter(batch=batch).values_list("number", "digest"))
    uri = keyring().open(batch.download_uri, sealing.of_download(batch.delivery_key)).decode()
    judge = Judge(batch, tick=claim.keep)
    kept = bool(own_decisions.batches_with([batch.pk]))
    seconds = (screening_ends(batch.received_at, batch.deadline) - timezone.now()).total_seconds()
    with client.open_contacts(platform(), uri, seconds=seconds) as download:
        encoding, proves_end = download.content_encoding, download.proves_end
        reader = ItemReader(download.blocks(), content_encoding=encoding, transport_proves_end=proves_end)
        digest = hashlib.sha256()
        number = -1
        for number, (rows, following) in enumerate(pairwise(chain(reader.chunks(size), _END))):
            last = not following
            digest.update(canonical(rows))
            if number in stored:
                if bytes(stored[number]) != digest.digest():
                    raise FileChanged
                continue
            if last and not reader.complete and not keep_broken:
                raise NotProven
            first = batch.first_decision + number * size
            judged = judge.judge(rows, range(first, first + len(rows)))
            own = own_decisions.apply(batch.pk, judged.decisions) if kept else None
            if own is not None:
                judged = judged._replace(decisions=own.decisions)
            _store_chunk(claim, batch.pk, number, judged, digest.digest(), download.share, own)
            if not last and time.monotonic() - started > TURN_SECONDS and _are_others_due(batch.pk):
                raise TurnOver
        if len(stored) > number + 1:
            raise FileChanged
        if not reader.complete and not keep_broken:
            raise NotProven
        _finish(claim, batch, reader, now)


def _are_others_due(batch_id: int) -> bool:
    """Return whether another, unclaimed contact file has been due for longer than a nudge takes."""
    since = timezone.now() - WAITING
    files = Batch.objects.filter(claims.free(), source=Batch.Source.BATCH, due_at__lte=since)
    return files.exclude(pk=batch_id).exclude(status=Status.IN_REVIEW).exists()


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


def _finish(claim: claims.Claim, batch: Batch, reader: ItemReader, now: datetime) -> None:
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
    with transaction.atomic():
        claim.extend([batch.pk])
        prepared = {batch.pk: effects.count_prepared(batch)}
        complete(claim, [batch], {batch.pk: columns}, prepared, now, decided=[batch.pk])


def _find_trouble(batch: Batch, reader: ItemReader) -> tuple[str, AttentionData]:
    """Return the attention that the file needs, most serious first; a problem found by planning stays."""
    if not reader.complete:
        return Attention.NO_PROVEN_END, {"code": reader.broken, "rows": reader.rows, "format": reader.format}
    if reader.unread and reader.first_problem:
        code, place = reader.first_problem
        return Attention.UNREAD_ROWS, {"rows": reader.unread, "code": code, "place": place, "format": reader.format}
    return lifecycle.found_in_hook(batch)


def _start_over(claim: claims.Claim, batch: Batch, now: datetime) -> None:
    """Delete the stored rows and screen from the start, once. A file that changes again is escalated."""
    if batch.restarts:
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
