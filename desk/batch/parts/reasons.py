"""Why contacts are held back: one bar for each reason, with a tick at its usual length."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from desk.batch.contacts import reason_key
from desk.batch.parts.figures import percent, share_of
from sendouts.models import Batch, DecisionVerdict, Outcome, Status
from sendouts.models.decision import DecisionReason
from sendouts.outlook.usual import Usual
from sendouts.wording.batch_sentences import number, reason

SHOWN = 40
# Percent of the track; the longest bar stays below the full track, so that the track is visible.
_LONGEST = 95.0
_TABS = {
    DecisionVerdict.REJECTED: "rejected",
    DecisionVerdict.UNDECIDED: "undecided",
    DecisionVerdict.ACCEPTED: "accepted",
}


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """Contacts with one reason. `width` and `tick` are percent of the track; `query` finds the contacts.

    `tick` is None if nothing is usual.
    """

    tone: str
    text: str
    verdict: str
    action: str
    count: int
    width: float
    tick: float | None
    usually: str
    share: str
    query: str


@dataclass(frozen=True, slots=True)
class Reasons:
    """All reasons with the title of the card; `batches`: the number of batches compared with."""

    title: str
    lines: list[ReasonLine]
    more: int
    batches: int


def reasons(batch: Batch, usual: Usual | None) -> Reasons:
    """Return the reasons of a batch, most frequent first; one line for all texts of a code and action."""
    grouped = _grouped(batch.reasons)
    compared = usual if Status.REFUSED not in (batch.status, batch.outcome) else None
    lines = [_line(batch, key, rows, compared) for key, rows in grouped.items()]
    lines.sort(key=lambda line: (line.tone == "accepted", -line.count))
    expected = [share * batch.total / 100 for share in (compared.reasons.values() if compared else ())]
    longest = max([1.0, *(line.count for line in lines if line.tone != "accepted"), *expected])
    shown = [_scaled(line, longest) for line in lines[:SHOWN]]
    return Reasons(_title(batch), shown, len(lines) - len(shown), compared.range.count if compared else 0)


def _grouped(rows: Sequence[Sequence[Any]]) -> dict[tuple[int, str, str], list[tuple[str, int]]]:
    """Group the texts and counts by verdict, code and action."""
    found: dict[tuple[int, str, str], list[tuple[str, int]]] = {}
    for verdict, code, text, action, count in rows:
        found.setdefault((verdict, code, action), []).append((text, count))
    return found


def _line(batch: Batch, key: tuple[int, str, str], rows: list[tuple[str, int]], usual: Usual | None) -> ReasonLine:
    verdict, code, action = key
    words = {
        DecisionVerdict.REJECTED: "",
        DecisionVerdict.UNDECIDED: _("undecided"),
        DecisionVerdict.ACCEPTED: _("get it"),
    }
    tones = {
        DecisionVerdict.REJECTED: "rejected",
        DecisionVerdict.UNDECIDED: "undecided",
        DecisionVerdict.ACCEPTED: "accepted",
    }
    count = sum(each for _text, each in rows)
    unread = verdict == DecisionVerdict.UNDECIDED and not action and code != DecisionReason.STOPPED
    usually = None
    if usual is not None and verdict == DecisionVerdict.REJECTED:
        usually = usual.reasons.get((code, action), 0.0) * batch.total / 100
    tab = "unread" if unread else _TABS[DecisionVerdict(verdict)]
    return ReasonLine(
        tone="late" if unread else tones[DecisionVerdict(verdict)],
        text=_text(code, rows),
        verdict=words[DecisionVerdict(verdict)],
        action=action,
        count=count,
        width=0.0,
        tick=usually,
        usually="" if usually is None else number(round(usually)),
        share=percent(share_of(count, batch.total), 2) if batch.total else "",
        query=urlencode({"tab": tab, "reason": reason_key(code, action)}),
    )


def _text(code: str, rows: list[tuple[str, int]]) -> str:
    """Return the text of a reason; a general one for several notes of people."""
    if len({text for text, _count in rows}) == 1:
        return reason(code, rows[0][0]) or "–"
    if code == DecisionReason.PERSON:
        return reason(code, "")
    text, _count = max(rows, key=lambda row: row[1])
    return _("%(reason)s, and similar") % {"reason": reason(code, text).rstrip(".")}


def _scaled(line: ReasonLine, longest: float) -> ReasonLine:
    width = 0.0 if line.tone == "accepted" else max(0.4, round(_LONGEST * line.count / longest, 1))
    tick = None if line.tick is None else round(_LONGEST * line.tick / longest, 1)
    return replace(line, width=width, tick=tick)


def _title(batch: Batch) -> str:
    away = batch.total - batch.accepted
    if not away or batch.status in {Status.EXPIRED, Status.ABANDONED, Status.REFUSED}:
        return _("What the checks found")
    if batch.outcome == Outcome.REFUSED:
        return _("What the checks found")
    if batch.status == Status.FINISHED:
        text = ngettext("Why %(n)s contact did not get it", "Why %(n)s contacts did not get it", away)
    elif batch.undecided or batch.unread:
        text = ngettext("Why %(n)s contact is held back", "Why %(n)s contacts are held back", away)
    else:
        text = ngettext("Why %(n)s contact does not get it", "Why %(n)s contacts do not get it", away)
    return text % {"n": number(away)}
