"""Screens whose rows have a history of changes, some with a way to restore a former version."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin
from unfold.decorators import display

from actions.config.versions import version
from desk.bases import LimitedAdmin, MissingAdmin, show_page
from desk.setup.way_back import NotBroughtBack, bring_back, possible


class HistoryAdmin(MissingAdmin, SimpleHistoryAdmin, ModelAdmin):
    """A row with its former states: viewers see the list of changes, editors see each state whole."""

    object_history_template = "desk/setup/history.html"
    history_list_per_page = 50
    goes_back = False

    def set_history_delta_changes(self, request: HttpRequest, historical_records: Any, *args: Any) -> None:
        """Compare each version with the one before it, which for the last of a page is on the next page."""
        records = list(historical_records)
        before = [*records[1:], records[-1].prev_record] if records else []
        for record, older in zip(records, before, strict=True):
            record.told = version(record, older)
        historical_records.object_list = records

    def render_history_view(
        self, request: HttpRequest, template: str, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        obj = context.get("object")
        goes_back = self.goes_back and obj is not None and self.has_change_permission(request, obj)
        shown: HttpResponse = super().render_history_view(
            request, template, {**context, "goes_back": goes_back}, **kwargs
        )
        return shown

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        # The package hides its button if reverting is off, but still saves a POST from any viewer.
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        # The framework's link to the history has no target on this page.
        more = {"show_history": False, **(extra_context or {})}
        shown: HttpResponse = super().history_form_view(request, object_id, version_id, more)
        return shown


def leads_to(request: HttpRequest) -> str:
    """Return the page that the reader came from and returns to; empty if it is not one of ours."""
    wanted = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else ""


class ConfigurationAdmin(LimitedAdmin, HistoryAdmin):
    """Configuration is archived instead of deleted, because events refer to it, and former versions can be restored.

    GET shows what restoring a version would change; POST applies it as a new version. With `?next=`, saving the form
    redirects there.
    """

    goes_back = True
    change_form_outer_before_template = "desk/setup/comes_back.html"
    list_filter_submit = False
    warn_unsaved_form = True

    @display(description=gettext_lazy("archived"), label={"archived": "info"})
    def shown_archived(self, obj: Any) -> Any:
        return ("archived", _("archived")) if obj.archived else ""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context |= {"comes_back": leads_to(request)}
        shown: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return shown

    def response_add(self, request: HttpRequest, obj: Model, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._back(request, super().response_add(request, obj, *args, **kwargs))

    def response_change(self, request: HttpRequest, obj: Model) -> HttpResponse:
        return self._back(request, super().response_change(request, obj))

    def _back(self, request: HttpRequest, after: HttpResponse) -> HttpResponse:
        wanted = leads_to(request)
        stays = {"_continue", "_addanother", "_saveasnew", "_popup"} & request.POST.keys()
        return HttpResponseRedirect(wanted) if wanted and not stays else after

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_bring_back"
        view = self.admin_site.admin_view(self.bring_back_view)
        return [path("<path:object_id>/history/<int:version_id>/bring-back/", view, name=name), *super().get_urls()]

    def changeable(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row that the reader may change; raises Http404 or PermissionDenied."""
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        if not self.has_change_permission(request, obj):
            raise PermissionDenied
        return obj

    def bring_back_view(self, request: HttpRequest, object_id: str, version_id: int) -> HttpResponse:
        obj = self.changeable(request, object_id)
        record = get_object_or_404(obj.history, history_id=version_id)
        changes: tuple[Any, ...] = ()
        problem = ""
        try:
            changes = possible(obj, record)
            if request.method == "POST":
                done = bring_back(obj, record, request.user)  # type: ignore[arg-type]
                when = date_format(localtime(record.history_date), "DATETIME_FORMAT")
                self.log_change(request, obj, f"Brought back version {record.history_id}.")
                said = _("“%(name)s” is back to its version of %(when)s.") % {"name": obj, "when": when}
                messages.success(request, said + " " + "; ".join(f"{each.label}: {each.new}" for each in done))
                return HttpResponseRedirect(self._page(obj, "change"))
        except NotBroughtBack as refusal:
            problem = str(refusal)
        return show_page(
            request,
            "setup/bring_back.html",
            _("Bring this version of “%(name)s” back?") % {"name": obj},
            self.model,
            status=409 if problem and request.method == "POST" else 200,
            record=record,
            changes=changes,
            problem=problem,
            back=self._page(obj, "history"),
        )

    def _page(self, obj: Any, name: str) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=[obj.pk])
