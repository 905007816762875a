"""Read a file that a person offers for a batch, and compare it with the contacts that were read before.

Part of the lane `downloads`. Two hashes stand for a contact: of its id, and of its address. They are compared in parts,
so that a million contacts take some tens of megabytes.
"""

import hashlib
import secrets
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from typing import Any

import structlog
from django.db import transaction

from actions.secrets.keys import CannotOpen, keyring
from sendouts.models import Batch, Chunk, Decision, Spool
from sendouts.models.decision import rows_in_steps
from sendouts.privacy import sealing
from sendouts.spool import offers, spooled
from sendouts.spool.offers import OfferProblem, OfferState
from sendouts.spool.spooled import Description, LostFile, SpoolWriter
from sendouts.spool.workbook import NoWorkbook, Workbook
from sendouts.stages.screening.addresses import Addresses
from sendouts.symplify.items import ItemReader, Row
from sendouts.symplify.rows import ID_KEYS, URI_KEYS, named
from sendouts.symplify.source import Source
from work import claims

log = structlog.get_logger(__name__)
_ROWS = 5_000
_PARTS = 256


class _Replaced(Exception):
    """Somebody offers another file now."""


def check(claim: claims.Claim, row: Spool) -> None:
    """Read the offered file of a claimed row, and store what comes of it."""
    said = dict(row.offered)
    try:
        said |= _read(claim, row, said)
    except NoWorkbook as problem:
        said |= {"state": OfferState.REFUSED, "code": str(problem)}
    except (CannotOpen, LostFile):
        said |= {"state": OfferState.REFUSED, "code": OfferProblem.FAILED}
    except _Replaced:
        return
    except OSError as error:
        log.error("spool_full", batch=row.pk, error=type(error).__name__)
        said |= {"state": OfferState.REFUSED, "code": OfferProblem.NO_ROOM}
    with suppress(_Replaced):
        _store(claim, row, said, due=False)
    log.info("offer_checked", batch=row.pk, state=said["state"], code=said.get("code", ""))


def give_up(claim: claims.Claim, row: Spool) -> None:
    """Refuse a file on which workers died, or that failed for a reason of ours."""
    with suppress(_Replaced):
        _store(claim, row, row.offered | {"state": OfferState.REFUSED, "code": OfferProblem.FAILED}, due=False)


def stored_mark(batch_id: int) -> str:
    """Return what changes if the stored contacts of a batch are others, or are more."""
    last = Chunk.objects.filter(batch_id=batch_id).order_by("number").values_list("number", "digest").last()
    return f"{last[0]}:{bytes(last[1]).hex()}" if last else ""


def _store(claim: claims.Claim, row: Spool, said: dict[str, Any], *, due: bool, **columns: Any) -> None:
    """Store the state of an offer, unless it was replaced meanwhile; a download that is due stays so."""
    with transaction.atomic():
        claim.extend([row.pk], progress=True)
        now = Spool.objects.select_for_update().get(pk=row.pk)
        if now.offered_token != row.offered_token:
            raise _Replaced
        if not due and now.state != Spool.State.LOADING:
            columns["due_at"] = None
        Spool.objects.filter(pk=row.pk).update(offered=said, **columns)


def _read(claim: claims.Claim, row: Spool, said: dict[str, Any]) -> dict[str, Any]:
    """Return the state that follows, with its numbers; raise NoWorkbook with the code of a problem."""
    columns = said.get("columns")
    with offers.open_offer(row) as file:
        pieces, book = offers.as_text(file)
        if columns:
            pieces = offers.renamed(Source(pieces, "", file.proves_end).pieces(), *columns)
        if columns or book is not None:
            _rewrite(claim, row, said, book, _kept(claim, pieces))
    first = offers.first_rows(row, 1)
    if first and not columns and (named(first[0], ID_KEYS) is None or named(first[0], URI_KEYS) is None):
        return {"state": OfferState.COLUMNS}
    return _compare(claim, row)


def _kept(claim: claims.Claim, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        claim.keep()
        yield piece


def _rewrite(
    claim: claims.Claim, row: Spool, said: dict[str, Any], book: Workbook | None, pieces: Iterable[bytes]
) -> None:
    """Keep these bytes in place of the offered ones."""
    token, about = secrets.token_hex(16), Description.make({offers.NAME: offers.name_of(row)})
    writer = SpoolWriter(token, about)
    try:
        for piece in pieces:
            writer.append(piece)
        writer.end(proven=True)
    except BaseException:
        writer.close()
        spooled.store().remove(token)
        raise
    writer.close()
    if book is not None:
        said["rounded"] = book.rounded
    try:
        _store(claim, row, said, due=True, offered_token=token, offered_sealed=about.seal(row.pk))
    except _Replaced:
        spooled.store().remove(token)
        raise
    spooled.store().remove(row.offered_token)
    row.refresh_from_db()


def _compare(claim: claims.Claim, row: Spool) -> dict[str, Any]:
    batch = Batch.objects.get(pk=row.pk)
    mark, salt = stored_mark(row.pk), secrets.token_bytes(16)
    uri = keyring().open(batch.download_uri, sealing.of_download(batch.delivery_key)).decode()
    addresses = Addresses(uri)
    before, after = _Contacts(salt), _Contacts(salt)
    for rows in rows_in_steps(row.pk, _ROWS):
        claim.keep()
        _add_stored(before, Decision.objects.filter(rows, unread=False), addresses)
    with offers.open_offer(row) as file:
        reader = ItemReader(file.blocks(), transport_proves_end=file.proves_end)
        for chunk in reader.chunks(_ROWS):
            claim.keep()
            _add_read(after, chunk, addresses)
    if not reader.format and reader.broken not in {"", "cut"}:
        raise NoWorkbook(OfferProblem.OTHER_FORM)
    if not reader.complete:
        raise NoWorkbook(OfferProblem.DAMAGED)
    if reader.rows == reader.unread:
        raise NoWorkbook(OfferProblem.NO_COLUMNS if reader.rows else OfferProblem.NO_CONTACTS)
    numbers = before.compare(after)
    return {"state": OfferState.READY, "rows": reader.rows, "unread": reader.unread, "mark": mark, **numbers}


def _add_stored(to: "_Contacts", rows: Any, addresses: Addresses) -> None:
    for pk, contact, known, uri in rows.values_list("pk", "contact_id", "uri_mark", "uri"):
        text, mark = "", known
        if mark is None:
            # It might not be called then; its host may be allowed by now.
            text, mark = addresses.read(keyring().open(uri, sealing.of_decision(pk)).decode())
        to.add(contact, mark, text)


def _add_read(to: "_Contacts", rows: Iterable[Row], addresses: Addresses) -> None:
    for each in rows:
        if not each.problem:
            text, mark = addresses.read(each.uri)
            to.add(each.contact_id, mark, text)


class _Contacts:
    """The contacts of one file, as pairs of hashes in parts by the first one."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._parts = [(array("Q"), array("Q")) for _ in range(_PARTS)]

    def add(self, contact: str, mark: int | None, address: str) -> None:
        identity = self._hash(contact.encode())
        where = self._hash(address.encode() if mark is None else mark.to_bytes(8, "big", signed=True))
        ids, addresses = self._parts[identity % _PARTS]
        ids.append(identity)
        addresses.append(where)

    def _hash(self, data: bytes) -> int:
        return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=self._salt).digest(), "big")

    def compare(self, after: "_Contacts") -> dict[str, int]:
        """Return how many rows are the same, have another address, are missing in `after`, or are new in it.

        An id may occur several times: each of its rows has at most one counterpart.
        """
        found: Counter[str] = Counter(same=0, other=0, missing=0, new=0)
        for one, two in zip(self._parts, after._parts, strict=True):
            both = [(*pair, 0) for pair in zip(*one, strict=True)] + [(*pair, 1) for pair in zip(*two, strict=True)]
            both.sort()
            for _, rows in groupby(both, key=lambda row: row[0]):
                counts = (Counter[int](), Counter[int]())
                for _, address, side in rows:
                    counts[side][address] += 1
                same = (counts[0] & counts[1]).total()
                left, right = counts[0].total() - same, counts[1].total() - same
                other = min(left, right)
                found.update(same=same, other=other, missing=left - other, new=right - other)
        return dict(found)
