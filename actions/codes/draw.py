"""Draws of codes from a pool: reserve in screening, use before writing, give back after the batch.

Every function is idempotent, and safe beside other draws from the same pool. The draws of a batch from a pool lock its
`Draw` row, one after the other. Between batches, rows locked by another transaction are skipped.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from actions.codes.models import CodePool, Draw, PromoCode
from actions.contract import Permanent, Sentences, gettext_noop

# Codes given back in one transaction: on SQLite every other writer waits for it.
AT_ONCE = 2_000


class DrawFailure(Sentences):
    """Why codes cannot be drawn, or used."""

    NO_POOL = "codes.no_pool", gettext_noop("No pool of codes is called “%(name)s” here.")
    ARCHIVED = "codes.archived", gettext_noop("The pool of codes “%(name)s” is archived.")
    NOT_RESERVED = (
        "codes.not_reserved",
        gettext_noop("Some of the codes are not reserved any more. Run the checks again."),
    )


def pool_named(name: str, project: str) -> CodePool:
    """Return the pool that an action of a project may draw from; raise Permanent."""
    pool = CodePool.objects.select_related("project").filter(name=name).first()
    if pool is None or (pool.project is not None and pool.project.name != project):
        raise Permanent(DrawFailure.NO_POOL(name=name))
    if pool.archived:
        raise Permanent(DrawFailure.ARCHIVED(name=name))
    return pool


def holder_of(batch_number: int, contact_id: str) -> UUID:
    """Return the fingerprint of a contact in a batch; a contact that occurs twice in a batch is one holder."""
    digest = hashlib.blake2b(f"{batch_number}:{contact_id}".encode("utf-8", "surrogatepass"), digest_size=16)
    return UUID(bytes=digest.digest())


def reserve(pool: CodePool, batch_number: int, holders: Collection[UUID]) -> dict[UUID, str]:
    """Reserve a code for each holder without one; return the codes of all holders. A missing holder got none.

    1. Take codes that no other transaction has locked, without waiting.
    2. If these are too few, wait for the rest.
    """
    found: dict[UUID, str] = {}
    for waits in (False, True):
        found = _reserve(pool, batch_number, list(dict.fromkeys(holders)), waits=waits)
        if len(found) == len(set(holders)):
            break
    return found


def _reserve(pool: CodePool, batch_number: int, holders: Sequence[UUID], *, waits: bool) -> dict[UUID, str]:
    with transaction.atomic():
        # Only open draws give their codes back; a late reservation opens the draw again.
        draw, _ = Draw.objects.select_for_update().get_or_create(pool=pool, batch_number=batch_number)
        if draw.closed_at is not None:
            Draw.objects.filter(pk=draw.pk).update(closed_at=None)
        found = reserved(pool, holders)
        lacking = [holder for holder in holders if holder not in found]
        if not lacking:
            return found
        # Lock in the order of ids, so that two draws that wait for each other cannot deadlock.
        free = PromoCode.objects.filter(pool=pool, reserved_for__isnull=True).order_by("pk")
        rows = list(free.select_for_update(skip_locked=not waits).values_list("pk", "text")[: len(lacking)])
        taken = list(zip(lacking, rows, strict=False))
        _assign(batch_number, [(pk, holder) for holder, (pk, _) in taken])
    return found | {holder: text for holder, (_, text) in taken}


def _assign(batch_number: int, pairs: Sequence[tuple[int, UUID]]) -> None:
    """Reserve codes, by id, for their holders; the rows are locked."""
    table = PromoCode._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"UPDATE {table} SET reserved_for = %s, holder = new.holder"
                f" FROM unnest(%s::bigint[], %s::uuid[]) AS new (id, holder) WHERE {table}.id = new.id",
                [batch_number, [pk for pk, _ in pairs], [holder for _, holder in pairs]],
            )
        else:
            cursor.executemany(
                f"UPDATE {table} SET reserved_for = %s, holder = %s WHERE id = %s",
                [(batch_number, holder.hex, pk) for pk, holder in pairs],
            )


def reserved(pool: CodePool, holders: Sequence[UUID]) -> dict[UUID, str]:
    """Return the codes of these holders."""
    rows = PromoCode.objects.filter(pool=pool, holder__in=holders).values_list("holder", "text")
    return {holder: text for holder, text in rows if holder is not None}


def use(pool: CodePool, codes: Mapping[UUID, str], now: datetime) -> None:
    """Mark codes as used before they are written, in the caller's transaction; raise Permanent if one is unreserved."""
    rows = list(PromoCode.objects.filter(pool=pool, holder__in=list(codes)).values_list("pk", "holder", "text"))
    found = {holder: text for _, holder, text in rows if holder is not None}
    if found != codes:
        raise Permanent(DrawFailure.NOT_RESERVED())
    PromoCode.objects.filter(pk__in=[pk for pk, _, _ in rows], used_at__isnull=True).update(used_at=now)


def count_as_used(now: datetime) -> int:
    """Mark every reserved code as used, so that none is given back; return their number.

    After a restore: each may have been written since the backup.
    """
    return PromoCode.objects.filter(reserved_for__isnull=False, used_at__isnull=True).update(used_at=now)


def give_back(draw_ids: Sequence[int]) -> int:
    """Free the unused codes of ended batches, and close their draws; return the number of codes."""
    freed = 0
    while True:
        with transaction.atomic():
            draws = list(
                Draw.objects.select_for_update().filter(pk__in=draw_ids, closed_at__isnull=True).order_by("pk")
            )
            rows = PromoCode.objects.filter(reserved_for__in={draw.batch_number for draw in draws})
            unused = rows.filter(used_at__isnull=True, pool__in={draw.pool_id for draw in draws}).order_by("pk")
            ids = list(unused.values_list("pk", flat=True)[:AT_ONCE])
            if not ids:
                _close(draws)
                return freed
            PromoCode.objects.filter(pk__in=ids).update(reserved_for=None, holder=None)
        freed += len(ids)


def _close(draws: Sequence[Draw]) -> None:
    taken = PromoCode.objects.filter(reserved_for=OuterRef("batch_number"), pool=OuterRef("pool"))
    used = taken.order_by().values("pool").annotate(count=Count("pk")).values("count")
    rows = Draw.objects.filter(pk__in=[draw.pk for draw in draws])
    rows.update(closed_at=timezone.now(), used=Coalesce(Subquery(used), 0))


def forget_holders(*batch_numbers: int) -> None:
    """Forget the holders of the codes of batches, in the caller's transaction; used codes stay used."""
    drawn = Draw.objects.filter(batch_number__in=batch_numbers).values_list("pool", "batch_number")
    for pool_id, batch_number in drawn:
        PromoCode.objects.filter(pool=pool_id, reserved_for=batch_number).update(holder=None)
