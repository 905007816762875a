"""The list of batches, most urgent first, and the page of each, on which people decide."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from desk.bases import LimitedAdmin, ReadOnlyAdmin, SeenProjects, reader
from desk.batch import filters, rescue
from desk.batch.parts import headline
from desk.batch.whole import BatchPage, page
from desk.operations.alarms import open_count
from desk.verbs import VERBS
from desk.verbs.views import ask_verb, batch_verb, contact_verb, many_verb
from sendouts.models import Batch, Status
from sendouts.models.batch import OPEN
from sendouts.verbs import base
from sendouts.wording.batch_sentences import column_time, number, span, title

# The parts of the page that change: each has a template, and the element id `batch-` and its name.
REGIONS = (
    *("head", "compare", "work", "numbers", "reasons", "stages", "plan", "effects"),
    *("contacts", "events", "clock", "outlook", "verbs", "lengths", "thumb"),
)


class BatchList(ChangeList):
    """The list, with an explanation if it is empty."""

    @property
    def empty(self) -> str:
        if self.query or set(self.params) - {"show"}:
            return _("No batch is like that.")
        part = self.params.get("show", "waiting")
        if part == "waiting":
            return _("Nothing waits for a person.")
        return _("Nothing in work.") if part == "work" else _("There is no batch here.")


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin, LimitedAdmin):
    """Batches are written by the stages; people act through the verbs on a batch's page."""

    list_display = (
        "sendout_names",
        "shown_total",
        "shown_accepted",
        "shown_rejected",
        "shown_undecided",
        "shown_unread",
        "shown_deadline",
    )
    list_filter = (
        filters.PartFilter,
        ("project", SeenProjects),
        ("attention", ChoicesDropdownFilter),
        ("source", ChoicesDropdownFilter),
    )
    list_select_related = ("project", "sendout")
    list_before_template = "desk/list_before.html"
    search_fields = ("=id", "sendout__name", "sendout__journey", "project__name")
    search_help_text = gettext_lazy("Sendout, journey, project or number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        # The platform's URLs are secrets that no screen needs.
        rows = super().get_queryset(request).select_related("project", "sendout", "plan")
        return rows.defer("download_uri")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BatchList

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        urgent = request.GET.get("show", "waiting") in {"waiting", "work", *OPEN}
        return ("deadline", "id") if urgent else ("-id",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        zone = timezone.localtime().tzname()
        more = {
            "title": _("Batches"),
            "tabs": filters.tabs(request),
            "zone": zone,
            "alarms": open_count(request),
            **(extra_context or {}),
        }
        return super().changelist_view(request, more)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        decides = request.user.has_perm(base.REVIEW)

        @display(description=_("Status"), ordering="status")
        def shown_status(obj: Batch) -> SafeString:
            label = headline.label(obj, decides=decides)
            why = obj.get_attention_display() if obj.attention and obj.is_open else ""
            return format_html(
                '<span><span class="gate-label gate-{}">{}</span><span class="gate-soft">{}</span></span>',
                label.tone,
                label.text,
                why,
            )

        name, *others = self.list_display
        return (name, shown_status, *others)

    @display(description=gettext_lazy("Sendout"), ordering="sendout__name")
    def sendout_names(self, obj: Batch) -> SafeString:
        where = " · ".join(part for part in (obj.project.name, obj.sendout.journey) if part) or "–"
        return format_html(
            '<span><span class="gate-name">{}</span><span class="gate-soft">{}</span></span>', title(obj), where
        )

    @display(description=gettext_lazy("Contacts"), ordering="total")
    def shown_total(self, obj: Batch) -> SafeString:
        return _count(obj.total, known=bool(obj.total) or obj.status != Status.PLANNED)

    @display(description=gettext_lazy("Get it"), ordering="accepted")
    def shown_accepted(self, obj: Batch) -> SafeString:
        return _count(obj.accepted, known=_is_counted(obj) and obj.status not in {Status.EXPIRED, Status.ABANDONED})

    @display(description=gettext_lazy("Do not get it"), ordering="rejected")
    def shown_rejected(self, obj: Batch) -> SafeString:
        return _count(obj.rejected, known=_is_counted(obj))

    @display(description=gettext_lazy("Undecided"), ordering="undecided")
    def shown_undecided(self, obj: Batch) -> SafeString:
        return _count(obj.undecided, known=_is_counted(obj), tone="undecided")

    @display(description=gettext_lazy("Unreadable"), ordering="unread")
    def shown_unread(self, obj: Batch) -> SafeString:
        return _count(obj.unread, known=_is_counted(obj), tone="late")

    @display(description=gettext_lazy("Deadline"), ordering="deadline")
    def shown_deadline(self, obj: Batch) -> SafeString:
        now = timezone.now()
        left = obj.deadline - now
        soft = ""
        if obj.is_open:
            soft = _("%(span)s left") % {"span": span(left)} if left.total_seconds() > 0 else _("passed")
        return format_html(
            '<span><span class="gate-time">{}</span><span class="gate-soft">{}</span></span>',
            column_time(obj.deadline, now),
            soft,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in {"GET", "HEAD"}:
            # This page changes nothing; each verb has a page of its own.
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        batch = self.get_object(request, object_id)
        if batch is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        shown = page(batch, reader(request), request.GET, timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": shown.title,
            "batch": batch,
            "page": shown,
            "zone": timezone.localtime().tzname(),
        }
        return TemplateResponse(request, "desk/batch.html", context)

    def live_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Return the current state of the changing parts, for an open page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        batch = get_object_or_404(self.get_queryset(request), pk=batch_id)
        answer = JsonResponse(live(batch, page(batch, reader(request), request.GET, timezone.now()), request))
        patch_cache_control(answer, no_store=True)
        return answer

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Redirect to the batch's page, which contains its history."""
        self.there(request, object_id)
        return HttpResponseRedirect(reverse("admin:sendouts_batch_change", args=[object_id]) + "#history")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(f"<int:batch_id>/{name}/", self._view(batch_verb, name=name), name=f"sendouts_batch_{name}")
            for name in VERBS
        ]
        contact = path(
            "<int:batch_id>/contacts/<int:row>/<slug:to>/", self._view(contact_verb), name="sendouts_batch_contact"
        )
        live_parts = path(
            "<int:batch_id>/live/", self.admin_site.admin_view(self.live_view), name="sendouts_batch_live"
        )
        many = path("<int:batch_id>/many/<slug:to>/", self._view(many_verb), name="sendouts_batch_many")
        file = [
            path("<int:batch_id>/file/", self._view(rescue.file_page), name="sendouts_batch_file"),
            path("<int:batch_id>/file/piece/", self._view(rescue.file_piece), name="sendouts_batch_file_piece"),
            path("<int:batch_id>/file/state/", self._view(rescue.file_state), name="sendouts_batch_file_state"),
        ]
        ask = path("<int:batch_id>/ask/<slug:step>/", self._view(ask_verb), name="sendouts_batch_ask")
        return [*own, ask, contact, many, *file, live_parts, *super().get_urls()]

    def _view(self, view: Any, **fixed: Any) -> Any:
        return self.admin_site.admin_view(partial(view, self, **fixed))


def _is_counted(batch: Batch) -> bool:
    return batch.status != Status.PLANNED and bool(batch.total)


def _count(value: int, *, known: bool, tone: str = "") -> SafeString:
    """Return a number aligned right; a dash if it was not counted."""
    tone = f" gate-{tone}-text" if tone and value else "" if value else " gate-zero"
    return format_html('<span class="gate-count{}">{}</span>', tone, number(value) if known else "–")


def live(batch: Batch, shown: BatchPage, request: HttpRequest) -> dict[str, Any]:
    """Return the data for live.js: time, poll interval, text to announce, and the HTML of each region."""
    context = {"batch": batch, "page": shown}
    regions = {
        f"batch-{name}": render_to_string(f"desk/batch/{name}.html", context, request).strip() for name in REGIONS
    }
    return {"now": shown.now.isoformat(), "every": shown.every, "say": shown.say, "regions": regions}
