"""Search for one contact id: every decision about it, over all sendouts that the reader may see."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import F
from django.utils.translation import gettext as _

from actions import access
from actions.codes.draw import holder_of
from actions.contract import Permanent, Phase
from actions.effect import Preparing
from actions.models import PromoCode
from actions.plan.build import build
from sendouts.inquiries.fate import Found
from sendouts.models import Batch, Decision, DecisionVerdict, EffectRun, Event, EventWord, PendingEffect, Status
from sendouts.wording.batch_sentences import number
from sendouts.wording.sentences import show_text

PAGE = 25
# Decisions per query, and most queries per page: of a contact in many projects, the reader may see few decisions.
PIECE = 200
PIECES = 10
_BATCH = ("finish_uri", "download_uri", "reasons", "failures", "held_for")


@dataclass(frozen=True, slots=True)
class FoundContacts:
    """One page, newest first.

    `before`: the start of the next page, None at the end. `thin`: the search limit left the page short.
    """

    found: list[Found] = field(default_factory=list)
    before: int | None = None
    thin: bool = False


def find(contact_id: str, user: User, *, before: int | None = None, limit: int = PAGE) -> FoundContacts:
    """Return decisions about a contact with exactly this id; with `before`, only those with a lower decision id.

    At most PIECES times PIECE decisions are read. A page may therefore be shorter than the matches; `before` then says
    where to continue.
    """
    # No database stores NUL, and one of them refuses to search for it.
    contact_id = contact_id.replace("\0", "")
    if not contact_id:
        return FoundContacts()
    rows: list[tuple[Decision, Batch]] = []
    for _piece in range(PIECES):
        decisions = _decisions(contact_id, before)
        seen = _batches({decision.batch_id for decision in decisions}, user)
        for decision in decisions:
            if decision.batch_id in seen:
                if len(rows) == limit:
                    return FoundContacts(_describe(rows), rows[-1][0].pk)
                rows.append((decision, seen[decision.batch_id]))
        if len(decisions) < PIECE:
            return FoundContacts(_describe(rows))
        before = decisions[-1].pk
    return FoundContacts(_describe(rows), before, thin=len(rows) < limit)


def _decisions(contact_id: str, before: int | None) -> list[Decision]:
    rows = Decision.objects.filter(contact_id=contact_id)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    # Sort by a sum, so that PostgreSQL uses the contact's index instead of walking back over all decisions by id.
    return list(rows.select_related("decided_by").defer("uri").order_by((F("id") + 0).desc())[:PIECE])


def _batches(ids: set[int], user: User) -> dict[int, Batch]:
    found = Batch.objects.filter(access.within(user), pk__in=ids).select_related("project", "sendout").defer(*_BATCH)
    return {batch.pk: batch for batch in found}


def _describe(rows: Sequence[tuple[Decision, Batch]]) -> list[Found]:
    """Return each decision with its batch's ruling and the sentences on effects, in a constant number of queries."""
    rulings = _rulings({batch.pk for _decision, batch in rows if batch.decided_at is not None})
    wrote = _effect_sentences(rows)
    return [Found(decision, batch, rulings.get(batch.pk), tuple(wrote[decision.pk])) for decision, batch in rows]


def _rulings(ids: set[int]) -> dict[int, Event]:
    ruled = (Status.ACCEPTED, Status.REFUSED)
    events = Event.objects.filter(batch_id__in=ids, word=EventWord.MOVED, new__in=ruled).select_related("user")
    return {event.batch_id: event for event in events.order_by("pk")}


def _effect_sentences(rows: Sequence[tuple[Decision, Batch]]) -> Mapping[int, list[str]]:
    """Return sentences on past and pending effects for each contact, by decision."""
    ids = {batch.pk for _decision, batch in rows}
    runs: dict[int, list[EffectRun]] = defaultdict(list)
    for run in EffectRun.objects.filter(batch_id__in=ids).select_related("batch__plan").order_by("step"):
        runs[run.batch_id].append(run)
    pending: dict[tuple[int, int], PendingEffect] = {
        (each.decision_id, each.step): each
        for each in PendingEffect.objects.filter(decision_id__in=[decision.pk for decision, _batch in rows])
    }
    codes = _codes([(decision, batch) for decision, batch in rows if batch.pk in runs])
    said: dict[int, list[str]] = defaultdict(list)
    for decision, batch in rows:
        for run in runs.get(batch.pk, ()):
            said[decision.pk] += _run_sentences(run, decision, batch, pending.get((decision.pk, run.step)))
        said[decision.pk] += codes.get(decision.pk, [])
    return said


def _run_sentences(run: EffectRun, decision: Decision, batch: Batch, waits: PendingEffect | None) -> Iterator[str]:
    values = {"action": run.identifier, "n": number(run.done)}
    if waits is not None and waits.state == PendingEffect.State.REFUSED:
        why = show_text(waits.text).rstrip(".") or _("no reason was given")
        yield _("“%(action)s” was not carried out for this contact: %(why)s.") % {**values, "why": why}
    elif waits is not None and (batch.is_open or batch.status == Status.FINISHED):
        yield _("“%(action)s” is prepared: %(what)s.") % {**values, "what": _described(run, waits)}
    elif run.ended_at is not None and run.done and run.done == run.total and _is_covered(run, decision):
        yield _("“%(action)s” was carried out for everybody for whom it was prepared (%(n)s).") % values


def _is_covered(run: EffectRun, decision: Decision) -> bool:
    """Return whether a run covers the decision: enrichment covers accepted contacts; a transfer may report all."""
    return run.phase == Phase.TRANSFER or decision.verdict == DecisionVerdict.ACCEPTED


def _described(run: EffectRun, waits: PendingEffect) -> str:
    try:
        kind = build(run.kind, run.batch.plan.content["actions"][run.step]["config"])
    except Permanent:
        return waits.payload
    return kind.describe(json.loads(waits.payload)) if isinstance(kind, Preparing) else waits.payload


def _codes(rows: Sequence[tuple[Decision, Batch]]) -> Mapping[int, list[str]]:
    """Return the contacts' promo codes, by decision."""
    holders: dict[UUID, list[int]] = defaultdict(list)
    for decision, batch in rows:
        holders[holder_of(batch.pk, decision.contact_id)].append(decision.pk)
    found: dict[int, list[str]] = defaultdict(list)
    if not holders:
        return found
    for code in PromoCode.objects.filter(holder__in=list(holders)).select_related("pool").order_by("pk"):
        values = {"code": code.text, "pool": code.pool.name}
        text = (
            _("The code %(code)s of “%(pool)s” was given to this contact.")
            if code.used_at is not None
            else _("The code %(code)s of “%(pool)s” is reserved for this contact.")
        ) % values
        for pk in holders[code.holder] if code.holder else ():
            found[pk].append(text)
    return found
