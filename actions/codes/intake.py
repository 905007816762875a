"""Intake of codes into a pool from a file or a text. Codes that the pool already has are skipped."""

from collections.abc import Iterable, Iterator
from itertools import islice

from django.db import connection, transaction

from actions.codes.models import CODE_LENGTH, CodePool, PromoCode

# Codes stored in one transaction: on SQLite every other writer waits for it.
AT_ONCE = 5_000
MOST = 200_000
HEADERS = frozenset({"code", "codes", "promo_code", "promocode", "coupon", "voucher"})
_SEPARATORS = ";\t,"


class BadCode(ValueError):
    """Not a valid code. `line` is its line, counted from 1; 0 if there are no lines."""

    def __init__(self, line: int = 0) -> None:
        super().__init__(line)
        self.line = line


def clean(text: str, line: int = 0) -> str:
    """Return a code as it is stored; raise BadCode if it is empty, too long or not printable."""
    code = text.strip().strip('"').strip()
    if not code or len(code) > CODE_LENGTH or not code.isprintable():
        raise BadCode(line)
    return code


def read(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the codes of a text or CSV file in UTF-8, one per line; raise BadCode.

    Take the first column, and skip a heading.
    """
    for number, raw in enumerate(lines, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            raise BadCode(number) from None
        if not line:
            continue
        first = line
        for separator in _SEPARATORS:
            first = first.partition(separator)[0]
        if number == 1 and first.strip().strip('"').lower() in HEADERS:
            continue
        yield clean(first, number)


def take_in(pool: CodePool, codes: Iterable[str]) -> int:
    """Store codes, some thousands per transaction; return how many are new. Idempotent."""
    new = 0
    left = iter(codes)
    while part := list(islice(left, AT_ONCE)):
        with transaction.atomic():
            new += _insert(pool, sorted(set(part)))
    if new >= AT_ONCE and connection.vendor == "postgresql":
        # Autovacuum would analyse a minute later; until then each query for the next codes sorts all free ones.
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {PromoCode._meta.db_table}")
    return new


def _insert(pool: CodePool, part: list[str]) -> int:
    """Insert in order, so that two transactions that store the same codes wait instead of deadlocking."""
    table = PromoCode._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"INSERT INTO {table} (pool_id, text) SELECT %s, unnest(%s::text[]) ON CONFLICT DO NOTHING",
                [pool.pk, part],
            )
        else:
            cursor.executemany(
                f"INSERT INTO {table} (pool_id, text) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [(pool.pk, code) for code in part],
            )
        return int(cursor.rowcount)
