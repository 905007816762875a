"""Rehearsal of changed actions on a past batch: which contacts would get another decision, without side effects.

Only checks run, over contacts whose fields are kept. Nothing is written, drawn or sent, and the batch is not claimed. A
check that lacks data is left out and named; its past decision about a contact then still counts.

Modules: rehearse (the whole run, within a page's time) > compare (then and now) | choose (which actions run) | past
(stored data of a batch) > results.
"""

from sendouts.inquiries.rehearsal.choose import asks, plan_with
from sendouts.inquiries.rehearsal.past import candidates
from sendouts.inquiries.rehearsal.rehearse import MOST_ASKED, rehearse
from sendouts.inquiries.rehearsal.results import Keeps, Left, Rehearsal, RehearsedChange, Why

__all__ = [
    "MOST_ASKED",
    "Keeps",
    "Left",
    "Rehearsal",
    "RehearsedChange",
    "Why",
    "asks",
    "candidates",
    "plan_with",
    "rehearse",
]
