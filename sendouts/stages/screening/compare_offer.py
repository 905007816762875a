"""Read a file that a person offers for a batch, and compare it with the contacts that were read before.

Part of the lane `downloads`. Two hashes stand for a contact: of its id, and of its address. They are compared in parts,
so that a million contacts take some tens of megabytes. The rows of the lost contacts are kept as numbers, up to LISTED.
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

from actions.plan.merge import words_of
from actions.secrets.keys import CannotOpen, keyring
from sendouts.models import Batch, Chunk, Decision, Spool
from sendouts.models.decision import rows_in_steps
from sendouts.privacy import sealing
from sendouts.spool import offer_columns, offers, spooled
from sendouts.spool.bucket import StorageAway
from sendouts.spool.offers import OfferProblem, OfferState
from sendouts.spool.spooled import Description, LostFile, SpoolWriter
from sendouts.spool.workbook import NoWorkbook, Workbook
from sendouts.stages.screening.addresses import Addresses
from sendouts.symplify.items import ItemReader, Row
from work import claims

log = structlog.get_logger(__name__)
_ROWS = 5_000
_PARTS = 256
# Rows that are kept of those missing, and of those with another address.
LISTED = 1_000


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
    except StorageAway:
        # The lane tries again.
        raise
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
    if chosen := said.get("columns"):
        _rewrite(claim, row, said, _kept(claim, offer_columns.renamed(row, *chosen)))
        return _compare(claim, row)
    with offers.open_offer(row) as file:
        pieces, book = offers.as_text(file)
        if book is not None:
            _rewrite(claim, row, said, _kept(claim, pieces), book)
    found = offer_columns.columns_of(row)
    if found is not None and (found.identity is None or found.uri is None):
        return {"state": OfferState.COLUMNS}
    return _compare(claim, row)


def _kept(claim: claims.Claim, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        claim.keep()
        yield piece


def _rewrite(
    claim: claims.Claim, row: Spool, said: dict[str, Any], pieces: Iterable[bytes], book: Workbook | None = None
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
        spooled.discard(token)
        raise
    writer.close()
    if book is not None:
        said["rounded"] = book.rounded
    try:
        _store(claim, row, said, due=True, offered_token=token, offered_sealed=about.seal(row.pk))
    except _Replaced:
        spooled.discard(token)
        raise
    spooled.discard(row.offered_token)
    row.refresh_from_db()


def _compare(claim: claims.Claim, row: Spool) -> dict[str, Any]:
    batch = Batch.objects.select_related("plan").get(pk=row.pk)
    mark, salt = stored_mark(row.pk), secrets.token_bytes(16)
    uri = keyring().open(batch.download_uri, sealing.of_download(batch.delivery_key)).decode()
    addresses = Addresses(uri)
    before, after = _Contacts(salt), _Contacts(salt)
    for rows in rows_in_steps(row.pk, _ROWS):
        claim.keep()
        _add_stored(before, Decision.objects.filter(rows, unread=False), addresses)
    with offers.open_offer(row) as file:
        words = words_of(batch.plan.content)
        reader = ItemReader(file.blocks(), transport_proves_end=file.proves_end, empty_words=words)
        for chunk in reader.chunks(_ROWS):
            claim.keep()
            _add_read(after, chunk, addresses)
    offer_columns.check_end(reader)
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
        to.add(contact, mark, text, pk & 0xFFFF_FFFF)


def _add_read(to: "_Contacts", rows: Iterable[Row], addresses: Addresses) -> None:
    for each in rows:
        if not each.problem:
            text, mark = addresses.read(each.uri)
            to.add(each.contact_id, mark, text)


class _Contacts:
    """The contacts of one file, as pairs of hashes in parts by the first one, with their rows."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._parts = [(array("Q"), array("Q"), array("I")) for _ in range(_PARTS)]

    def add(self, contact: str, mark: int | None, address: str, row: int = 0) -> None:
        identity = self._hash(contact.encode())
        where = self._hash(address.encode() if mark is None else mark.to_bytes(8, "big", signed=True))
        for column, value in zip(self._parts[identity % _PARTS], (identity, where, row), strict=True):
            column.append(value)

    def _hash(self, data: bytes) -> int:
        return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=self._salt).digest(), "big")

    def compare(self, after: "_Contacts") -> dict[str, Any]:
        """Return how many rows are the same, have another address, are missing in `after`, or are new in it.

        An id may occur several times: each of its rows has at most one counterpart. `missing_rows` and `other_rows`
        are the first of those rows, in the order of the file.
        """
        same = new = 0
        other, missing = array("I"), array("I")
        for one, two in zip(self._parts, after._parts, strict=True):
            both = [(*row, 0) for row in zip(*one, strict=True)] + [(*row, 1) for row in zip(*two, strict=True)]
            both.sort()
            for _, group in groupby(both, key=lambda row: row[0]):
                rows = list(group)
                if len(rows) == 2 and rows[0][1] == rows[1][1] and rows[0][3] != rows[1][3]:
                    same += 1
                    continue
                right = Counter(address for _, address, _, side in rows if side)
                left = []
                for _, address, row, side in rows:
                    if side:
                        continue
                    if right[address]:
                        right[address] -= 1
                        same += 1
                    else:
                        left.append(row)
                moved = min(len(left), right.total())
                left.sort()
                other.extend(left[:moved])
                missing.extend(left[moved:])
                new += right.total() - moved
        return {
            "same": same,
            "other": len(other),
            "missing": len(missing),
            "new": new,
            "other_rows": sorted(other)[:LISTED],
            "missing_rows": sorted(missing)[:LISTED],
        }
