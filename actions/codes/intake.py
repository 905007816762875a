"""Taking codes into a pool: what a file or a text holds, and how it is stored. What the pool has already is passed over."""

from collections.abc import Iterable, Iterator
from itertools import islice

from django.db import connection, transaction

from actions.codes.models import CODE_LENGTH, CodePool, PromoCode

# Stored in one transaction: on SQLite every other writer waits for it.
AT_ONCE = 5_000
MOST = 200_000
HEADERS = frozenset({"code", "codes", "promo_code", "promocode", "coupon", "voucher"})
_SEPARATORS = ";\t,"


class BadCode(ValueError):
    """This is not a code. `line` says where, counted from 1; 0 where there are no lines."""

    def __init__(self, line: int = 0) -> None:
        super().__init__(line)
        self.line = line


def clean(text: str, line: int = 0) -> str:
    """A code as it is stored; raises BadCode for what is empty, too long or cannot be printed."""
    code = text.strip().strip('"').strip()
    if not code or len(code) > CODE_LENGTH or not code.isprintable():
        raise BadCode(line)
    return code


def read(lines: Iterable[bytes]) -> Iterator[str]:
    """The codes of a text or CSV file in UTF-8: one a line, the first column, a heading left out; raises BadCode."""
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
    """Store codes, some thousands in a transaction of their own, and return how many are new; safe to repeat."""
    new = 0
    left = iter(codes)
    while part := list(islice(left, AT_ONCE)):
        with transaction.atomic():
            new += _insert(pool, sorted(set(part)))
    if new >= AT_ONCE and connection.vendor == "postgresql":
        # It would do so by itself a minute later; until then it sorts all free codes to find the next ones.
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {PromoCode._meta.db_table}")
    return new


def _insert(pool: CodePool, part: list[str]) -> int:
    """In order, so that two that store the same codes wait for each other instead of locking each other out."""
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
