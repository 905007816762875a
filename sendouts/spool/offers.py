"""Files that people offer in place of a contact file that failed: received in pieces, kept encrypted beside it.

A piece is encrypted before it is written, and no piece is large enough for the server to put it on the disk by itself.
"""

import csv
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from sendouts.models import Batch, Spool
from sendouts.spool import spooled
from sendouts.spool.disk import BLOCK
from sendouts.spool.spooled import Description, SpooledFile, SpoolWriter
from sendouts.spool.workbook import MAX_FILE, NoWorkbook, Workbook
from work import claims

# Size of a browser's request, below the limit of the proxy in front of the screens.
PIECE_BYTES = 512_000
MAX_BYTES = 2_000_000_000
NAME = "x-name"
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# How the first name in a workbook, and in other office files, begins; a name is behind 30 bytes.
_OFFICE = (b"[Content_Types]", b"_rels/", b"xl/", b"docProps/", b"customXml/", b"word/", b"ppt/")
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis"


class OfferState(models.TextChoices):
    RECEIVING = "receiving"
    # A worker reads it, and compares it.
    CHECKING = "checking"
    # A person says which of its columns is which.
    COLUMNS = "columns"
    READY = "ready"
    REFUSED = "refused"


class OfferProblem(models.TextChoices):
    """Why an offered file was refused: what it is, and what to do."""

    OLD_OR_PROTECTED = (
        "old_or_protected",
        _("It is an old Excel file, or protected by a password. Remove the password and save it as XLSX or CSV."),
    )
    OTHER_FORM = "other_form", _("It is no CSV, XLSX or JSON. Save it as CSV (UTF-8) or XLSX.")
    DAMAGED = "damaged", _("It is damaged. Export it again, or save it as CSV (UTF-8).")
    TOO_BIG = "too_big", _("It is too big for a spreadsheet here. Save it as CSV (UTF-8).")
    SEVERAL_SHEETS = "several_sheets", _("Several of its sheets hold something. Keep one sheet, and save it again.")
    NO_CONTACTS = "no_contacts", _("It holds no contact that can be read. Export the segment again.")
    NO_COLUMNS = (
        "no_columns",
        _("No contact in it has both an id and a reject address. Save it as CSV (UTF-8), with both as columns."),
    )
    NOT_ALL = (
        "not_all",
        _("It says itself that there are more contacts than it holds. Export all of them into one file."),
    )
    FAILED = "failed", _("It could not be compared for a reason of the gateway’s own. Send it again.")
    NO_ROOM = "no_room", _("The gateway has no room to keep it. Ask who operates the gateway.")


class PieceRefused(Exception):
    """This piece does not follow the received ones, or the file was replaced by another."""


class NoRoom(Exception):
    """The spool has no room."""


def begin(batch_id: int, *, name: str, size: int, by: str, now: datetime) -> str:
    """Announce a file of `size` bytes, in place of one that was offered before; return the key of the offer."""
    if not spooled.store().has_room():
        raise NoRoom
    token, about = secrets.token_hex(16), Description.make({NAME: name[-100:]})
    said = {"key": token[:12], "state": OfferState.RECEIVING, "size": size, "by": by, "at": now.isoformat()}
    said |= dict.fromkeys(("received", "bytes", "frames"), 0)
    with transaction.atomic():
        Batch.objects.select_for_update().get(pk=batch_id)
        Spool.objects.get_or_create(pk=batch_id, defaults={"batch_id": batch_id})
        row = Spool.objects.select_for_update().get(pk=batch_id)
        _store(row, offered_token=token, offered_sealed=about.seal(batch_id), offered=said)
    if row.offered_token:
        spooled.discard(row.offered_token)
    return token[:12]


def append(batch_id: int, key: str, start: int, content: bytes) -> bool:
    """Store a piece, and return whether the file is complete; ignore a piece that came already.

    Raise PieceRefused, or NoRoom.
    """
    with transaction.atomic():
        row = Spool.objects.select_for_update().filter(pk=batch_id).first()
        said: dict[str, Any] = row.offered if row is not None else {}
        end = start + len(content)
        if row is None or said.get("key") != key:
            raise PieceRefused
        if end <= said["received"]:
            return said["state"] != OfferState.RECEIVING
        if said["state"] != OfferState.RECEIVING or start != said["received"] or end > said["size"]:
            raise PieceRefused
        if not spooled.store().has_room():
            raise NoRoom
        about = Description.open(row.offered_sealed, batch_id)
        writer = SpoolWriter(row.offered_token, about, said["bytes"], said["frames"], start)
        try:
            for at in range(0, len(content), BLOCK):
                writer.append(content[at : at + BLOCK])
            if end == said["size"]:
                writer.end(proven=True)
        finally:
            writer.close()
        said |= {"received": end, "bytes": writer.size, "frames": writer.frames}
        whole: bool = end == said["size"]
        if whole:
            _to_check(row, said)
        else:
            _store(row, offered=said)
        return whole


def choose_columns(batch_id: int, key: str, identity: int, uri: int) -> None:
    """Store which columns hold the contact id and the reject address, and have the file read again."""
    with transaction.atomic():
        row = Spool.objects.select_for_update().filter(pk=batch_id).first()
        if row is None or row.offered.get("key") != key or row.offered["state"] != OfferState.COLUMNS:
            raise PieceRefused
        _to_check(row, row.offered | {"columns": [identity, uri]})


def _to_check(row: Spool, said: dict[str, Any]) -> None:
    _store(row, offered=said | {"state": OfferState.CHECKING}, due_at=claims.due_in())


def _store(row: Spool, **columns: Any) -> None:
    Spool.objects.filter(pk=row.pk).update(**columns)


def use(row: Spool) -> None:
    """Make the offered file that of the batch, in the caller's transaction; what the platform sent stays beside it."""
    columns: dict[str, Any] = {"token": row.offered_token, "sealed": row.offered_sealed}
    columns |= {"state": Spool.State.COMPLETE, "due_at": None, "failure": {}, "claim_id": None, "claimed_until": None}
    if not row.earlier_token:
        columns |= {"earlier_token": row.token, "earlier_sealed": row.sealed}
    elif replaced := row.token:
        # The file of an earlier download, or of an earlier person.
        transaction.on_commit(lambda: spooled.discard(replaced))
    _store(row, **columns, offered_token="", offered_sealed=b"", offered={})


def open_offer(row: Spool) -> SpooledFile:
    """Open the offered file from its start. Raises CannotOpen and LostFile."""
    return SpooledFile(row.offered_token, Description.open(row.offered_sealed, row.pk), whole=True)


def name_of(row: Spool) -> str:
    """Return the name that the file had where it came from. Raises CannotOpen."""
    return Description.open(row.offered_sealed, row.pk).headers.get(NAME, "")


def as_text(file: SpooledFile) -> tuple[Iterator[bytes], Workbook | None]:
    """Return the blocks of an offered file, and the workbook whose rows they are as CSV, if it is one.

    Raise NoWorkbook for a form that is not read.
    """
    blocks = file.blocks()
    head = next(blocks, b"")
    if head.startswith(_OLE):
        raise NoWorkbook(OfferProblem.OLD_OR_PROTECTED)
    if head.startswith(_ZIP) and head.startswith(_OPEN_DOCUMENT, 30):
        raise NoWorkbook(OfferProblem.OTHER_FORM)
    if not (head.startswith(_ZIP) and head.startswith(_OFFICE, 30)):
        return _chained(head, blocks), None
    data = bytearray(head)
    for block in blocks:
        data += block
        if len(data) > MAX_FILE:
            raise NoWorkbook(OfferProblem.TOO_BIG)
    book = Workbook(bytes(data))
    return _as_csv(book.rows()), book


def _chained(head: bytes, blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    yield from blocks


def _as_csv(rows: Iterable[list[str]]) -> Iterator[bytes]:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow(row)
        if text.tell() > BLOCK:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()
