"""Export of a batch's decisions as CSV: one query per piece, recorded as an event."""

import json
import time
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from sendouts import lifecycle
from sendouts.inquiries.csv import MARK, CsvForm, write
from sendouts.models import Answer, Batch, Decision, DecisionVerdict, EventWord, Export
from sendouts.models.decision import rows_of
from sendouts.privacy.masking import masked
from sendouts.verbs import base
from sendouts.verbs.base import NotDone, NotDoneCode
from sendouts.wording.batch_sentences import reason, title
from sendouts.wording.sentences import show_text

# Number of rows per query, and per part of the response.
PIECE = 5_000
# Seconds between two updates of a download's progress.
NOTED_SECONDS = 1.0
KEPT = timedelta(days=1)
TABS = {
    "rejected": Q(verdict=DecisionVerdict.REJECTED),
    "undecided": Q(verdict=DecisionVerdict.UNDECIDED, unread=False),
    "accepted": Q(verdict=DecisionVerdict.ACCEPTED),
    "unread": Q(verdict=DecisionVerdict.UNDECIDED, unread=True),
}
# The columns for programs, by name, and the kept fields.
_COLUMNS = {
    "row": "pk",
    "contact_id": "contact_id",
    "verdict": "verdict",
    "unread": "unread",
    "reason": "reason",
    "text": "text",
    "action": "action",
    "decided_by": "decided_by__username",
    "evidence_at": "evidence_at",
    "answer": "answer",
    "answer_status": "answer_status",
}
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """Filter of an export: one tab (empty: all contacts), or one reason of a batch with all parts of its key."""

    tab: str = ""
    verdict: int | None = None
    reason: str | None = None
    text: str | None = None
    action: str | None = None

    def condition(self) -> Q:
        """Return the filter as a condition on decisions."""
        key = {"verdict": self.verdict, "reason": self.reason, "text": self.text, "action": self.action}
        return TABS.get(self.tab, Q()) & Q(**{name: value for name, value in key.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Columns:
    """Column titles, and the function that makes cells of a row; `fields` are the kept fields, one column each."""

    names: Sequence[str]
    cells: Callable[[Row], list[Any]]


def reason_key(line: Sequence[Any]) -> str:
    """Return a short key for one reason of a batch, [verdict, code, text, action, …]; it ignores the counts."""
    return sha256(json.dumps(line[:4]).encode()).hexdigest()[:16]


def choice_of(batch: Batch, tab: str, key: str) -> ExportChoice:
    """Return the filter for a tab and for the key of a reason; both may be empty. Raises NotDone for unknown values."""
    if tab and tab not in TABS:
        raise NotDone(NotDoneCode.BAD_CHOICE, _("Choose whose decisions you want."))
    if not key:
        return ExportChoice(tab)
    for line in batch.reasons:
        if reason_key(line) == key:
            verdict, code, text, action = line[:4]
            return ExportChoice("", verdict, code, text, action)
    raise NotDone(NotDoneCode.BAD_CHOICE, _("No contact has this reason any more. Choose again."))


def begin(batch: Batch, user: User, choice: ExportChoice, *, key: UUID | None = None, now: datetime) -> Export:
    """Record that a user exports decisions of a batch. Raises NotDone."""
    if not user.has_perm(base.VIEW_CONTACTS):
        raise NotDone(NotDoneCode.NOT_ALLOWED, _("You may not see who the contacts are."))
    if batch.retired_at is not None:
        raise NotDone(NotDoneCode.RETIRED, _("The contacts of this batch are no longer kept."))
    with transaction.atomic():
        data = {name: value for name, value in asdict(choice).items() if value}
        lifecycle.record([batch.pk], EventWord.EXPORTED, now=now, user=user, data={batch.pk: data})
        if key is None or Export.objects.filter(pk=key).exists():
            key = uuid4()
        return Export.objects.create(key=key, batch=batch, user=user, total=batch.total, started_at=now)


def parts(export: Export, choice: ExportChoice, columns: Columns, form: CsvForm) -> Generator[bytes, None, None]:
    """Yield the file in parts of PIECE rows, in constant memory; no transaction is open between two parts."""
    written = at = 0
    noted = time.monotonic()
    try:
        yield ((MARK if form.bom else "") + write([columns.names], form)).encode()
        while at < export.total:
            rows = _piece(export.batch_id, choice, at)
            at = min(at + PIECE, export.total)
            written += len(rows)
            if time.monotonic() - noted >= NOTED_SECONDS:
                noted = time.monotonic()
                _record_progress(export, read=at, written=written)
            if rows:
                yield write(map(columns.cells, rows), form).encode("utf-8", "replace")
            _release_connection()
        _record_progress(export, read=at, written=written, ended_at=timezone.now())
    except BaseException:
        _record_progress(export, read=at, written=written, ended_at=timezone.now(), broken=True)
        raise
    finally:
        _release_connection()


def _piece(batch_id: int, choice: ExportChoice, first: int) -> list[Row]:
    rows = Decision.objects.filter(rows_of(batch_id, first, PIECE)).filter(choice.condition())
    return list(rows.order_by("pk").values_list(*_COLUMNS.values(), "kept"))


def _record_progress(export: Export, **columns: Any) -> None:
    Export.objects.filter(pk=export.pk).update(**columns)


def _release_connection() -> None:
    """Release the database connection while the client reads; a slow client would keep it from other requests."""
    if not connection.in_atomic_block:
        connection.close()


def for_people(batch: Batch) -> Columns:
    """Return columns for people, in their language, with the fields that the project keeps."""
    fields = list(batch.project.keep_fields)
    # Mask all fields that the project does not list for display, as the contact list on the screen does.
    show = frozenset(batch.project.show_fields)
    words = {
        DecisionVerdict.ACCEPTED: _("gets it"),
        DecisionVerdict.REJECTED: _("does not get it"),
        DecisionVerdict.UNDECIDED: _("undecided"),
    }
    unreadable = _("unreadable")
    answers = {value: str(label) for value, label in Answer.choices}
    why = lru_cache(maxsize=PIECE)(reason)
    zone = timezone.get_current_timezone()

    def cells(row: Row) -> list[Any]:
        pk, contact, verdict, unread, code, text, action, who, evidence, answer, status, kept = row
        rejected = verdict == DecisionVerdict.REJECTED
        values = {} if unread else dict(kept or {})
        return [
            (pk & 0xFFFF_FFFF) + 1,
            contact,
            unreadable if unread and verdict == DecisionVerdict.UNDECIDED else words[verdict],
            why(code, text) if code or text else "",
            action,
            who,
            evidence.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if evidence else "",
            answers[answer] if rejected else "",
            status or "",
            *(_field(values.pop(name, None), masks=name not in show) for name in fields),
            _rest(values, show),
        ]

    names = [
        _("Row"),
        _("Contact id"),
        _("Decision"),
        _("Reason"),
        _("Action"),
        _("Decided by"),
        _("Evidence of (%(zone)s)") % {"zone": timezone.get_current_timezone_name()},
        _("Symplify’s answer"),
        _("Answer code"),
        *fields,
        _("Other fields kept"),
    ]
    return Columns(names, cells)


def for_programs() -> Columns:
    """Return columns under their API names; rows count from 0. Kept fields are left out, as everywhere in the API."""
    verdicts = {each.value: each.name.lower() for each in DecisionVerdict}
    answers = {each.value: each.name.lower() for each in Answer}
    sentence = lru_cache(maxsize=PIECE)(show_text)

    def cells(row: Row) -> list[Any]:
        pk, contact, verdict, unread, code, text, action, who, evidence, answer, status, _kept = row
        moment = evidence.isoformat() if evidence else ""
        flag = "true" if unread else "false"
        return [
            pk & 0xFFFF_FFFF,
            contact,
            verdicts[verdict],
            flag,
            code,
            sentence(text),
            action,
            who,
            moment,
            answers[answer],
            status,
        ]

    return Columns(tuple(_COLUMNS), cells)


def _field(value: Any, *, masks: bool) -> str:
    if value is None:
        return ""
    if masks:
        return masked(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _rest(values: dict[str, Any], show: Collection[str]) -> str:
    """Return one cell with fields that the project kept earlier but no longer names."""
    found = {name: value if name in show else masked(value) for name, value in values.items()}
    return json.dumps(found, ensure_ascii=False) if found else ""


def file_name(batch: Batch) -> str:
    """Return a file name that is valid on every system."""
    return f"{slugify(title(batch)) or 'batch'}-{batch.pk}.csv"


def prune(now: datetime) -> None:
    """Delete progress records of downloads from earlier days."""
    Export.objects.filter(started_at__lt=now - KEPT).delete()
