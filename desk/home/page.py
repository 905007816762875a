"""The home of the marketers' desk: the page, its current parts for polling, and its charts' figures as files."""

from collections.abc import Collection, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_GET, require_POST

from actions import access
from desk.bases import reader
from desk.home.figures import rejections
from desk.home.figures.in_progress import working
from desk.home.figures.in_review import COUNTED, waiting
from desk.home.figures.step_gap import LONGEST, spacing
from desk.home.figures.today import today
from desk.home.figures.unusual import unusual
from desk.home.figures.week import scale, week
from desk.operations.alarms import LOOK
from sendouts.inquiries import csv
from sendouts.intake import closures
from sendouts.models import Batch
from sendouts.outlook import forecast
from sendouts.verbs import base
from sendouts.wording.batch_sentences import number

VIEW = "sendouts.view_batch"
CONFIGURE = "actions.change_project"
EVERY = 10
# The parts replaced while the page is open: the id of an element, and its template.
REGIONS = {
    f"home-{name}": f"desk/home/{name}.html"
    for name in ("unusual", "news", "first", "waiting", "working", "today", "ways", "reasons", "spacing")
}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the home page to the context of the admin index; readers who may not look at batches keep the plain index."""
    context["title"] = _("Home")
    user = reader(request)
    if user.has_perm(VIEW):
        now = timezone.now()
        context |= {"home": home(user, now), "zone": timezone.localtime(now).tzname(), "regions": REGIONS}
    return context


@require_GET
def live(request: HttpRequest) -> JsonResponse:
    """Return the current parts of the page; see live.js. shown: the keys of the waiting lines that the page shows."""
    user = reader(request)
    if not user.has_perm(VIEW):
        raise PermissionDenied
    now = timezone.now()
    shown = request.GET["shown"].split(",") if "shown" in request.GET else None
    found = home(user, now, shown)
    context = {"home": found, "zone": timezone.localtime(now).tzname()}
    parts = {name: render_to_string(template, context, request) for name, template in REGIONS.items()}
    return JsonResponse({"now": now.isoformat(), "every": EVERY, "regions": parts, "say": found["news"]})


@require_POST
def mark_closure_seen(request: HttpRequest) -> HttpResponse:
    """Hide the line about a closed door from everybody, and record who did. name, start: of the closure."""
    user = reader(request)
    if not (user.has_perm(LOOK) and user.has_perm(base.REVIEW) and access.sees_all(user)):
        raise PermissionDenied
    asked = request.POST.get("name"), request.POST.get("start")
    told = closures.recent(timezone.now())
    closure = next((each for each in told if (each.name, each.start.isoformat()) == asked), None)
    if closure is not None and (row := closures.mark_seen(closure, user.pk)):
        text = f"{closure.start.isoformat()} – {closure.end.isoformat()}: seen"
        LogEntry.objects.log_actions(user.pk, [row], CHANGE, text, single_object=True)
    return HttpResponseRedirect(reverse("admin:index"))


def home(user: User, now: datetime, shown: Collection[str] | None = None) -> dict[str, Any]:
    """Return the facts on the home page for one reader. shown: as for `live`; None: every waiting line.

    New lines stay hidden behind one sentence, so that nothing moves under the pointer.
    """
    seen = access.within(user)
    known = forecast.lately(now)
    waits, works = waiting(seen, known, now), working(seen, known, now)
    lines = [line for line in waits.lines if shown is None or line.key in shown]
    days, why = week(seen, now), rejections.reasons(seen, now)
    foreseen = [work for work in works.lines if work.stage == "screening" and work.ready_at is not None]
    return {
        "now": now,
        "every": EVERY,
        "decides": user.has_perm(base.REVIEW),
        "unusual": unusual(
            seen,
            waits,
            now,
            sees_alarms=user.has_perm(LOOK),
            sees_all=access.projects_seen(user) is None,
            confirms=user if user.has_perm(CONFIGURE) else None,
        ),
        "is_new": not (waits.lines or works.lines or Batch.objects.exists()),
        "hook_url": f"{settings.BASE_URL}/webhooks/symplify/",
        "waits": waits,
        "counted": COUNTED,
        "waiting": lines,
        "shown": ",".join(line.key for line in lines),
        "news": _news(len(waits.lines) - len(lines)),
        "next": min(foreseen, key=attrgetter("ready_at"), default=None),
        "works": works,
        "today": today(seen, now),
        "week": days,
        "sums": {name: sum(getattr(day, name) for day in days) for name in ("accepted", "rejected", "timed_out")},
        "scale": scale(days),
        "reasons": why,
        "rejected": sum(reason.count for reason in why),
        "most": max((reason.count for reason in why), default=1),
        "spacing": spacing(seen, now),
        "longest": LONGEST,
    }


def _news(lines: int) -> str:
    """Say how many lines arrived since the page was opened; empty if none did."""
    return ngettext("%(n)s new batch", "%(n)s new batches", lines) % {"n": number(lines)} if lines else ""


@require_GET
def ways_file(request: HttpRequest) -> HttpResponse:
    """Return the chart of ways as a table: one row a day."""
    rows = week(_visible_projects(request), timezone.now())
    head = (
        _("Day"),
        pgettext("contacts", "Accepted"),
        pgettext("contacts", "Rejected"),
        _("Timed out"),
        _("Batches without a count"),
    )
    lines = ((one.date.isoformat(), one.accepted, one.rejected, one.timed_out, one.uncounted) for one in rows)
    return _file(_("contacts-by-way"), head, lines)


@require_GET
def reasons_file(request: HttpRequest) -> HttpResponse:
    """Return the chart of reasons as a table: one row a reason."""
    found = rejections.reasons(_visible_projects(request), timezone.now())
    head = (_("Reason"), _("Contacts"), _("Contacts the week before"))
    return _file(_("reasons"), head, ((one.sentence, one.count, one.before) for one in found))


@require_GET
def spacing_file(request: HttpRequest) -> HttpResponse:
    """Return the response times as a table: one row a project."""
    found = spacing(_visible_projects(request), timezone.now())
    head = (_("Project"), _("Batches"), _("Half within (s)"), _("95% within (s)"), _("Minutes between two steps"))
    rows = (
        (one.name, one.batches, round(one.half.total_seconds()), round(one.most.total_seconds()), one.apart)
        for one in found
    )
    return _file(_("response-times"), head, rows)


def _visible_projects(request: HttpRequest) -> Any:
    user = reader(request)
    if not user.has_perm(VIEW):
        raise PermissionDenied
    return access.within(user)


def _file(name: str, head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> HttpResponse:
    day = timezone.localdate().isoformat()
    response = HttpResponse("".join(csv.lines([head, *rows])), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{day}.csv"'
    return response
