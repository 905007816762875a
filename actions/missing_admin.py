"""Screens on which a row that a person does not see is not there: the same answer as for one that never was."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin


class MissingAdmin(ModelAdmin):
    """What the queryset leaves out has no page and no history, and is answered with 404 instead of a word about it."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        self.there(request, object_id)
        shown: HttpResponse = super().history_view(request, object_id, extra_context)
        return shown

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        self.there(request, object_id)
        shown: HttpResponse = super().history_form_view(request, object_id, version_id, extra_context)
        return shown

    def there(self, request: HttpRequest, object_id: str) -> None:
        """Histories are looked up by number alone: whose row is out of reach, its history is too. Raises Http404."""
        if self.get_object(request, object_id) is None:
            raise Http404

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        raise Http404
