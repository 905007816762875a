"""Screens whose rows have a history that is looked at, and never used to write."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin


class HistoryAdmin(SimpleHistoryAdmin, ModelAdmin):
    """A row with its former states."""

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        # The package hides its button where reverting is switched off, and saves what is posted all the same: to
        # anybody who may look.
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        shown: HttpResponse = super().history_form_view(request, object_id, version_id, extra_context)
        return shown
