"""The home of the marketers' desk: the page, its current parts for polling, and its charts' figures as files."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_GET

from actions import access
from desk.bases import reader
from desk.home import charts, words
from desk.home.figures import rejections
from desk.home.figures.in_progress import working
from desk.home.figures.in_review import COUNTED, ReviewLine, Waiting, waiting
from desk.home.figures.step_gap import spacing
from desk.home.figures.today import Today, today
from desk.home.figures.unusual import unusual
from desk.home.figures.week import week
from desk.operations.alarms import LOOK
from sendouts.inquiries import csv
from sendouts.models import Batch
from sendouts.outlook import forecast
from sendouts.verbs import base
from sendouts.wording import batch_sentences

VIEW = "sendouts.view_batch"
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


def home(user: User, now: datetime, shown: Iterable[str] | None = None) -> dict[str, Any]:
    """Return everything on the home page for one reader. shown: as for `live`; None: every waiting line.

    New lines stay hidden behind one sentence, so that nothing moves under the pointer.
    """
    seen = access.within(user)
    known = forecast.lately(now)
    decides = user.has_perm(base.REVIEW)
    waits = waiting(seen, known, now)
    lines = waits.lines if shown is None else [line for line in waits.lines if line.key in set(shown)]
    works = working(seen, known, now)
    figures = today(seen, now)
    why = rejections.reasons(seen, now)
    return {
        "now": now,
        "every": EVERY,
        "moment": f"{date_format(timezone.localtime(now), 'l j F Y')}, {batch_sentences.clock(now)}",
        "unusual": unusual(
            seen, waits, now, sees_alarms=user.has_perm(LOOK), sees_all=access.projects_seen(user) is None
        ),
        "first": words.first_steps(user) if not (waits.lines or works.lines or Batch.objects.exists()) else [],
        "heading": _heading(waits, decides=decides),
        "waiting": [words.waits(line, now, decides=decides) for line in lines],
        "shown": ",".join(line.key for line in lines),
        "news": _news([line for line in waits.lines if line not in lines]),
        "hidden": _more(waits.hidden),
        "next": _announce_next(works.lines, now),
        "working": [words.in_work(work, now) for work in works.lines],
        "hidden_work": _more(works.hidden),
        "until": batch_sentences.clock(now),
        "today": _figures(figures),
        "uncounted": _uncounted(figures.uncounted),
        "chart": charts.chart(week(seen, now), now),
        "reasons": charts.why(why),
        "rejected": sum(reason.count for reason in why),
        "spacing": [charts.apart(pace) for pace in spacing(seen, now)],
    }


def _heading(waits: Waiting, *, decides: bool) -> str:
    """Return the number of waiting batches, as the title of the card."""
    parts = []
    if waits.batches:
        parts.append(ngettext("%(n)s batch", "%(n)s batches", waits.batches) % {"n": _write_capped(waits.batches)})
    if waits.singles:
        parts.append(
            ngettext("%(n)s single", "%(n)s singles", waits.singles) % {"n": batch_sentences.number(waits.singles)}
        )
    what = _(" and ").join(parts)
    if not parts:
        return _("Waiting for you") if decides else _("Waiting for review")
    one = waits.batches + waits.singles == 1
    if decides:
        return (_("%(what)s waits for you") if one else _("%(what)s wait for you")) % {"what": what}
    return (_("%(what)s waits for a decision") if one else _("%(what)s wait for a decision")) % {"what": what}


def _write_capped(count: int) -> str:
    return batch_sentences.number(count) + ("+" if count >= COUNTED else "")


def _news(lines: list[ReviewLine]) -> str:
    """Say what arrived since the page was opened; empty if nothing did."""
    if not lines:
        return ""
    return ngettext("%(n)s new batch", "%(n)s new batches", len(lines)) % {"n": batch_sentences.number(len(lines))}


def _more(count: int) -> str:
    if count <= 0:
        return ""
    return ngettext("and %(n)s more", "and %(n)s more", count) % {"n": _write_capped(count)}


def _announce_next(works: list[Any], now: datetime) -> str:
    """Say what will wait next, if nothing waits now."""
    foreseen = [work for work in works if work.stage == "screening" and work.ready_at is not None]
    if not foreseen:
        return ""
    soonest = min(foreseen, key=lambda work: work.ready_at)
    values = {"name": soonest.title, "time": batch_sentences.time_of(soonest.ready_at, now)}
    return _("The next one is “%(name)s”, ready about %(time)s.") % values


@dataclass(frozen=True, slots=True)
class HomeFigure:
    """One of today's figures."""

    name: str
    value: str
    hint: str = ""
    late: bool = False


def _figures(of: Today) -> list[HomeFigure]:
    number = batch_sentences.number
    return [
        HomeFigure(_("Batches released"), number(of.released)),
        HomeFigure(_("Messages sent"), number(of.accepted)),
        HomeFigure(
            _("Contacts rejected"),
            number(of.rejected),
            batch_sentences.percent(of.share) if of.share is not None else "",
        ),
        HomeFigure(_("Timed out"), number(of.timed_out), late=bool(of.timed_out or of.uncounted)),
        HomeFigure(_("Tightest margin"), charts.exact(of.tightest) if of.tightest is not None else "–"),
    ]


def _uncounted(batches: int) -> str:
    if not batches:
        return ""
    text = ngettext(
        "Not counted: the contacts of %(n)s batch that timed out before its file was read.",
        "Not counted: the contacts of %(n)s batches that timed out before their files were read.",
        batches,
    )
    return text % {"n": batch_sentences.number(batches)}


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
    return _file(_("reasons"), head, ((rejections.sentence(one), one.count, one.before) for one in found))


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
