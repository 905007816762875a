"""Rehearsal from start to end, within the time of a page."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.utils import timezone

from actions.contract import NO_POOLS, Contact, Context
from actions.plan.build import build
from actions.plan.merge import Merged, PlannedAction, from_data
from actions.plan.run import run_plan
from sendouts.inquiries.rehearsal.choose import parted
from sendouts.inquiries.rehearsal.compare import RehearsalComparison, count, essence
from sendouts.inquiries.rehearsal.past import fields_kept, keeps, windows
from sendouts.inquiries.rehearsal.results import Keeps, Rehearsal
from sendouts.models import Batch
from sendouts.services.context import Contexts

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
    then = {essence(action) for action in from_data(batch.plan.content).actions}
    found.left = [replace(each, judged=essence(each.action) in then) for each in left]
    calls = any(build(action.kind, action.config).waits for action in tried)
    compare = RehearsalComparison(batch, found.left)
    make_context = _contexts(batch, ends)
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
            count(found, rows, result, compare)
    log.info("rehearsed", batch=batch.pk, user=user_id, contacts=found.tried, ms=round(_milliseconds(began)))
    return found


def _milliseconds(began: datetime) -> float:
    return (timezone.now() - began).total_seconds() * 1000


def _contexts(batch: Batch, ends: datetime) -> Callable[[PlannedAction], Context]:
    contexts = Contexts(batch, ends)
    # Without pools no code is drawn, even if a check asks for one.
    return lambda action: replace(contexts.of(action), codes=NO_POOLS)
