"""Read one page of a very large table through an index in its order, independent of table statistics."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

# Without fresh statistics, PostgreSQL reads and sorts all of a million rows to return the first few.
_WITHOUT = ("enable_seqscan", "enable_bitmapscan", "enable_sort")


@contextmanager
def through_an_index() -> Iterator[None]:
    """Make PostgreSQL follow an index and stop at the end of the page.

    Directly after a large batch it has no statistics of its rows, and takes a second instead of a millisecond.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {name} = off" for name in _WITHOUT))
        yield
        # An outer transaction continues with the defaults.
        cursor.execute("; ".join(f"SET LOCAL {name} = on" for name in _WITHOUT))
