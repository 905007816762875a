"""Downloads of a contact file as it came: the file itself, or a ZIP archive of its pages."""

from collections.abc import Generator
from contextlib import closing
from itertools import count
from zipfile import ZIP_DEFLATED, ZipFile

from outbound.download import BrokenDownload
from sendouts.models import Spool
from sendouts.spool import spooled
from sendouts.spool.pages import KeptPages
from sendouts.spool.spooled import Behind, SpooledFile


def body(file: SpooledFile) -> Generator[bytes, None, None]:
    """Yield what is there; a file that was cut, or is still loading, ends where it ends."""
    try:
        yield from file.blocks()
    except (Behind, BrokenDownload):
        return


def has_pages(row: Spool) -> bool:
    """Return whether further pages are kept. Raises CannotOpen and StorageAway."""
    with closing(_further(row)) as further:
        return next(further, None) is not None


def parts(row: Spool) -> Generator[bytes, None, None]:
    """Yield the bytes of the only page."""
    with spooled.open_file(row) as file:
        yield from body(file)


def archive(row: Spool) -> Generator[bytes, None, None]:
    """Yield the bytes of a ZIP archive with all kept pages, in their order."""
    out = _Written()
    with ZipFile(out, "w", ZIP_DEFLATED) as made:
        for number, file in enumerate(_all(row), start=1):
            with made.open(f"page-{number}.bin", "w", force_zip64=True) as page:
                for block in body(file):
                    page.write(block)
                    yield out.take()
    yield out.take()


def _all(row: Spool) -> Generator[SpooledFile, None, None]:
    with spooled.open_file(row) as first:
        yield first
    yield from _further(row)


def _further(row: Spool) -> Generator[SpooledFile, None, None]:
    kept = KeptPages(row, lambda: None)
    for number in count(2):
        if (file := kept.find(number)) is None:
            return
        with file:
            yield file


class _Written:
    """Keeps what was written until it is taken; it cannot be searched, so the archive is written in one go."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._blocks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: all is there."""

    def close(self) -> None:
        """Do nothing: what was written can still be taken."""

    def take(self) -> bytes:
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)
