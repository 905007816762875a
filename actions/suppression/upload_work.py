"""Work of uploads to suppression lists: a lane beside those of batches.

An upload is read into entries some thousand lines at a time, resuming after the last transaction.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from actions.suppression import csvfile, entries
from actions.suppression.csvfile import BadLine, Layout, NotReadable
from actions.suppression.entries import NewEntry
from actions.suppression.models import REASON_LENGTH, SuppressionList, SuppressionPiece, SuppressionUpload
from actions.suppression.values import Unlike, find_fault
from work import claims

log = structlog.get_logger(__name__)
# After this time other due work goes first: the same workers read contact files, which have deadlines.
TURN_SECONDS = 10.0
# Bound on the unreadable lines that are listed; people look at the first ones and repair the file.
NAMED = 20
Status, Error = SuppressionUpload.Status, SuppressionUpload.Error


def read(claim: claims.Claim, upload_ids: Sequence[int]) -> None:
    """Read each of the claimed uploads for one turn at most."""
    for upload in SuppressionUpload.objects.select_related("suppression_list").filter(pk__in=upload_ids):
        try:
            _read(claim, upload)
        except NotReadable as problem:
            _end(claim, upload, Error(problem.code), problem.columns)
        except SuppressionList.DoesNotExist:
            _end(claim, upload, Error.ARCHIVED)


def escalate(claim: claims.Claim, upload_id: int, error: Exception | None) -> None:
    """Abandon an upload on which workers died repeatedly, or which fails without progress."""
    _end(claim, SuppressionUpload.objects.get(pk=upload_id), Error.UNEXPECTED)


def _read(claim: claims.Claim, upload: SuppressionUpload) -> None:
    until = time.monotonic() + TURN_SECONDS
    for part in parts(upload, settings.CHUNK_ROWS):
        now = timezone.now()
        with transaction.atomic():
            claim.extend([upload.pk], progress=True)
            # Due now, and so behind other due work.
            store(upload, part, now)
        if time.monotonic() > until:
            return
    _end(claim, upload)


def _end(claim: claims.Claim, upload: SuppressionUpload, error: str = "", columns: str = "") -> None:
    """End an upload, successfully or with an error; delete its pieces."""
    status = Status.FAILED if error else Status.DONE
    with transaction.atomic():
        claim.extend([upload.pk])
        rows = SuppressionUpload.objects.filter(pk=upload.pk)
        rows.update(status=status, error=error, columns=columns, ended_at=timezone.now(), due_at=None)
        SuppressionPiece.objects.filter(upload=upload).delete()
    log.info("upload_ended", upload=upload.pk, list=upload.suppression_list_id, error=str(error))


@dataclass(slots=True)
class Part:
    """Lines stored together, `lines` of them, including empty ones; `end` is the position after the last one."""

    layout: Layout
    end: int
    lines: int = 0
    rows: int = 0
    wanted: dict[str, NewEntry] = field(default_factory=dict)
    unreadable: int = 0
    named: list[tuple[int, str]] = field(default_factory=list)


def parts(upload: SuppressionUpload, rows: int) -> Iterator[Part]:
    """Read the remaining lines, `rows` at a time; raise csvfile.NotReadable."""
    layout = Layout(**upload.layout) if upload.layout else None
    said = NewEntry(upload.reason, upload.expires_at)
    number, writing = upload.lines, upload.suppression_list.writing
    part: Part | None = None
    for line in csvfile.lines(_blocks(upload)):
        first = layout is None
        layout = layout or csvfile.layout_of(line, writing, upload.column)
        part = part or Part(layout, upload.read)
        number += 1
        part.lines += 1
        part.end += len(line)
        if line.strip() and not (first and layout.header):
            part.rows += 1
            try:
                cells = csvfile.cells(line, layout.delimiter)
                _check(cells, layout, writing.holds)
                text, entry = _entry(cells, layout, said)
                _want(part, writing.key(text), entry)
            except Unlike:
                _leave_out(part, number, upload.suppression_list.holds)
            except BadLine as problem:
                _leave_out(part, number, problem.code)
        if part.lines >= rows:
            yield part
            part = Part(layout, part.end)
    if part is not None and part.lines:
        yield part


def _blocks(upload: SuppressionUpload) -> Iterator[bytes]:
    """Yield the unread bytes, with one piece in memory at a time."""
    at = upload.read
    while at < upload.received:
        piece = SuppressionPiece.objects.get(upload=upload, start__lte=at, end__gt=at)
        yield bytes(piece.content)[at - piece.start :]
        at = piece.end


def _check(cells: list[str], layout: Layout, holds: str) -> None:
    """Raise BadLine for a line that a spreadsheet has changed, or that is no single entry."""
    value = _cell(cells, layout.value)
    # A rounded number with a decimal comma is cut in two where the comma delimits.
    rest = cells[layout.value + 1] if layout.delimiter == "," and layout.value + 1 < len(cells) else ""
    if fault := find_fault(value, holds) or (rest and find_fault(f"{value},{rest.strip()}", "")):
        raise BadLine(fault)
    several = layout.columns == 1 and any(each in value for each in csvfile.DELIMITERS)
    if several or (layout.columns and any(cell.strip() for cell in cells[layout.columns :])):
        raise BadLine("columns")


def _entry(cells: list[str], layout: Layout, said: NewEntry) -> tuple[str, NewEntry]:
    """Return value and entry of one line; raise BadLine. Missing cells have the values of the whole file."""
    reason, expires = (_cell(cells, place) for place in (layout.reason, layout.expires))
    if not (reason or expires):
        return _cell(cells, layout.value), said
    expires_at = _read_end(expires) if expires else said.expires_at
    return _cell(cells, layout.value), NewEntry(reason[:REASON_LENGTH] or said.reason, expires_at)


def _cell(cells: list[str], place: int | None) -> str:
    return cells[place].strip() if place is not None and place < len(cells) else ""


def _read_end(text: str) -> datetime:
    """Return the end of validity: for a day its end, for a moment the moment itself."""
    try:
        if len(text) <= len("2027-01-31"):
            return entries.day_after(date.fromisoformat(text))
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else timezone.make_aware(moment)
    except ValueError:
        raise BadLine("date") from None


def _want(part: Part, key: str, entry: NewEntry) -> None:
    """Add an entry to the part; of two with one value, keep the one that is valid for longer."""
    known = part.wanted.get(key)
    if known is None or entry.outlasts(known.expires_at):
        part.wanted[key] = entry


def _leave_out(part: Part, number: int, code: str) -> None:
    part.unreadable += 1
    if len(part.named) < NAMED:
        part.named.append((number, code))


def store(upload: SuppressionUpload, part: Part, now: datetime) -> None:
    """Store a part and the progress, in the caller's transaction."""
    added = entries.add(upload.suppression_list_id, part.wanted, by=upload.by_id, now=now)
    upload.first_unreadable = [*upload.first_unreadable, *part.named][:NAMED]
    SuppressionUpload.objects.filter(pk=upload.pk).update(
        layout=asdict(part.layout),
        read=part.end,
        lines=F("lines") + part.lines,
        rows=F("rows") + part.rows,
        added=F("added") + added.new,
        extended=F("extended") + added.extended,
        unreadable=F("unreadable") + part.unreadable,
        first_unreadable=upload.first_unreadable,
        attempts=0,
        due_at=claims.due_in(),
    )
    SuppressionPiece.objects.filter(upload=upload, end__lte=part.end).delete()
