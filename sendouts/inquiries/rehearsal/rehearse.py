"""Rehearsal within the time of a page: run the checks, and compare their decisions with the past ones."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.utils import timezone

from actions.contract import NO_POOLS, Contact, Context, Phase
from actions.plan.build import build
from actions.plan.merge import Merged, PlannedAction, folded, from_data
from actions.plan.run import Result, run_plan
from sendouts.inquiries.rehearsal.choose import parted
from sendouts.inquiries.rehearsal.past import fields_kept, keeps, windows
from sendouts.inquiries.rehearsal.results import SAMPLES, Keeps, Left, Past, Rehearsal, RehearsedChange
from sendouts.models import Batch, DecisionVerdict
from sendouts.services.context import Contexts
from sendouts.stages.screening.judge import VERDICTS

log = structlog.get_logger(__name__)
# Maximum number of contacts, without and with calls to services.
MOST = 20_000
MOST_ASKED = 1_000
# Contacts per window; the time left is checked between two windows.
WINDOW = 1_000
WINDOW_ASKED = 100
# Share of a page's time that a rehearsal may use.
SHARE_OF_PAGE = 0.6
_THREADS = 8


def rehearse(
    batch: Batch, merged: Merged, *, services: bool = False, lacks: bool = False, user_id: int = 0
) -> Rehearsal:
    """Try a plan on the stored data of a batch. services: run checks that call services too, for fewer contacts."""
    began = timezone.now()
    ends = began + timedelta(seconds=settings.PAGE_SECONDS * SHARE_OF_PAGE)
    found = Rehearsal(batch, keeps(batch), undefined=[each.identifier for each in merged.unknown], as_if_asked=lacks)
    if found.keeps is Keeps.NOBODY:
        return found
    kept = fields_kept(batch, found.keeps)
    tried, left = parted(merged.actions, kept, services=services)
    then = {_essence(action) for action in from_data(batch.plan.content).actions}
    found.left = [replace(each, judged=_essence(each.action) in then) for each in left]
    calls = any(build(action.kind, action.config).waits for action in tried)
    compare = _Comparison(batch, found.left)
    make_context = _contexts(batch, ends, frozenset(merged.empty_words))
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="rehearsal") as pool:
        for rows in windows(found, most=MOST_ASKED if calls else MOST, size=WINDOW_ASKED if calls else WINDOW):
            if timezone.now() >= ends:
                found.whole, found.out_of_time = False, True
                break
            contacts = [Contact(row.contact_id, row.kept, row.pk) for row in rows]
            result = run_plan(tried, contacts, make_context, pool=pool)
            if calls and timezone.now() >= ends:
                # Some pages may not have been asked, so this window's result may differ from a real batch's.
                found.whole, found.out_of_time = False, True
                break
            _count(found, rows, result, compare)
    log.info(
        "rehearsed",
        batch=batch.pk,
        user=user_id,
        contacts=found.tried,
        ms=round((timezone.now() - began) / timedelta(milliseconds=1)),
    )
    return found


def _contexts(batch: Batch, ends: datetime, words: frozenset[str]) -> Callable[[PlannedAction], Context]:
    contexts = Contexts(batch, ends)
    # Without pools no code is drawn, even if a check asks for one. The words for nothing are those of today.
    return lambda action: replace(contexts.of(action), codes=NO_POOLS, empty_words=words)


class _Comparison:
    """Past decisions of actions that are left out, as far as they are known."""

    def __init__(self, batch: Batch, left: Sequence[Left]) -> None:
        then = from_data(batch.plan.content).actions
        self._place = {action.identifier: place for place, action in reversed(list(enumerate(then)))}
        same = {_essence(action): place for place, action in enumerate(then)}
        checks = [each for each in left if each.action.phase == Phase.CHECK]
        # Past positions of the left-out checks; a new or changed action has no past decision.
        self._places = [same[_essence(each.action)] for each in checks if each.judged]
        self._new = not all(each.judged for each in checks)
        self._names = {each.action.identifier for each in left if each.judged}

    def stays(self, past: Past) -> bool:
        """Return whether an action that is left out made the past decision, which then stays."""
        return past.action in self._names and past.verdict != DecisionVerdict.ACCEPTED

    def is_open(self, past: Past) -> bool:
        """Return whether the decision of a left-out action about this contact is unknown.

        It is unknown if the action is new, or if another action before it was in doubt. It is also unknown if another
        action rejected the contact: the left-out one was then not asked, or its doubt not recorded.
        """
        if self._new:
            return True
        if past.verdict == DecisionVerdict.REJECTED:
            return bool(self._places)
        place = self._place.get(past.action, -1)
        return past.verdict == DecisionVerdict.UNDECIDED and any(each > place for each in self._places)


def _essence(action: PlannedAction) -> tuple[str, str, str, str]:
    return folded(action.identifier), action.kind, action.config, action.details


def _count(found: Rehearsal, rows: Sequence[Past], result: Result, compare: _Comparison) -> None:
    """Count the differences between the rehearsal's decisions and the past ones."""
    found.tried += len(rows)
    for failure in result.failures:
        found.failures[failure.identifier, failure.sentence] += failure.contacts
    for past, verdict, action in zip(rows, result.verdicts, result.action, strict=True):
        was, now = DecisionVerdict(past.verdict), DecisionVerdict(VERDICTS[verdict.word])
        if now != DecisionVerdict.REJECTED and compare.stays(past):
            continue
        if now == DecisionVerdict.ACCEPTED and compare.is_open(past):
            found.unknown += 1
            continue
        if was == now:
            continue
        found.moved[was, now] += 1
        found.reasons[now, verdict.code, verdict.text, action] += 1
        if len(found.changes[now]) < SAMPLES:
            found.changes[now].append(RehearsedChange(past, now, verdict.code, verdict.text, action))
