"""An upload turned into entries, some thousand lines at a time, from where the last transaction left it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from django.db.models import F
from django.utils import timezone

from actions.suppression import csvfile, entries
from actions.suppression.csvfile import BadLine, Layout
from actions.suppression.entries import NewEntry
from actions.suppression.models import REASON_LENGTH, SuppressionPiece, SuppressionUpload
from actions.suppression.values import Unlike

# So many unreadable lines are named; people look at the first ones and repair the file.
NAMED = 20
Status = SuppressionUpload.Status


@dataclass(slots=True)
class Part:
    """Lines that are stored together. `end` is the byte after the last of them, `lines` their number, empty ones included."""

    layout: Layout
    end: int
    lines: int = 0
    rows: int = 0
    wanted: dict[str, NewEntry] = field(default_factory=dict)
    unreadable: int = 0
    named: list[tuple[int, str]] = field(default_factory=list)


def parts(upload: SuppressionUpload, rows: int) -> Iterator[Part]:
    """Read on, so many lines at a time; raises csvfile.NotReadable."""
    layout = Layout(**upload.layout) if upload.layout else None
    said = NewEntry(upload.reason, upload.expires_at)
    number, writing = upload.lines, upload.suppression_list.writing
    part: Part | None = None
    for line in csvfile.lines(_blocks(upload)):
        first = layout is None
        layout = layout or csvfile.layout_of(line, upload.suppression_list.holds)
        part = part or Part(layout, upload.read)
        number += 1
        part.lines += 1
        part.end += len(line)
        if line.strip() and not (first and layout.header):
            part.rows += 1
            try:
                text, entry = _entry(csvfile.cells(line, layout.delimiter), layout, said)
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
    """The bytes that are still to read, one piece in memory at a time."""
    at = upload.read
    while at < upload.received:
        piece = SuppressionPiece.objects.get(upload=upload, start__lte=at, end__gt=at)
        yield bytes(piece.content)[at - piece.start :]
        at = piece.end


def _entry(cells: list[str], layout: Layout, said: NewEntry) -> tuple[str, NewEntry]:
    """What one line says; raises BadLine. What it leaves out is as was said for the whole file."""
    reason, expires = (_cell(cells, place) for place in (layout.reason, layout.expires))
    if not (reason or expires):
        return _cell(cells, layout.value), said
    expires_at = _end(expires) if expires else said.expires_at
    return _cell(cells, layout.value), NewEntry(reason[:REASON_LENGTH] or said.reason, expires_at)


def _cell(cells: list[str], place: int | None) -> str:
    return cells[place].strip() if place is not None and place < len(cells) else ""


def _end(text: str) -> datetime:
    """A day counts to its end, a moment to itself."""
    try:
        if len(text) <= len("2027-01-31"):
            return entries.day_after(date.fromisoformat(text))
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else timezone.make_aware(moment)
    except ValueError:
        raise BadLine("date") from None


def _want(part: Part, key: str, entry: NewEntry) -> None:
    """Take an entry into the part; of two with one value, the one that counts for longer."""
    known = part.wanted.get(key)
    if known is None or entry.outlasts(known.expires_at):
        part.wanted[key] = entry


def _leave_out(part: Part, number: int, code: str) -> None:
    part.unreadable += 1
    if len(part.named) < NAMED:
        part.named.append((number, code))


def store(upload: SuppressionUpload, part: Part, now: datetime) -> None:
    """Store a part and that it is stored, in the caller's transaction."""
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
        due_at=now,
    )
    SuppressionPiece.objects.filter(upload=upload, end__lte=part.end).delete()


def end(upload: SuppressionUpload, now: datetime, error: str = "") -> None:
    """End an upload in the caller's transaction, well or with an error; what came of it is deleted."""
    status = Status.FAILED if error else Status.DONE
    SuppressionUpload.objects.filter(pk=upload.pk).update(status=status, error=error, ended_at=now, due_at=None)
    SuppressionPiece.objects.filter(upload=upload).delete()
