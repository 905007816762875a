"""Screens whose rows have a history that is looked at, and never used to write."""

import re
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin
from simple_history.template_utils import HistoricalRecordContextHelper
from unfold.admin import ModelAdmin

_QUESTION = re.compile(r"(\w+://[^\s?\"']*)\?[^\s\"']*")


def without_questions(text: str) -> str:
    """The text with what follows the “?” of addresses left out: people put keys there."""
    return _QUESTION.sub(r"\1?…", text)


class _Changes(HistoricalRecordContextHelper):
    def prepare_delta_change_value(self, change: Any, value: Any) -> Any:
        return without_questions(str(super().prepare_delta_change_value(change, value)))


class HistoryAdmin(SimpleHistoryAdmin, ModelAdmin):
    """A row with its former states: the list of changes for who may look, each state whole for who may edit."""

    def get_historical_record_context_helper(self, request: HttpRequest, historical_record: Any) -> _Changes:
        return _Changes(self.model, historical_record)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        # The package hides its button where reverting is switched off, and saves what is posted all the same: to
        # anybody who may look.
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        # The framework's link to the history leads nowhere from here.
        more = {"show_history": False, **(extra_context or {})}
        shown: HttpResponse = super().history_form_view(request, object_id, version_id, more)
        return shown
