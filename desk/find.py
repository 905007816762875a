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
from sendouts.wording.batch_sentences import span

VIEW_BATCH = "sendouts.view_batch"
_TONES = {
    Fate.GOT: ("success", "check"),
    Fate.NOT: ("warning", "block"),
    Fate.LATE: ("danger", "timer_off"),
    Fate.OPEN: ("info", "hourglass_top"),
    Fate.UNKNOWN: ("danger", "help"),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One decision as a line of the page; `icon` and `tone` are those of its label, `tab` that of the batch's page."""

    found: Found
    tone: str
    icon: str
    tab: str
    link: str
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
    hits = [hit(found, now) for found in findings.found]
    context = {
        **admin.site.each_context(request),
        "title": _("Find a contact"),
        "asked": asked,
        "later": bool(before),
        "findings": findings,
        "hits": hits,
        "first": hits[0] if hits and not before else None,
        "now": now,
        "days": settings.RETENTION_DAYS,
        "period": period(),
        "limited": limited,
        "zone": timezone.localtime(now).tzname(),
    }
    return TemplateResponse(request, "desk/find/page.html", context)


def period() -> str:
    """Return how long decisions are kept, as the settings say."""
    return span(timedelta(days=settings.RETENTION_DAYS))


def hit(found: Found, now: datetime) -> Hit:
    """Return one decision with its link to the batch, where this contact is first in its list.

    The link names the row, since URLs are logged.
    """
    decision = found.decision
    tab = DecisionVerdict(decision.verdict).name.lower()
    if tab == "undecided" and decision.unread:
        tab = "unread"
    query = {"tab": tab} | ({"after": decision.row - 1} if decision.row else {})
    link = reverse("admin:sendouts_batch_change", args=[found.batch.pk]) + f"?{urlencode(query)}#contacts"
    sentence, grounds = inquiry_fate.sentence(found, now), inquiry_fate.grounds(found, now)
    return Hit(found, *_TONES[found.fate], tab, link, sentence, grounds)
