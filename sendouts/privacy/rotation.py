"""Key rotation after a change of ENCRYPTION_KEYS: reseal values under the first key, in steps.

Covers batches that have not ended, and hooks that are not planned. Other values are never opened again and will be
wiped. Afterwards the old key can be removed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection, models, transaction

from actions.secrets.encrypted import CannotOpen
from sendouts.models import Batch, Decision, Webhook
from sendouts.models.batch import OPEN
from sendouts.models.decision import rows_of
from sendouts.privacy.sealing import keyring, of_decision, of_download, of_finish, of_hook

# Rows per transaction: it blocks deliveries of the same batch, and on SQLite every other writer.
ROWS = 2_000
Value = tuple[int, bytes | memoryview, bytes]


@dataclass(slots=True)
class Resealed:
    """Number of resealed values, and the batches and hooks with a value that no key opens."""

    values: int = 0
    shut_batches: set[int] = field(default_factory=set)
    shut_hooks: set[int] = field(default_factory=set)


def reseal() -> Resealed:
    """Reseal every value that the first key has not sealed; leave a value that no key opens unchanged."""
    done = Resealed()
    for pk in list(Batch.objects.filter(status__in=OPEN).order_by("pk").values_list("pk", flat=True)):
        _reseal_batch(pk, done)
    unplanned = (Webhook.Outcome.WAITING, Webhook.Outcome.FAILED)
    for pk in list(Webhook.objects.filter(outcome__in=unplanned).order_by("pk").values_list("pk", flat=True)):
        if not _reseal_hooks(Webhook.objects.filter(pk=pk), done):
            done.shut_hooks.add(pk)
    return done


def _reseal_batch(pk: int, done: Resealed) -> None:
    """Reseal rows first, each step under the lock of the batch, which every other writer of its rows also takes."""
    last = Decision.objects.filter(rows_of(pk)).order_by("pk").last()
    rows = last.row + 1 if last is not None else 0
    opened = True
    for first in range(0, rows, ROWS):
        with transaction.atomic():
            if _locked(pk) is None:
                return
            found = Decision.objects.filter(rows_of(pk, first, ROWS)).order_by("pk").values_list("pk", "uri")
            opened &= _move(Decision, "uri", [(row, uri, of_decision(row)) for row, uri in found], done)
    with transaction.atomic():
        batch = _locked(pk)
        if batch is None:
            return
        opened &= _reseal_hooks(Webhook.objects.filter(batch_id=pk), done)
        opened &= _move(Batch, "finish_uri", [(pk, batch.finish_uri, of_finish(batch.delivery_key))], done)
        opened &= _move(Batch, "download_uri", [(pk, batch.download_uri, of_download(batch.delivery_key))], done)
    if not opened:
        done.shut_batches.add(pk)


def _locked(pk: int) -> Batch | None:
    """Lock the batch for the rest of the transaction and return it; None if it has ended."""
    found = Batch.objects.select_for_update().filter(pk=pk, status__in=OPEN)
    return found.only("delivery_key", "finish_uri", "download_uri").first()


def _reseal_hooks(hooks: models.QuerySet[Webhook], done: Resealed) -> bool:
    found = hooks.order_by("pk").values_list("pk", "uuid", "body")
    return _move(Webhook, "body", [(pk, body, of_hook(uuid)) for pk, uuid, body in found], done)


def _move(model: type[models.Model], column: str, values: Iterable[Value], done: Resealed) -> bool:
    """Reseal outdated values unless they changed meanwhile; return False if no key opened one of them."""
    keys = keyring()
    moved = []
    opened = True
    for pk, stored, place in values:
        if keys.is_current(stored):
            continue
        try:
            moved.append((keys.seal_again(stored, place), pk, bytes(stored)))
        except CannotOpen:
            opened = False
    if moved:
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {model._meta.db_table} SET {column} = %s WHERE id = %s AND {column} = %s", moved
            )
            done.values += cursor.rowcount
    return opened
