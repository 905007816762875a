"""Screens on which a row that a person does not see is not there: the same answer as for one that never was."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from actions.access import sees_all


class MissingAdmin(ModelAdmin):
    """What the queryset leaves out for a limited person has no page and no history, and is answered with 404."""

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
        if not sees_all(request.user) and self.get_object(request, object_id) is None:
            raise Http404

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        if not sees_all(request.user):
            raise Http404
        return super()._get_obj_does_not_exist_redirect(request, opts, object_id)
