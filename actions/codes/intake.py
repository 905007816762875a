"""Intake of codes into a pool. Codes that are there already, and those that a shop may take for one, are skipped."""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db import connection, transaction

from actions.codes.codefile import BadCode as BadCode
from actions.codes.codefile import read as read
from actions.codes.models import CODE_LENGTH, CodePool, PromoCode
from actions.names import visible

# Codes stored in one transaction: on SQLite every other writer waits for it.
AT_ONCE = 5_000
MOST = 200_000
# Letters of other scripts, and characters, that look like these.
_LOOKS = str.maketrans(
    {
        **dict(zip("авекмнорстухіјѕӏԁԛԝ", "abekmhopctyxijsldqw", strict=True)),
        **dict(zip("αβεζηικμνορτυχ", "abezhikmnoptyx", strict=True)),
        **dict.fromkeys("‐‑‒–—―−⁃", "-"),
        "o": "0",
        "о": "0",
        "ο": "0",
        "i": "1",
        "l": "1",
        "|": "1",
        "ı": "1",
        "і": "1",
        "ι": "1",
        "ӏ": "1",
    }
)
# A code without any alike in its pool; no folded code begins so.
_ALONE = "="


@dataclass(frozen=True, slots=True)
class TakenIn:
    """How many codes are new, were there already, and were left out since a shop may take them for one in the pool."""

    new: int = 0
    there: int = 0
    left_out: int = 0

    def __add__(self, other: "TakenIn") -> "TakenIn":
        return TakenIn(self.new + other.new, self.there + other.there, self.left_out + other.left_out)


def alike(code: str) -> str:
    """Return what a shop, or a person who types the code, may take it for: without case, spaces and look-alikes."""
    folded = unicodedata.normalize("NFKC", visible(code)).casefold()
    folded = "".join(folded.split()).translate(_LOOKS)
    return folded if len(folded) <= CODE_LENGTH else hashlib.sha256(folded.encode()).hexdigest()


def take_in(pool: CodePool, codes: Iterable[str]) -> int:
    """Store codes; return how many are new. Idempotent."""
    return take_in_all(pool, codes).new


def take_in_all(pool: CodePool, codes: Iterable[str]) -> TakenIn:
    """Store codes, some thousands per transaction; return what became of them. Idempotent."""
    if not pool.exact:
        _complete(pool)
    done = TakenIn()
    left = iter(codes)
    while part := list(dict.fromkeys(islice(left, AT_ONCE))):
        with transaction.atomic():
            done += _store(pool, part)
    if done.new >= AT_ONCE and connection.vendor == "postgresql":
        # Autovacuum would analyse a minute later; until then each query for the next codes sorts all free ones.
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {PromoCode._meta.db_table}")
    return done


def _store(pool: CodePool, part: Sequence[str]) -> TakenIn:
    """Insert in order, so that two transactions that store the same codes wait instead of deadlocking."""
    rows = sorted(((alike(code), code) for code in part), key=lambda row: row[0])
    before = PromoCode.objects.filter(pool=pool, text__in=part).count()
    new = _insert(pool, [("" if pool.exact else same, code) for same, code in rows])
    return TakenIn(new, before, len(part) - before - new)


def _insert(pool: CodePool, rows: Sequence[tuple[str, str]]) -> int:
    table = PromoCode._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"INSERT INTO {table} (pool_id, alike, text) SELECT %s, unnest(%s::text[]), unnest(%s::text[])"
                " ON CONFLICT DO NOTHING",
                [pool.pk, [same for same, _ in rows], [code for _, code in rows]],
            )
        else:
            cursor.executemany(
                f"INSERT INTO {table} (pool_id, alike, text) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                [(pool.pk, same, code) for same, code in rows],
            )
        return int(cursor.rowcount)


def _complete(pool: CodePool) -> None:
    """Fill `alike` of codes that were stored without it; of several that are alike, only the first one gets it."""
    while True:
        with transaction.atomic():
            CodePool.objects.select_for_update().get(pk=pool.pk)
            rows = list(PromoCode.objects.filter(pool=pool, alike="").order_by("pk")[:AT_ONCE])
            if not rows:
                return
            keys = {row.pk: alike(row.text) for row in rows}
            taken = set(
                PromoCode.objects.filter(pool=pool, alike__in=set(keys.values())).values_list("alike", flat=True)
            )
            for row in rows:
                row.alike = keys[row.pk] if keys[row.pk] not in taken else f"{_ALONE}{row.pk}"
                taken.add(row.alike)
            PromoCode.objects.bulk_update(rows, ["alike"], batch_size=500)
