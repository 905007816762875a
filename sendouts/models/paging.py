"""One page of very many rows, read through an index in its order, whatever the database believes of the table."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

# What PostgreSQL without fresh statistics prefers for the first rows of a million: to read all of them, and to sort.
_WITHOUT = ("enable_seqscan", "enable_bitmapscan", "enable_sort")


@contextmanager
def through_an_index() -> Iterator[None]:
    """Within, PostgreSQL goes along an index and stops where the page is full.

    Right behind a large batch it knows nothing of its rows yet, and takes a second for what needs a millisecond.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {name} = off" for name in _WITHOUT))
        yield
        # A transaction around this one goes on as before.
        cursor.execute("; ".join(f"SET LOCAL {name} = on" for name in _WITHOUT))
