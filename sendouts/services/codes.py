"""Pools of promo codes, as seen by one batch or by batches of one sendout that are screened together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.utils import timezone

from actions.codes import draw
from actions.codes.models import CodePool
from actions.codes.refill import refill
from actions.contract import Codes, Contact, Context


class Pools(Codes):
    """Draws codes for the contacts' batches; `batch_number` is the batch that uses the codes."""

    def __init__(self, batch_number: int, context: Context) -> None:
        self._batch_number = batch_number
        self._context = context

    def reserve(self, pool: str, contacts: Sequence[Contact]) -> Sequence[str]:
        found = draw.pool_named(pool, self._context.project)
        holders = [draw.holder_of(contact.batch_number, contact.id) for contact in contacts]
        by_batch: dict[int, list[UUID]] = defaultdict(list)
        for contact, holder in zip(contacts, holders, strict=True):
            by_batch[contact.batch_number].append(holder)
        codes: dict[UUID, str] = {}
        for number, these in by_batch.items():
            codes |= self._reserve(found, number, these)
        return [codes.get(holder, "") for holder in holders]

    def _reserve(self, pool: CodePool, number: int, holders: Sequence[UUID]) -> Mapping[UUID, str]:
        wanted = len(set(holders))
        more = pool.source == CodePool.Source.SERVICE
        codes = draw.reserve(pool, number, holders)
        while more and len(codes) < wanted:
            more = refill(pool, wanted - len(codes), self._context).more
            codes = draw.reserve(pool, number, holders)
        return codes

    def use(self, pool: str, codes: Mapping[str, str]) -> None:
        found = draw.pool_named(pool, self._context.project)
        number = self._batch_number
        held = {draw.holder_of(number, contact_id): code for contact_id, code in codes.items()}
        draw.use(found, held, timezone.now())
