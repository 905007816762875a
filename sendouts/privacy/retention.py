"""Deletion of expired data: the platform's URIs after some hours, contacts after the retention period.

URIs are keys; after the end of a batch the gateway needs none of them. Decisions, with their author and reason, are
kept for RETENTION_DAYS. Then a file keeps its row and its events, and a single is deleted with everything about it.
A thread beside the sweep repeats `forget`, in sets and in short transactions, until nothing is left.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from actions.codes.draw import forget_holders
from sendouts.models import Batch, Chunk, Decision, Event, KeptDecision, PendingEffect, SharedUri, Webhook
from work import loops

log = structlog.get_logger(__name__)
# Batches, and hooks without a batch, per set.
AT_ONCE = 200
# Rows per transaction: on SQLite it blocks every other writer.
ROWS = 2_000
PAUSE_SECONDS = 60.0
# Tables with rows of contacts, and the column that holds (batch << 32) + row.
_CONTACTS: tuple[tuple[Any, str], ...] = (
    (PendingEffect, "decision_id"),
    (KeptDecision, "id"),
    (SharedUri, "id"),
    (Decision, "id"),
)
_SINGLE = Batch.Source.SINGLE


def start(stop: threading.Event) -> None:
    """Run `forget` in its own thread, once a minute, until `stop` is set."""
    loops.start("retention", lambda: forget(timezone.now(), stop), PAUSE_SECONDS, stop)


def forget(now: datetime, stop: threading.Event | None = None) -> None:
    """Wipe and retire all that is due; return early, between two sets, once `stop` is set."""
    found = {"wiped": 0, "retired": 0, "hooks_wiped": 0, "hooks_deleted": 0}
    stop = stop or threading.Event()
    for name, step in (
        ("wiped", wipe),
        ("retired", retire),
        ("hooks_wiped", wipe_hooks),
        ("hooks_deleted", drop_hooks),
    ):
        while not stop.is_set() and (done := step(now)):
            found[name] += done
    if any(found.values()):
        log.info("forgotten", **found)


def behind(now: datetime) -> dict[str, float]:
    """Return by how many seconds the oldest URI and the oldest contact have outlived their time; 0 if none has."""
    late = {}
    for name, (rows, before) in {"uris": _to_wipe(now), "contacts": _to_retire(now)}.items():
        oldest = rows.aggregate(oldest=Min("ended_at"))["oldest"]
        late[name] = (before - oldest).total_seconds() if oldest else 0.0
    return late


def wipe(now: datetime) -> int:
    """Wipe the URIs of one set of ended batches, earliest end first; return the number of batches.

    Each batch's own URIs go last and mark it as wiped.
    """
    files, singles = _split(_to_wipe(now)[0])
    for pk in files:
        for start, end in _spans(pk):
            Decision.objects.filter(pk__gte=start, pk__lt=end).exclude(uri=b"").update(uri=b"")
    for rows in _sets(Decision.objects.exclude(uri=b""), "id", singles):
        rows.update(uri=b"")
    with transaction.atomic():
        Webhook.objects.filter(batch_id__in=files + singles).exclude(body=b"").update(body=b"")
        Batch.objects.filter(pk__in=files + singles).update(finish_uri=b"", download_uri=b"")
    return len(files) + len(singles)


def retire(now: datetime) -> int:
    """Delete the contacts of one set of batches that ended before the retention period; return the number of batches.

    Singles are deleted whole, with their hooks and events.
    """
    files, singles = _split(_to_retire(now)[0])
    for pk in files:
        for start, end in _spans(pk):
            with transaction.atomic():
                for model, key in _CONTACTS:
                    model.objects.filter(**{f"{key}__gte": start, f"{key}__lt": end}).delete()
        with transaction.atomic():
            Chunk.objects.filter(batch_id=pk).delete()
            forget_holders(pk)
            Webhook.objects.filter(batch_id=pk).update(body=b"")
            Batch.objects.filter(pk=pk).update(finish_uri=b"", download_uri=b"", retired_at=now)
    for model, key in _CONTACTS:
        for rows in _sets(model.objects.all(), key, singles):
            rows.delete()
    if singles:
        with transaction.atomic(), _record_door(singles):
            forget_holders(*singles)
            # Only the events of retired singles may be deleted.
            Batch.objects.filter(pk__in=singles).update(retired_at=now)
            Event.objects.filter(batch_id__in=singles).delete()
            Webhook.objects.filter(batch_id__in=singles).delete()
            Batch.objects.filter(pk__in=singles).delete()
    return len(files) + len(singles)


def wipe_hooks(now: datetime) -> int:
    """Wipe one set of hooks that led to no batch: other events, and unreadable bodies."""
    over = _without_batch(now - timedelta(hours=settings.URI_RETENTION_HOURS)).exclude(body=b"")
    return Webhook.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:AT_ONCE])).update(body=b"")


def drop_hooks(now: datetime) -> int:
    """Delete one set of hooks that led to no batch."""
    over = _without_batch(now - timedelta(days=settings.RETENTION_DAYS))
    return Webhook.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:ROWS])).delete()[0]


@contextmanager
def _record_door(batch_ids: Sequence[int]) -> Iterator[None]:
    """Let this transaction delete the events of these retired singles; triggers refuse every other DELETE (0004)."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL sendgate.retention = 'open'")
            yield
            cursor.execute("SET LOCAL sendgate.retention = ''")
        else:
            cursor.executemany("INSERT INTO sendouts_record_door VALUES (%s)", [(pk,) for pk in batch_ids])
            yield
            cursor.execute("DELETE FROM sendouts_record_door")


def _to_wipe(now: datetime) -> tuple[QuerySet[Batch], datetime]:
    before = now - timedelta(hours=settings.URI_RETENTION_HOURS)
    return Batch.objects.filter(ended_at__lt=before).exclude(finish_uri=b""), before


def _to_retire(now: datetime) -> tuple[QuerySet[Batch], datetime]:
    before = now - timedelta(days=settings.RETENTION_DAYS)
    return Batch.objects.filter(ended_at__lt=before, retired_at__isnull=True), before


def _without_batch(before: datetime) -> QuerySet[Webhook]:
    return Webhook.objects.filter(received_at__lt=before, batch__isnull=True, due_at__isnull=True)


def _split(batches: QuerySet[Batch]) -> tuple[list[int], list[int]]:
    """Return the ids of the next set: contact files, and singles."""
    found = list(batches.order_by("ended_at").values_list("pk", "source")[:AT_ONCE])
    return [pk for pk, source in found if source != _SINGLE], [pk for pk, source in found if source == _SINGLE]


def _spans(batch_id: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most ROWS keys that together cover everything stored about the contacts of a batch."""
    # A screening that never completed left rows but no total; the highest row is the limit.
    first, end = batch_id << 32, (batch_id + 1) << 32
    highest = [
        model.objects.filter(**{f"{key}__gte": first, f"{key}__lt": end}).order_by(f"-{key}").values_list(key).first()
        for model, key in _CONTACTS
    ]
    last = max((found[0] for found in highest if found is not None), default=first - 1)
    for start in range(first, last + 1, ROWS):
        yield start, start + ROWS


def _sets(rows: QuerySet[Any], key: str, batch_ids: Sequence[int]) -> Iterator[QuerySet[Any]]:
    """Yield the rows of many small batches, at most ROWS at a time.

    The caller changes or deletes each set, so that it is not found again.
    """
    wanted = Q()
    for first, last in _runs(sorted(batch_ids)):
        wanted |= Q(**{f"{key}__gte": first << 32, f"{key}__lt": (last + 1) << 32})
    while wanted and (found := list(rows.filter(wanted).values_list(key, flat=True)[:ROWS])):
        yield rows.filter(**{f"{key}__in": found})


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last number of each run of consecutive numbers."""
    first = previous = None
    for number in numbers:
        if previous is None or number != previous + 1:
            if first is not None and previous is not None:
                yield first, previous
            first = number
        previous = number
    if first is not None and previous is not None:
        yield first, previous
