"""Run the rows of a delivery through the checks of its plan, and build the decisions to store."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypedDict

from django.utils import timezone

from actions.contact import MISSING
from actions.contract import Contact, Permanent, Word
from actions.models import KeepContacts
from actions.plan.build import build
from actions.plan.merge import from_data
from actions.plan.run import Failure, run_plan
from actions.secrets.at_rest import AtRest
from actions.secrets.keys import keyring
from sendouts import lifecycle
from sendouts.deadlines import screening_ends
from sendouts.models import Batch, DecisionVerdict, EventWord, Status
from sendouts.privacy import sealing
from sendouts.services.context import Contexts, own_pool
from sendouts.stages import effects
from sendouts.stages.screening import own_decisions
from sendouts.stages.screening.addresses import Addresses
from sendouts.stages.storage import NewDecision, NewEffect
from sendouts.symplify.items import Row
from sendouts.symplify.plain import scrub
from work import claims

# Plain integers: counting and storing enum members costs a Python call for each row.
VERDICTS = {
    Word.ACCEPT: int(DecisionVerdict.ACCEPTED),
    Word.REJECT: int(DecisionVerdict.REJECTED),
    Word.UNDECIDED: int(DecisionVerdict.UNDECIDED),
}
# Stands for unreadable rows among the verdicts.
_UNREAD = -1
# How long after its time limit the claim is still extended for a kind.
GRACE = timedelta(seconds=30)
# Seconds for which a worker asks a service again that does not answer; then the batch waits for it as a row.
PATIENCE = 5.0
# Rows of a chunk whose service is asked about few at a time: what an answered chunk keeps, no silence takes away.
LEAST_ROWS, ROUNDS = 200, 8


class Sums(TypedDict):
    """The sums of some rows, as the columns of a chunk or a batch."""

    accepted: int
    rejected: int
    undecided: int
    unread: int
    # [verdict, reason code, reason text, action, count] of all rows except accepted ones without a reason
    reasons: list[list[Any]]
    failures: list[dict[str, Any]]


class Judged(NamedTuple):
    """The result of some rows: their decisions, the failures, and the data for their effects."""

    decisions: list[NewDecision]
    failures: list[Failure]
    effects: list[NewEffect]
    # Ids of the rows whose service does not answer, so that they have no verdict, and in how many seconds to ask again.
    waiting: frozenset[int] = frozenset()
    again_in: float = 0.0

    def sums(self) -> Sums:
        """Sum up the decisions."""
        keys = Counter((row.verdict, row.reason, row.text, row.action, row.unread) for row in self.decisions)
        counts: Counter[int] = Counter()
        reasons: list[list[Any]] = []
        for (verdict, code, text, action, unread), count in keys.items():
            counts[_UNREAD if unread else verdict] += count
            if code or verdict != DecisionVerdict.ACCEPTED:
                reasons.append([int(verdict), code, text, action, count])
        return Sums(
            accepted=counts[DecisionVerdict.ACCEPTED],
            rejected=counts[DecisionVerdict.REJECTED],
            undecided=counts[DecisionVerdict.UNDECIDED],
            unread=counts[_UNREAD],
            reasons=reasons,
            failures=[asdict(failure) for failure in self.failures],
        )


class Judge:
    """Judge of the rows of batches that share plan, project and sendout; `batch` is any of them.

    `tick` is called about once a second while a service is pending. `base`: the URI of their file, for relative ones.
    `patience`: as in run_plan().
    """

    def __init__(
        self,
        batch: Batch,
        ends: datetime | None = None,
        tick: Callable[[], None] | None = None,
        base: str = "",
        patience: float | None = None,
    ) -> None:
        self._patience = patience
        self._addresses = Addresses(base)
        self._plan = from_data(batch.plan.content)
        self._tick = tick
        self._ends = ends or screening_ends(batch.received_at, batch.deadline)
        self._contexts = Contexts(batch, self._ends)
        keep, names = batch.project.keep_contacts, list(batch.project.keep_fields)
        self._keeps_accepted = keep == KeepContacts.ALL and bool(names)
        self._keeps_rejected = keep != KeepContacts.NONE and bool(names)
        self._kept_fields = names

    def judge(self, rows: Sequence[Row], ids: Iterable[int], stop: threading.Event | None = None) -> Judged:
        """Judge rows; `ids` are those of their decisions, in the same order."""
        pairs = list(zip(ids, rows, strict=True))
        contacts = [Contact(row.contact_id, row.fields, pk) for pk, row in pairs if not row.problem]
        result = run_plan(
            self._plan.actions,
            contacts,
            self._contexts.of,
            pool=own_pool(),
            stop=stop,
            tick=self._extend_claim,
            patience=self._patience,
        )
        judged = zip(contacts, result.verdicts, result.action, strict=True)
        decisions = []
        called = list(self._addresses.read_all([row.uri for row in rows]))
        uris = keyring().seal_all([uri for uri, _ in called], [sealing.of_decision(pk) for pk, _ in pairs])
        for (pk, row), uri, (_, mark) in zip(pairs, uris, called, strict=True):
            if row.problem:
                decisions.append(_unread(pk, row, uri, mark))
                continue
            contact, verdict, action = next(judged)
            word = VERDICTS[verdict.word]
            keeps = self._keeps_accepted if word == DecisionVerdict.ACCEPTED else self._keeps_rejected
            kept = self._kept(contact) if keeps else None
            why = verdict.code, verdict.text, action
            found = NewDecision(pk, row.contact_id, uri, word, False, *why, kept, verdict.evidence_at, mark)
            decisions.append(found)
        effects = [NewEffect(contacts[place].key, step, payload) for place, step, payload in result.payloads]
        waiting = frozenset(contacts[place].key for place in result.waiting)
        return Judged(decisions, list(result.failures), effects, waiting, result.again_in)

    def chunk_rows(self, most: int) -> int:
        """Return how many rows to screen and store together."""
        pages = [most]
        for planned in self._plan.actions:
            with suppress(Permanent):
                kind = build(planned.kind, planned.config)
                pages += [kind.page_size * kind.parallel * ROUNDS] if kind.waits else []
        return min(most, max(LEAST_ROWS, min(pages)))

    def _extend_claim(self) -> None:
        # A kind that hangs beyond its time must not keep the batch from expiring.
        if self._tick is not None and timezone.now() < self._ends + GRACE:
            self._tick()

    def _kept(self, contact: Contact) -> str:
        found = {name: contact.field(name) for name in self._kept_fields}
        kept = {name: value for name, value in found.items() if value is not MISSING}
        # NaN and Infinity are no JSON for a database.
        return json.dumps(scrub(kept), default=str)


def _unread(pk: int, row: Row, uri: AtRest, mark: int | None) -> NewDecision:
    """Return an undecided decision for an unreadable row, with the row's position for the screen."""
    place = json.dumps({"place": row.place})
    why = row.problem, row.text, ""
    return NewDecision(pk, row.contact_id, uri, DecisionVerdict.UNDECIDED, True, *why, place, uri_mark=mark)


def complete(
    claim: claims.Claim,
    batches: Sequence[Batch],
    columns: Mapping[int, dict[str, Any]],
    prepared: Mapping[int, Mapping[int, int]],
    now: datetime,
    *,
    decided: Iterable[int],
    invisible: Mapping[int, int],
) -> None:
    """Move batches to `screened` and create the runs of their effects, in the caller's transaction.

    The caller has extended the claim: a stale worker must neither leave runs nor forget what people decided.
    columns: what screening found, by batch id; prepared: as for effects.begin; decided: the batches on whose contacts
    people had decided; invisible: how many ids, addresses and names of fields had invisible characters, by batch id.
    """
    for pk, enrichments in effects.begin(batches, prepared, now).items():
        columns[pk].update(enrichments=enrichments, attempts=0, due_at=now)
    found = {pk: {"invisible": count} for pk, count in invisible.items() if count}
    lifecycle.move(columns, Status.PLANNED, Status.SCREENED, now=now, claim=claim, data=found)
    for pk, changed in columns.items():
        if changed["attention"]:
            data = {pk: {"code": changed["attention"], **changed["attention_data"]}}
            lifecycle.record([pk], EventWord.ATTENTION, now=now, data=data)
    for pk in decided:
        if own := own_decisions.end(pk):
            lifecycle.record([pk], EventWord.KEPT, now=now, data={pk: own})
