"""Changed actions tried on what is kept of a past batch: who would get another decision, without touching anything.

Checks alone run, over contacts whose fields are kept; nothing is written, drawn or sent, and the batch is not claimed. What a
check cannot know here it does not guess: it is left out by name, and what it had said of a contact then still counts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.utils import timezone

from actions.building import build
from actions.catalog import kinds, phases
from actions.codes import NO_POOLS
from actions.contact import MISSING, Contact
from actions.contact import reader as reader_of
from actions.contract import Context, Kind, Permanent, Phase
from actions.merging import Asked, Definition, Merged, PlannedAction, folded, from_data, merge
from actions.models import ActionDefinition, Project, Sendout, definition_of, definitions_for
from actions.running import Result, run_plan
from sendouts.contexts import Contexts
from sendouts.models import Batch, Decision, Status, Verdict
from sendouts.models.decision import rows_of
from sendouts.screening.judging import VERDICTS

log = structlog.get_logger(__name__)
# Contacts tried at most, and where services are asked about them.
MOST = 20_000
MOST_ASKED = 1_000
# Contacts judged at once; between two of them it is looked whether time is left.
WINDOW = 1_000
WINDOW_ASKED = 100
# How much of the time that a page has it takes.
SHARE_OF_PAGE = 0.6
SAMPLES = 20
# Past batches to choose from, and decisions looked at to see whether a batch keeps fields.
CHOICES = 12
LOOKED_AT = 200
FIRST_ROWS = 5_000
# Decisions with these codes are people's or the deadline's: what the checks had said is not known any more.
_NOT_OF_CHECKS = frozenset({"person", "refused", "at_deadline", "stopped"})
_COLUMNS = ("pk", "contact_id", "verdict", "reason", "text", "action", "decided_by", "kept")
_THREADS = 8


class Keeps(StrEnum):
    """Whose fields a batch kept."""

    ALL = "all"
    REJECTED = "rejected"
    NOBODY = "nobody"


class Why(StrEnum):
    """Why an action of the plan was not tried."""

    WRITES = "writes"
    SERVICE = "service"
    FIELDS = "fields"
    UNSAID = "unsaid"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Left:
    """An action that was not tried; `fields`: those that it needs and nobody kept; `text`: why it cannot be made.

    `judged`: the same action, configured as it is now, had judged the batch.
    """

    action: PlannedAction
    why: Why
    fields: tuple[str, ...] = ()
    text: str = ""
    judged: bool = False


class Past(NamedTuple):
    """What was decided about a contact then, with what is kept of it."""

    pk: int
    contact_id: str
    verdict: int
    reason: str
    text: str
    action: str
    decided_by: int | None
    kept: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A contact that would get another decision: what it was, and what it would be, with the reason and action of each."""

    past: Past
    verdict: Verdict
    code: str
    text: str
    action: str


@dataclass(slots=True)
class Rehearsal:
    """What came of it. `moved` counts contacts by (was, would be); `unknown` would be asked of an action that was left out."""

    batch: Batch
    keeps: Keeps
    tried: int = 0
    # Decided by people, the deadline or a refusal: left out.
    not_comparable: int = 0
    moved: Counter[tuple[Verdict, Verdict]] = field(default_factory=Counter)
    unknown: int = 0
    # (would be, code, text, action) of those that would be decided otherwise.
    reasons: Counter[tuple[Verdict, str, str, str]] = field(default_factory=Counter)
    # Some of them, by what they would be.
    changes: dict[Verdict, list[Change]] = field(default_factory=lambda: {verdict: [] for verdict in Verdict})
    left: list[Left] = field(default_factory=list)
    undefined: list[str] = field(default_factory=list)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    # The hook had not named the action that is tried: it runs as if it had.
    as_if_asked: bool = False
    # Every contact whose fields are kept was tried; else it was a part, because of its size or of the time.
    whole: bool = True
    out_of_time: bool = False

    @property
    def samples(self) -> list[Change]:
        """Some contacts that would be decided otherwise, those that would not get the message first."""
        order = (Verdict.REJECTED, Verdict.UNDECIDED, Verdict.ACCEPTED)
        return [change for verdict in order for change in self.changes[verdict]][:SAMPLES]

    @property
    def more(self) -> int:
        """Contacts that would be rejected, and were not."""
        return sum(n for (was, now), n in self.moved.items() if now == Verdict.REJECTED != was)

    @property
    def fewer(self) -> int:
        """Contacts that were rejected, and would not be."""
        return sum(n for (was, now), n in self.moved.items() if was == Verdict.REJECTED != now)

    @property
    def held(self) -> int:
        """Contacts that would be undecided, and were accepted."""
        return self.moved[Verdict.ACCEPTED, Verdict.UNDECIDED]

    @property
    def settled(self) -> int:
        """Contacts that were undecided, and would be accepted."""
        return self.moved[Verdict.UNDECIDED, Verdict.ACCEPTED]


def candidates(project: Project, sendout: Sendout | None = None) -> list[Batch]:
    """The newest batches with a contact file whose contacts are still stored with fields, of a project or of one sendout."""
    rows = Batch.objects.filter(project=project, source=Batch.Source.BATCH, retired_at__isnull=True, total__gt=0)
    if sendout is not None:
        rows = rows.filter(sendout=sendout)
    newest = rows.exclude(status=Status.PLANNED).select_related("project", "sendout", "plan").order_by("-pk")
    found = newest.defer("finish_uri", "download_uri")[: 2 * CHOICES]
    return [batch for batch in found if keeps(batch) is not Keeps.NOBODY][:CHOICES]


def keeps(batch: Batch) -> Keeps:
    """Whose fields are kept, as some of the first decisions show."""
    # What screening itself accepted: a rejected contact that a person put back keeps its fields in any case.
    first = Decision.objects.filter(rows_of(batch.pk, 0, FIRST_ROWS), verdict=Verdict.ACCEPTED, reason="", unread=False)
    accepted = first.filter(decided_by__isnull=True).order_by("pk").values_list("kept", flat=True)[:1]
    if any(kept is not None for kept in accepted):
        return Keeps.ALL
    others = Decision.objects.filter(rows_of(batch.pk), unread=False).exclude(verdict=Verdict.ACCEPTED).order_by("pk")
    rejected = list(others.values_list("kept", flat=True)[:LOOKED_AT])
    return Keeps.REJECTED if any(kept is not None for kept in rejected) else Keeps.NOBODY


def plan_with(batch: Batch, draft: ActionDefinition | None = None) -> tuple[Merged, bool]:
    """What the batch's hook would get by what is defined now, with a draft in its place; and whether the hook lacks the draft.

    A draft whose identifier the hook did not name takes part as if it had: it is what somebody wants to see.
    """
    definitions: list[Definition] = definitions_for(batch.project, batch.sendout)
    asked = list(_asked(batch))
    lacks = False
    if draft is not None:
        definitions = [each for each in definitions if each.id != (draft.pk or 0)]
        if not draft.archived:
            definitions.append(definition_of(draft))
            named = folded(draft.identifier) in {folded(each.identifier) for each in asked}
            lacks = draft.run != "always" and not named
            asked += [Asked.of(draft.identifier)] if lacks else []
    return merge(definitions, asked, phases()), lacks


def _asked(batch: Batch) -> Iterator[Asked]:
    """What the hook named, as the frozen plan tells."""
    then = from_data(batch.plan.content)
    for action in then.actions:
        for origin in action.origins:
            if origin.asked:
                yield Asked(origin.identifier or action.identifier, action.details)
    yield from then.unknown


def asks(merged: Merged) -> bool:
    """Whether a check of the plan calls out."""
    found = kinds()
    return any(
        action.phase == Phase.CHECK and action.kind in found and found[action.kind].waits for action in merged.actions
    )


def rehearse(
    batch: Batch, merged: Merged, *, services: bool = False, lacks: bool = False, user_id: int = 0
) -> Rehearsal:
    """Try a plan on what is kept of a batch. services: checks that call out are asked, about fewer contacts."""
    began = timezone.now()
    ends = began + timedelta(seconds=settings.PAGE_SECONDS * SHARE_OF_PAGE)
    found = Rehearsal(batch, keeps(batch), undefined=[each.identifier for each in merged.unknown], as_if_asked=lacks)
    if found.keeps is Keeps.NOBODY:
        return found
    kept = _fields_kept(batch)
    tried, left = _parted(merged.actions, kept, services=services)
    then = {_essence(action) for action in from_data(batch.plan.content).actions}
    found.left = [replace(each, judged=_essence(each.action) in then) for each in left]
    calls = any(build(action.kind, action.config).waits for action in tried)
    compare = _Comparison(batch, found.left)
    make_context = _contexts(batch, ends)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="rehearsal") as pool:
        for rows in _windows(found, most=MOST_ASKED if calls else MOST, size=WINDOW_ASKED if calls else WINDOW):
            if timezone.now() >= ends:
                found.whole, found.out_of_time = False, True
                break
            contacts = [Contact(row.contact_id, row.kept, row.pk) for row in rows]
            result = run_plan(tried, contacts, make_context, pool=pool)
            if calls and timezone.now() >= ends:
                # Some of its pages may not have been asked: what is known of it is not what a batch would get.
                found.whole, found.out_of_time = False, True
                break
            _count(found, rows, result, compare)
    log.info("rehearsed", batch=batch.pk, user=user_id, contacts=found.tried, ms=round(_milliseconds(began)))
    return found


def _milliseconds(began: datetime) -> float:
    return (timezone.now() - began).total_seconds() * 1000


def _contexts(batch: Batch, ends: datetime) -> Callable[[PlannedAction], Context]:
    contexts = Contexts(batch, ends)
    # No pool of codes: nothing is drawn, whatever a check asks for.
    return lambda action: replace(contexts.of(action), codes=NO_POOLS)


def _parted(
    actions: Sequence[PlannedAction], kept: frozenset[str], *, services: bool
) -> tuple[list[PlannedAction], list[Left]]:
    """The actions that can be tried, in order, and those that cannot, with why."""
    tried: list[PlannedAction] = []
    left: list[Left] = []
    for action in actions:
        reason = _why_not(action, kept, services=services)
        if reason is None:
            tried.append(action)
        else:
            left.append(reason)
    return tried, left


def _why_not(action: PlannedAction, kept: frozenset[str], *, services: bool) -> Left | None:
    if action.phase != Phase.CHECK:
        return Left(action, Why.WRITES)
    try:
        kind: Kind = build(action.kind, action.config)
    except Permanent as error:
        return Left(action, Why.BROKEN, text=str(error))
    needs = kind.needs()
    if needs is None:
        return Left(action, Why.UNSAID)
    missing = tuple(path for path in dict.fromkeys(needs) if not _covered(path, kept))
    if missing:
        return Left(action, Why.FIELDS, fields=missing)
    if kind.waits and not services:
        return Left(action, Why.SERVICE)
    return None


def _covered(path: str, kept: frozenset[str]) -> bool:
    """Whether a field can be read from what is kept: itself, or the object that holds it."""
    names = dict.fromkeys(kept, True)
    parts = path.split(".")
    heads = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return any(reader_of(head)(names) is not MISSING for head in heads if head.lower() != "properties")


def _fields_kept(batch: Batch) -> frozenset[str]:
    """The fields that the project kept when the batch came in, and those that its first contacts have."""
    then = batch.project.history.filter(history_date__lte=batch.received_at).order_by("-history_date", "-history_id")
    declared = then.values_list("keep_fields", flat=True).first()
    rows = Decision.objects.filter(rows_of(batch.pk), unread=False, kept__isnull=False).order_by("pk")
    if keeps(batch) is Keeps.REJECTED:
        rows = rows.exclude(verdict=Verdict.ACCEPTED)
    seen = {name for kept in rows.values_list("kept", flat=True)[:LOOKED_AT] for name in kept or ()}
    return frozenset(seen | set(declared or ()))


def _windows(found: Rehearsal, *, most: int, size: int) -> Iterator[list[Past]]:
    """Contacts with their fields: all of them or, of more than `most`, windows spread evenly over the file."""
    batch = found.batch
    if found.keeps is Keeps.REJECTED:
        yield from _of_rejected(found, most=most, size=size)
        return
    if batch.total <= most:
        starts = list(range(0, batch.total, size))
    else:
        found.whole = False
        number = most // size
        starts = [place * (batch.total - size) // (number - 1) for place in range(number)]
    for start in starts:
        rows = Decision.objects.filter(rows_of(batch.pk, start, size), unread=False, kept__isnull=False)
        yield _comparable(found, rows.order_by("pk").values_list(*_COLUMNS))


def _of_rejected(found: Rehearsal, *, most: int, size: int) -> Iterator[list[Past]]:
    """The first contacts that were not accepted: an index leads to them."""
    after, read = found.batch.first_decision - 1, 0
    while read < most:
        rows = Decision.objects.filter(rows_of(found.batch.pk), pk__gt=after, unread=False).exclude(
            verdict=Verdict.ACCEPTED
        )
        page = list(rows.order_by("pk").values_list(*_COLUMNS)[:size])
        yield _comparable(found, [row for row in page if row[-1] is not None])
        if len(page) < size:
            return
        read, after = read + len(page), page[-1][0]
    found.whole = False


def _comparable(found: Rehearsal, rows: Any) -> list[Past]:
    """Those whose decision is the checks' own; the others are counted and left out."""
    pasts = [Past(*row) for row in rows]
    own = [past for past in pasts if past.decided_by is None and past.reason not in _NOT_OF_CHECKS]
    found.not_comparable += len(pasts) - len(own)
    return own


class _Comparison:
    """What an action that is left out had said of a contact then, as far as that is known."""

    def __init__(self, batch: Batch, left: Sequence[Left]) -> None:
        then = from_data(batch.plan.content).actions
        self._place = {action.identifier: place for place, action in reversed(list(enumerate(then)))}
        same = {_essence(action): place for place, action in enumerate(then)}
        checks = [each for each in left if each.action.phase == Phase.CHECK]
        # Where those that are left out stood; an action that is new or changed has said nothing yet.
        self._places = [same[_essence(each.action)] for each in checks if each.judged]
        self._new = not all(each.judged for each in checks)
        self._names = {each.action.identifier for each in left if each.judged}

    def said(self, past: Past) -> bool:
        """Whether the decision of then is that of an action that is left out, and stays."""
        return past.action in self._names and past.verdict != Verdict.ACCEPTED

    def is_open(self, past: Past) -> bool:
        """Whether it is not known what an action that is left out says of this contact.

        It is new; or another one rejected the contact, so that it was not asked, or its doubt not told; or another one was
        in doubt before it.
        """
        if self._new:
            return True
        if past.verdict == Verdict.REJECTED:
            return bool(self._places)
        place = self._place.get(past.action, -1)
        return past.verdict == Verdict.UNDECIDED and any(each > place for each in self._places)


def _essence(action: PlannedAction) -> tuple[str, str, str, str]:
    return folded(action.identifier), action.kind, action.config, action.details


def _count(found: Rehearsal, rows: Sequence[Past], result: Result, compare: _Comparison) -> None:
    """Compare what the tried checks say with what was decided."""
    found.tried += len(rows)
    for failure in result.failures:
        found.failures[failure.identifier, failure.sentence] += failure.contacts
    for past, verdict, action in zip(rows, result.verdicts, result.action, strict=True):
        was, now = Verdict(past.verdict), Verdict(VERDICTS[verdict.word])
        if now != Verdict.REJECTED and compare.said(past):
            continue
        if now == Verdict.ACCEPTED and compare.is_open(past):
            found.unknown += 1
            continue
        if was == now:
            continue
        found.moved[was, now] += 1
        found.reasons[now, verdict.code, verdict.text, action] += 1
        if len(found.changes[now]) < SAMPLES:
            found.changes[now].append(Change(past, now, verdict.code, verdict.text, action))
