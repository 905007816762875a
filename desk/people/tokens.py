"""The tokens of programs: created here, shown once, and identified by their first characters."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from api.models import ApiToken
from desk.bases import reader, show_page
from desk.people import roles
from desk.people.accounts import AccessAdmin


@admin.register(ApiToken)
class ApiTokenAdmin(AccessAdmin):
    """Tokens can be created and deleted, never changed. The page after creation shows the token, no other page does."""

    actions = None
    list_display = ("prefix", "user", "name", "created_at", "expires_at", "last_used")
    fields = ("user", "name", "expires_at")
    search_fields = ("user__username", "name", "prefix")
    autocomplete_fields = ("user",)
    list_select_related = ("user",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # A token of a more powerful person would grant more than the reader has.
        kwargs["queryset"] = roles.not_stronger(reader(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        # Pass the text to response_add on the object only: a message would put it into a cookie.
        obj.text = obj.draw()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        return show_page(request, "token.html", _("The new token"), ApiToken, token=obj)
