"""The page that downloads the decisions of a batch. GET shows, POST answers with the file itself."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from actions import access
from desk.bases import reader
from desk.batch.contacts import tabs
from desk.find import may_find
from sendouts.inquiries import export as inquiry_export
from sendouts.inquiries.csv import form_of_reader
from sendouts.inquiries.streaming import streamed
from sendouts.models import Batch, DecisionVerdict, Export
from sendouts.verbs import base
from sendouts.verbs.base import NotDone
from sendouts.wording.batch_sentences import number, reason, title

EVERY_SECONDS = 1
# Reasons offered; a batch has few.
REASONS = 50


@dataclass(frozen=True, slots=True)
class ExportOffer:
    """One choice of rows, with their number."""

    tab: str
    reason: str
    text: str
    hint: str
    count: str


def export(request: HttpRequest, batch_id: int) -> HttpResponseBase:
    """Offer the choices, or send the file."""
    if not may_find(request):
        raise PermissionDenied
    seen = Batch.objects.filter(access.within(reader(request))).select_related("project", "sendout", "plan")
    batch = get_object_or_404(seen.defer("finish_uri", "download_uri"), pk=batch_id)
    problem = ""
    if request.method == "POST":
        try:
            return _file(request, batch)
        except NotDone as refusal:
            problem = str(refusal)
    key = uuid4()
    context = {
        **admin.site.each_context(request),
        "opts": Batch._meta,
        "title": _("Decisions as CSV"),
        "batch": batch,
        "name": title(batch),
        "offers": _offers(batch),
        "separator": form_of_reader().separator,
        "fields": batch.project.keep_fields,
        "problem": problem,
        "key": key,
        "live": reverse("export_progress", args=[batch.pk, key]),
        "back": reverse("admin:sendouts_batch_change", args=[batch.pk]),
        "gone": batch.retired_at is not None,
    }
    return TemplateResponse(request, "desk/export/page.html", context, status=409 if problem else 200)


def _file(request: HttpRequest, batch: Batch) -> HttpResponseBase:
    tab, _separator, key = request.POST.get("what", "").partition(":")
    choice = inquiry_export.choice_of(batch, tab, key)
    begun = inquiry_export.begin(
        batch, reader(request), choice, key=_uuid(request.POST.get("key", "")), now=timezone.now()
    )
    body = inquiry_export.parts(begun, choice, inquiry_export.for_people(batch), form_of_reader())
    return streamed(request, body, "text/csv; charset=utf-8", inquiry_export.file_name(batch))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _offers(batch: Batch) -> list[ExportOffer]:
    """Return the choices: everybody, each tab, each reason."""
    found = [ExportOffer("", "", _("Everybody"), "", number(batch.total))]
    found += [
        ExportOffer(name, "", text, "", number(count or 0)) for name, (text, count) in tabs(batch).items() if count
    ]
    words = {
        DecisionVerdict.ACCEPTED: _("get it"),
        DecisionVerdict.REJECTED: _("do not get it"),
        DecisionVerdict.UNDECIDED: _("undecided"),
    }
    for line in batch.reasons[:REASONS]:
        verdict, code, text, action, count = line
        hint = " · ".join(part for part in (words[DecisionVerdict(verdict)], action) if part)
        found.append(ExportOffer("", inquiry_export.reason_key(line), reason(code, text) or "–", hint, number(count)))
    return found


def progress(request: HttpRequest, batch_id: int, key: UUID) -> HttpResponse:
    """Return the progress of a download, for the page that began it and only to the person who began it."""
    if not reader(request).has_perm(base.VIEW_CONTACTS):
        raise PermissionDenied
    get_object_or_404(Batch.objects.filter(access.within(reader(request))).only("pk"), pk=batch_id)
    found = Export.objects.filter(pk=key, batch_id=batch_id, user=reader(request)).first()
    now = timezone.now()
    if found is None:
        return JsonResponse({"now": now.isoformat(), "every": EVERY_SECONDS, "regions": {}, "say": ""})
    over = found.ended_at is not None
    shown: dict[str, Any] = {
        "found": found,
        "percent": 100 if over and not found.broken else min(99, 100 * found.read // max(1, found.total)),
    }
    html = render_to_string("desk/export/progress.html", shown, request=request)
    every = None if over else EVERY_SECONDS
    say = render_to_string("desk/export/sentence.html", shown).strip() if over else ""
    return JsonResponse({"now": now.isoformat(), "every": every, "regions": {"gate-export": html}, "say": say})
