"""Which URIs and hooks to seal again after a change of ENCRYPTION_KEYS, in steps.

Covers batches that have not ended, and hooks that are not planned. Other values are never opened again and will be
wiped. Afterwards the old key can be removed.
"""

from dataclasses import dataclass, field

from django.db import models, transaction

from actions.secrets.keys import Stored, rotate
from sendouts.models import Batch, Decision, Spool, Webhook
from sendouts.models.batch import OPEN
from sendouts.models.decision import rows_in_steps
from sendouts.privacy.sealing import of_decision, of_download, of_finish, of_hook, of_spool

# Rows per transaction: it blocks deliveries of the same batch, and on SQLite every other writer.
ROWS = 2_000


@dataclass(slots=True)
class Resealed:
    """Number of resealed values, and the batches and hooks with a value that no key opens."""

    values: int = 0
    shut_batches: set[int] = field(default_factory=set)
    shut_hooks: set[int] = field(default_factory=set)

    def rotate(self, model: type[models.Model], column: str, values: list[tuple[int, Stored, bytes]]) -> bool:
        """Reseal these values; return False if no key opens one of them."""
        done, shut = rotate(model, column, values)
        self.values += done
        return not shut

    def rotate_hooks(self, hooks: models.QuerySet[Webhook]) -> bool:
        found = hooks.order_by("pk").values_list("pk", "uuid", "body")
        return self.rotate(Webhook, "body", [(pk, body, of_hook(uuid)) for pk, uuid, body in found])

    def rotate_batch(self, pk: int) -> None:
        """Reseal rows first, each step under the lock of the batch, which every other writer of its rows also takes."""
        opened = True
        for rows in rows_in_steps(pk, ROWS):
            with transaction.atomic():
                if _lock(pk) is None:
                    return
                found = Decision.objects.filter(rows).order_by("pk").values_list("pk", "uri")
                opened &= self.rotate(Decision, "uri", [(row, uri, of_decision(row)) for row, uri in found])
        with transaction.atomic():
            batch = _lock(pk)
            if batch is None:
                return
            opened &= self.rotate_hooks(Webhook.objects.filter(batch_id=pk))
            opened &= self.rotate(Batch, "finish_uri", [(pk, batch.finish_uri, of_finish(batch.delivery_key))])
            opened &= self.rotate(Batch, "download_uri", [(pk, batch.download_uri, of_download(batch.delivery_key))])
            # The keys of its contact file; the file itself stays as it is.
            for column in ("sealed", "earlier_sealed", "offered_sealed"):
                kept = Spool.objects.filter(pk=pk).values_list(column, flat=True)
                opened &= self.rotate(Spool, column, [(pk, sealed, of_spool(pk)) for sealed in kept])
        if not opened:
            self.shut_batches.add(pk)


def reseal() -> Resealed:
    """Reseal every value that the first key has not sealed; leave a value that no key opens unchanged."""
    done = Resealed()
    for pk in list(Batch.objects.filter(status__in=OPEN).order_by("pk").values_list("pk", flat=True)):
        done.rotate_batch(pk)
    unplanned = (Webhook.Outcome.WAITING, Webhook.Outcome.FAILED)
    for pk in list(Webhook.objects.filter(outcome__in=unplanned).order_by("pk").values_list("pk", flat=True)):
        if not done.rotate_hooks(Webhook.objects.filter(pk=pk)):
            done.shut_hooks.add(pk)
    return done


def _lock(pk: int) -> Batch | None:
    """Lock the batch for the rest of the transaction and return it; None if it has ended."""
    found = Batch.objects.select_for_update().filter(pk=pk, status__in=OPEN)
    return found.only("delivery_key", "finish_uri", "download_uri").first()
