"""Changed actions tried on what is kept of a past batch: who would get another decision, without touching anything.

Checks alone run, over contacts whose fields are kept; nothing is written, drawn or sent, and the batch is not claimed. What a
check cannot know here it does not guess: it is left out by name, and what it had said of a contact then still counts.

trying (all of it, in the time that a page has) > comparing (then and now) | choosing (what is tried) | kept (what is kept of a
batch) > results.
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
