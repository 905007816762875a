"""The page that finds one contact over all sendouts. GET asks, POST answers, so that no log holds the id."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from actions import access
from actions.whole import whole
from desk.bases import reader
from sendouts.inquiries import fate as inquiry_fate
from sendouts.inquiries.fate import Fate, Found
from sendouts.inquiries.find import find
from sendouts.models import DecisionVerdict
from sendouts.verbs import base
from sendouts.wording.batch_sentences import column_time, number, span, title

VIEW_BATCH = "sendouts.view_batch"
_TONES = {
    Fate.GOT: ("success", "check"),
    Fate.NOT: ("warning", "block"),
    Fate.LATE: ("danger", "timer_off"),
    Fate.OPEN: ("info", "hourglass_top"),
    Fate.UNKNOWN: ("danger", "help"),
}


@dataclass(frozen=True, slots=True)
class HitLine:
    """One decision as a line, in words; `icon` and `tone` are those of its label."""

    when: str
    sendout: str
    where: str
    link: str
    tone: str
    icon: str
    fate: str
    reason: str
    evidence: str
    action: str
    decided_by: str
    answer: str
    outcome: str
    row: str
    ruled: str
    wrote: tuple[str, ...]
    sentence: str
    grounds: str


def may_find(request: HttpRequest) -> bool:
    """Return whether the reader may find contacts: it needs the permissions for contact ids and batches."""
    user = reader(request)
    return user.has_perm(base.VIEW_CONTACTS) and user.has_perm(VIEW_BATCH)


@sensitive_post_parameters("contact")
def find_contact(request: HttpRequest) -> HttpResponse:
    """Find a contact by its exact id."""
    if not may_find(request):
        raise PermissionDenied
    asked = request.POST.get("contact", "").strip()[:255]
    before = request.POST.get("before", "")
    findings = find(asked, reader(request), before=whole(before))
    now = timezone.now()
    limited = access.projects_seen(reader(request)) is not None
    first = findings.found[0] if findings.found and not before else None
    context = {
        **admin.site.each_context(request),
        "title": _("Find a contact"),
        "asked": asked,
        "later": bool(before),
        "findings": findings,
        "lines": [line(found, now) for found in findings.found],
        "verdict": line(first, now) if first else None,
        "headline": inquiry_fate.headline(first) if first else "",
        "days": settings.RETENTION_DAYS,
        "period": period(),
        "limited": limited,
        "zone": timezone.localtime(now).tzname(),
    }
    return TemplateResponse(request, "desk/find/page.html", context)


def period() -> str:
    """Return how long decisions are kept, as the settings say."""
    return span(timedelta(days=settings.RETENTION_DAYS))


def line(found: Found, now: datetime) -> HitLine:
    """Return one decision for the table."""
    decision, batch = found.decision, found.batch
    tone, icon = _TONES[found.fate]
    return HitLine(
        when=column_time(batch.received_at, now),
        sendout=title(batch),
        where=" · ".join(part for part in (batch.project.name, batch.sendout.journey) if part) or "–",
        link=batch_link(found),
        tone=tone,
        icon=icon,
        fate=inquiry_fate.word(found),
        reason=inquiry_fate.why_decided(decision),
        evidence=column_time(decision.evidence_at, now) if decision.evidence_at else "",
        action=decision.action,
        decided_by=decision.decided_by.get_username() if decision.decided_by else "",
        answer=inquiry_fate.answer(found),
        outcome=inquiry_fate.outcome(found, now),
        row=number(decision.row + 1),
        ruled=inquiry_fate.ruled(found, now),
        wrote=found.wrote,
        sentence=inquiry_fate.sentence(found, now),
        grounds=f"{capfirst(inquiry_fate.grounds(found, now))}.",
    )


def batch_link(found: Found) -> str:
    """Link to the batch with this contact first in its list, by row, since URLs are logged."""
    decision = found.decision
    tab = {DecisionVerdict.ACCEPTED: "accepted", DecisionVerdict.REJECTED: "rejected"}.get(
        DecisionVerdict(decision.verdict), "undecided"
    )
    if tab == "undecided" and decision.unread:
        tab = "unread"
    query = {"tab": tab} | ({"after": decision.row - 1} if decision.row else {})
    return reverse("admin:sendouts_batch_change", args=[found.batch.pk]) + f"?{urlencode(query)}#contacts"
