"""The decisions of a batch as CSV: read piece by piece, each in a query of its own, and recorded as an event."""

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

# Rows read in one query, and written in one part.
PIECE = 5_000
# How often it is noted how far a download is.
NOTED_SECONDS = 1.0
KEPT = timedelta(days=1)
TABS = ("rejected", "undecided", "accepted", "unread")
_COLUMNS = (
    "pk",
    "contact_id",
    "verdict",
    "unread",
    "reason",
    "text",
    "action",
    "decided_by__username",
    "evidence_at",
    "answer",
    "answer_status",
    "kept",
)
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """Whose decisions are wanted: of one tab (empty: everybody's), or of one reason of a batch, with all that makes it one."""

    tab: str = ""
    verdict: int | None = None
    reason: str | None = None
    text: str | None = None
    action: str | None = None

    def condition(self) -> Q:
        """The condition on decisions."""
        found = Q()
        match self.tab:
            case "rejected":
                found &= Q(verdict=DecisionVerdict.REJECTED)
            case "accepted":
                found &= Q(verdict=DecisionVerdict.ACCEPTED)
            case "undecided":
                found &= Q(verdict=DecisionVerdict.UNDECIDED, unread=False)
            case "unread":
                found &= Q(verdict=DecisionVerdict.UNDECIDED, unread=True)
        said = {"verdict": self.verdict, "reason": self.reason, "text": self.text, "action": self.action}
        return found & Q(**{name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns are called, and how a row becomes cells; `fields` are those kept of the contacts, one column each."""

    names: Sequence[str]
    cells: Callable[[Row], list[Any]]


def reason_key(line: Sequence[Any]) -> str:
    """A short name for one reason of a batch, [verdict, code, text, action, …], that stays when the counts change."""
    return sha256(json.dumps(line[:4]).encode()).hexdigest()[:16]


def choice_of(batch: Batch, tab: str, key: str) -> ExportChoice:
    """The choice of a tab and of a reason by its key; both may be empty. Raises NotDone for what there is not."""
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
    """Record that somebody takes decisions of a batch out of the gateway. Raises NotDone."""
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
    """The file, in parts of some thousand rows. The same memory for every batch; no transaction is open between two parts."""
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
                _note(export, read=at, written=written)
            if rows:
                yield write(map(columns.cells, rows), form).encode("utf-8", "replace")
            _let_go()
        _note(export, read=at, written=written, ended_at=timezone.now())
    except BaseException:
        _note(export, read=at, written=written, ended_at=timezone.now(), broken=True)
        raise
    finally:
        _let_go()


def _piece(batch_id: int, choice: ExportChoice, first: int) -> list[Row]:
    rows = Decision.objects.filter(rows_of(batch_id, first, PIECE)).filter(choice.condition())
    return list(rows.order_by("pk").values_list(*_COLUMNS))


def _note(export: Export, **columns: Any) -> None:
    Export.objects.filter(pk=export.pk).update(**columns)


def _let_go() -> None:
    """Give the connection back while the reader takes what was written: a slow one would keep it from others."""
    if not connection.in_atomic_block:
        connection.close()


def for_people(batch: Batch) -> Columns:
    """The columns as people read them, in their language, with the fields that the project keeps."""
    fields = list(batch.project.keep_fields)
    # What a project does not say that it shows is masked, as beside the contacts on the screen.
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
    """The columns as the API names them; rows count from 0. Kept fields are not among them, as nowhere in the API."""
    names = (
        "row",
        "contact_id",
        "verdict",
        "unread",
        "reason",
        "text",
        "action",
        "decided_by",
        "evidence_at",
        "answer",
        "answer_status",
    )
    verdicts = {value: word.lower() for word, value in ((each.name, each.value) for each in DecisionVerdict)}
    answers = {value: word.lower() for word, value in ((each.name, each.value) for each in Answer)}
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

    return Columns(names, cells)


def _field(value: Any, *, masks: bool) -> str:
    if value is None:
        return ""
    if masks:
        return masked(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _rest(values: dict[str, Any], show: Collection[str]) -> str:
    """Fields that the project kept once and does not name any more, together in one cell."""
    found = {name: value if name in show else masked(value) for name, value in values.items()}
    return json.dumps(found, ensure_ascii=False) if found else ""


def file_name(batch: Batch) -> str:
    """A name that every system takes."""
    return f"{slugify(title(batch)) or 'batch'}-{batch.pk}.csv"


def prune(now: datetime) -> None:
    """Forget how far downloads of earlier days were."""
    Export.objects.filter(started_at__lt=now - KEPT).delete()
