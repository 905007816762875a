"""The current state of the changing parts of a batch's page, for an open page."""

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from desk.batch.whole import BatchPage
from sendouts.models import Batch

# Element ids of the page, each with its template.
REGIONS = {
    "batch-head": "head",
    "batch-compare": "compare",
    "batch-work": "work",
    "batch-numbers": "numbers",
    "batch-reasons": "reasons",
    "batch-stages": "stages",
    "batch-plan": "plan",
    "batch-effects": "effects",
    "batch-contacts": "contacts",
    "batch-events": "events",
    "batch-clock": "clock",
    "batch-outlook": "outlook",
    "batch-verbs": "verbs",
    "batch-lengths": "lengths",
    "batch-thumb": "thumb",
}


def live(batch: Batch, shown: BatchPage, request: HttpRequest) -> dict[str, Any]:
    """Return the data for live.js: time, poll interval, text to announce, and the HTML of each region."""
    context = {"batch": batch, "page": shown}
    regions = {
        element: render_to_string(f"desk/batch/{name}.html", context, request).strip()
        for element, name in REGIONS.items()
    }
    return {"now": shown.now.isoformat(), "every": shown.every, "say": shown.say, "regions": regions}
