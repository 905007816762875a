"""The further pages of a contact file: each is downloaded once, as a whole, into a file beside the first one.

Their tokens begin like that of the first page, so that they are removed with it, and they have its key. A page is there
once a second, small file under the number of the page names it. So a page that was torn by a kill is never read.
"""

import json
import secrets
import time
from collections.abc import Callable

from outbound.download import BrokenDownload, Download
from sendouts.models import Spool
from sendouts.spool import spooled
from sendouts.spool.spooled import FAMILY, Behind, Description, LostFile, SpooledFile, SpoolWriter

# How often a download checks whether there is room.
CHECK_SECONDS = 2.0


class KeptPages:
    """The pages of the contact file that a row keeps. `tick` is called while a page is downloaded."""

    def __init__(self, row: Spool, tick: Callable[[], object]) -> None:
        self._family = row.token[:FAMILY]
        self._about = Description.open(row.sealed, row.pk)
        self._tick = tick
        self._look_again = 0.0
        self._room = False

    def find(self, number: int) -> SpooledFile | None:
        """Open a page that is kept; None if it is not. Raises StorageAway."""
        try:
            with SpooledFile(self._name(number), self._about) as file:
                said = json.loads(b"".join(file.blocks()))
            return SpooledFile(said["token"], Description(self._about.key, said["headers"]), whole=True)
        except (Behind, LostFile):
            return None

    def has_room(self) -> bool:
        """Return whether a page may be kept; look at most every CHECK_SECONDS. Raises StorageAway."""
        if time.monotonic() >= self._look_again:
            self._room = spooled.store().has_room()
            self._look_again = time.monotonic() + CHECK_SECONDS
        return self._room

    def keep(self, number: int, download: Download) -> SpooledFile:
        """Download a page, and open what is kept of it. Raises OSError if there is no room, and StorageAway.

        A page that was cut is read this time only.
        """
        about = Description(self._about.key, {name.lower(): value for name, value in download.headers.items()})
        # Numbers of pages have no such first bit.
        token = self._name(secrets.randbits(31) | 1 << 31)
        writer = SpoolWriter(token, about)
        try:
            try:
                whole = self._write(download, writer)
            finally:
                writer.close()
            if whole:
                self._point(number, token, about)
        except BaseException:
            spooled.discard(token, alone=True)
            raise
        return SpooledFile(token, about, whole=True)

    def _write(self, download: Download, writer: SpoolWriter) -> bool:
        try:
            for block in download.blocks():
                writer.append(block)
                self._tick()
                if not self.has_room():
                    raise OSError
        except BrokenDownload as error:
            writer.end(proven=False, broken=error.word)
            return False
        writer.end(proven=download.proves_end())
        return True

    def _point(self, number: int, token: str, about: Description) -> None:
        """Say that a page is there; its headers are with it."""
        said = json.dumps({"token": token, "headers": dict(about.headers)}).encode()
        writer = SpoolWriter(self._name(number), self._about)
        writer.append(said)
        writer.end(proven=True)
        writer.close()

    def _name(self, number: int) -> str:
        return f"{self._family}{number:08x}"
