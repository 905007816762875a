"""The admin of suppression lists, and the URLs of their pages."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.formats import localize
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from actions.suppression.models import SuppressionList
from desk.bases import LimitedAdmin, SeenProjects
from desk.setup.suppression import entry_views, states, upload_views
from desk.setup.suppression.forms import ListForm

SHOWN_UPLOADS = 10


@admin.register(SuppressionList)
class SuppressionListAdmin(LimitedAdmin):
    """Suppression lists. Their entries are contact data: people can find one entry, but never list them."""

    form = ListForm
    shared = True
    list_display = ("name", "shown_project", "holds", "hashed", "shown_entries", "archived")
    list_filter = ("archived", ("holds", ChoicesDropdownFilter), ("project", SeenProjects))
    list_filter_submit = True
    list_select_related = ("project",)
    search_fields = ("name", "note")
    actions = None
    warn_unsaved_form = True
    change_form_outer_before_template = "desk/setup/suppression/list.html"
    fieldsets = (
        (None, {"fields": ("name", "project", "note", "archived")}),
        (
            _("What it holds"),
            {
                "fields": ("holds", "hashed", "calling_code"),
                "description": _("This stays as it is once the list is there."),
            },
        ),
    )

    @display(description=_("project"), ordering="project", empty_value="–")
    def shown_project(self, obj: SuppressionList) -> Any:
        return obj.project or _("all")

    @display(description=_("entries"), ordering="entries")
    def shown_entries(self, obj: SuppressionList) -> str:
        return str(localize(obj.entries))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "project", "holds", "hashed", "calling_code") if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (title, first), second = self.fieldsets
        fields = first["fields"] if obj else tuple(name for name in first["fields"] if name != "archived")
        return (title, {"fields": fields}), second

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Archiving deletes the entries of a list, so an archived list cannot be changed again."""
        return super().has_change_permission(request, obj) and not (obj is not None and obj.archived)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        if found is None or not self.has_view_or_change_permission(request, found):
            return super().change_view(request, object_id, form_url, extra_context)
        uploads = found.uploads.select_related("by")[:SHOWN_UPLOADS]
        more = {
            "found": found,
            "may_change": self.has_change_permission(request, found),
            "may_find": entry_views.may_find(request),
            "uploads": [(upload, states.state(upload)) for upload in uploads],
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, more)

    def get_urls(self) -> list[URLPattern]:
        views = {
            "<int:list_id>/upload/": (upload_views.upload, "upload"),
            "<int:list_id>/entries/add/": (entry_views.add, "add_entries"),
            "<int:list_id>/entries/find/": (entry_views.find, "find_entry"),
            "<int:list_id>/entries/remove/": (entry_views.remove, "remove_entry"),
            "uploads/<int:upload_id>/": (upload_views.progress, "progress"),
            "uploads/<int:upload_id>/state/": (upload_views.state, "state"),
            "uploads/<int:upload_id>/piece/": (upload_views.piece, "piece"),
        }
        own = [
            path(route, self.admin_site.admin_view(partial(view, self)), name=f"actions_suppressionlist_{name}")
            for route, (view, name) in views.items()
        ]
        return [*own, *super().get_urls()]
