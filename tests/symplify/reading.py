"""Reads a contact file in one call."""

import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from actions.names import NOTHING
from outbound.download import BrokenDownload
from sendouts.symplify.items import ItemReader, PageAnswer, Row


def broken_after(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of a connection that breaks behind the last of them."""
    yield from blocks
    raise BrokenDownload("cut", 0)


def read(
    data: bytes | Iterable[bytes],
    *,
    proven: bool = True,
    torn: bool = False,
    encoding: str = "",
    chunk: int = 1_000,
    headers: Mapping[str, str] | None = None,
    follow: Callable[[str], PageAnswer] | None = None,
    empty_words: frozenset[str] = NOTHING,
) -> tuple[list[Row], ItemReader]:
    """The rows of a file, and the reader behind its end; `torn`: the connection broke there."""
    blocks = [data] if isinstance(data, bytes) else data
    reader = ItemReader(
        broken_after(blocks) if torn else blocks,
        content_encoding=encoding,
        headers=headers,
        transport_proves_end=lambda: proven,
        follow=follow,
        empty_words=empty_words,
    )
    return [row for rows in reader.chunks(chunk) for row in rows], reader


def good_ids(rows: list[Row]) -> list[str]:
    return [row.contact_id for row in rows if not row.problem]


@contextmanager
def bounded(most: int) -> Iterator[None]:
    """Fail if more than this many bytes are allocated at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
