"""The contacts of one batch on its page, by verdict or exact id: keyset pages without a count."""

import json
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from actions.whole import whole
from sendouts.models import Answer, Batch, Decision, DecisionVerdict
from sendouts.models.decision import rows_of, through_an_index
from sendouts.privacy.masking import masked
from sendouts.wording.batch_sentences import column_time, number, reason

PAGE = 25


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of contacts, with the batch's own count (None: not counted)."""

    name: str
    text: str
    count: int | None
    query: str
    active: bool


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One decision as a line; `row` counts from 0, `to` lists the possible changes (empty: none).

    `contact` is the id, or only the place for readers who may not see contact ids.
    """

    row: int
    contact: str
    verdict: DecisionVerdict
    word: str
    reason: str
    action: str
    evidence: str
    decided_by: str
    answer: str
    kept: tuple[tuple[str, str], ...]
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contacts:
    """The content of the table; `first` and `next` are the queries of the first page and of the following one."""

    tabs: list[Tab]
    tab: str
    search: str
    reason: str
    rows: list[ContactRow]
    first: str
    next: str
    kept_shown: bool
    sees: bool

    @property
    def to(self) -> tuple[str, ...]:
        """Return the changes that at least one of the rows allows."""
        return tuple(name for name in ("accept", "reject") if any(name in row.to for row in self.rows))


def tabs(batch: Batch) -> dict[str, tuple[str, int | None]]:
    """Return the tabs in order, rejected contacts first, since people look for these most often."""
    found: dict[str, tuple[str, int | None]] = {
        "rejected": (_("Do not get it"), batch.rejected),
        "undecided": (_("Undecided"), batch.undecided),
        "accepted": (_("Get it"), batch.accepted),
        "unread": (_("Unreadable"), batch.unread),
    }
    return {name: tab for name, tab in found.items() if tab[1] or name in {"rejected", "accepted"}}


def contacts_page(batch: Batch, asked: Mapping[str, str], *, sees: bool, changes: bool) -> Contacts:
    """Return one page of contacts.

    asked: `tab`, `reason` as reason_key() writes it, `contact` (an exact id), `after` (a row). sees: show ids and kept
    fields, and search ids. changes: single decisions can be changed now.
    """
    found = tabs(batch)
    default = next((name for name, (_text, count) in found.items() if count), "rejected")
    tab = asked.get("tab", "") if asked.get("tab") in found else default
    # Do not search ids that are not shown: an answer would tell who is in the batch.
    search = _text(asked.get("contact", "")) if sees else ""
    after = -1 if (row := whole(asked.get("after", ""))) is None else row
    only = _text(asked.get("reason", "")) if not search else ""
    rows = _rows(batch, tab, search, only, after + 1)
    rows = rows.select_related("decided_by").order_by("pk")[: PAGE + 1]
    # The index of ids is not in the order of the file, and one id has few rows.
    with nullcontext() if search else through_an_index():
        page = list(rows)
    more = len(page) > PAGE
    shown = frozenset(batch.project.show_fields)
    where = {"contact": search} if search else {"tab": tab} | ({"reason": only} if only else {})
    return Contacts(
        tabs=[Tab(name, text, n, urlencode({"tab": name}), name == tab) for name, (text, n) in found.items()],
        tab="" if search else tab,
        search=search,
        reason=only,
        rows=[_line(decision, shown, sees=sees, changes=changes) for decision in page[:PAGE]],
        first=urlencode(where) if after >= 0 else "",
        next=urlencode({**where, "after": page[PAGE - 1].row}) if more else "",
        kept_shown=sees and any(decision.kept and not decision.unread for decision in page),
        sees=sees,
    )


def _text(asked: str) -> str:
    """Return text that can be compared with a column: no database stores the character 0."""
    return asked.replace("\0", "").strip()[:400]


def reason_key(code: str, action: str) -> str:
    """Return the key of a filter by reason. It omits the text, which varies beside one code."""
    return f"{code}:{action}"


def with_reason(batch: Batch, key: str, first: int = 0) -> QuerySet[Decision]:
    """Return the decisions of a batch with one reason, from row `first` on.

    The reasons have an index of their own, in the order of the file.
    """
    code, _colon, action = key.partition(":")
    rows = Decision.objects.filter(_rows_from(batch, first), action=action, reason=code)
    # The partial index holds rows with a reason, and only serves a query with this condition.
    return rows.exclude(reason="") if code else rows


def _rows_from(batch: Batch, first: int) -> Q:
    """Select the rows of a batch from `first` on, with one lower bound.

    Given two lower bounds, SQLite starts at the first and scans up to the second.
    """
    first = min(first, (1 << 32) - 1)
    return rows_of(batch.pk, first, (1 << 32) - first)


def _rows(batch: Batch, tab: str, search: str, only: str, first: int) -> QuerySet[Decision]:
    rows = with_reason(batch, only, first) if only else Decision.objects.filter(_rows_from(batch, first))
    rows = rows.defer("uri")
    if search:
        return rows.filter(contact_id=search)
    if tab == "accepted":
        return rows.filter(verdict=DecisionVerdict.ACCEPTED)
    if tab == "rejected":
        # The partial index of rows that are not accepted only serves a query with this condition.
        return rows.exclude(verdict=DecisionVerdict.ACCEPTED).filter(verdict=DecisionVerdict.REJECTED)
    return rows.filter(verdict=DecisionVerdict.UNDECIDED, unread=tab == "unread")


def _line(decision: Decision, shown: Collection[str], *, sees: bool, changes: bool) -> ContactRow:
    verdict = DecisionVerdict(decision.verdict)
    kept = decision.kept or {}
    where = _(" (place %(place)s)") % {"place": kept["place"]} if decision.unread and kept.get("place") else ""
    unread = decision.unread and verdict == DecisionVerdict.UNDECIDED
    word = (
        _("unreadable")
        if unread
        else {
            DecisionVerdict.ACCEPTED: _("gets it"),
            DecisionVerdict.REJECTED: _("does not get it"),
            DecisionVerdict.UNDECIDED: _("undecided"),
        }[verdict]
    )
    answered = verdict == DecisionVerdict.REJECTED and decision.answer != Answer.NONE
    # A rejection sent before the release was stopped cannot be put back.
    changes = changes and not answered
    choices = {
        DecisionVerdict.ACCEPTED: ("reject",),
        DecisionVerdict.REJECTED: ("accept",),
        DecisionVerdict.UNDECIDED: ("accept", "reject"),
    }
    return ContactRow(
        row=decision.row,
        contact=decision.contact_id if sees else row_name(decision),
        verdict=verdict,
        word=word,
        reason=reason(decision.reason, decision.text) + where,
        action=decision.action,
        evidence=column_time(decision.evidence_at, timezone.now()) if decision.evidence_at else "",
        decided_by=decision.decided_by.get_username() if decision.decided_by else "",
        answer=str(decision.get_answer_display()) if answered else "",
        kept=_show_kept(kept, shown) if sees and not decision.unread else (),
        to=choices[verdict] if changes else (),
    )


def row_name(decision: Decision) -> str:
    """Return the name of a decision for readers who may not see the contact's id."""
    return _("row %(row)s") % {"row": number(decision.row + 1)}


def _show_kept(kept: Mapping[str, object], shown: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return the stored fields; values are masked unless the project shows them."""
    return tuple((name, _short(value) if name in shown else masked(value)) for name, value in kept.items())


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"


def unread_without_address(batch: Batch) -> int:
    """Count unreadable rows that can only be let through or left to time out."""
    if not batch.unread:
        return 0
    # There are few such rows, and they have an index of their own.
    return Decision.objects.filter(rows_of(batch.pk), unread=True, verdict=DecisionVerdict.UNDECIDED, uri=b"").count()


def decision_at(batch: Batch, row: int) -> Decision | None:
    """Return one row of a batch."""
    if not 0 <= row < 1 << 32:
        return None
    return Decision.objects.filter(rows_of(batch.pk, row, 1)).first()
