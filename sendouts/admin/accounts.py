"""People, their roles, and the tokens of programs, in the look of the other screens."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.authtoken.models import TokenProxy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.views import ChangeList

for model in (User, Group, TokenProxy):
    admin.site.unregister(model)


def _owner(token: TokenProxy) -> str:
    return str(token.user)


# A token is a credential: no list, log or message may print it, and all of them print what an object is called.
TokenProxy.add_to_class("__str__", _owner)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """Roles are groups; single permissions can be given too."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_staff", "is_active")
    list_filter_submit = False


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Viewer, Reviewer and Manager are there from the start, and may be changed."""


class TokenList(ChangeList):
    """A list whose links carry the user's id instead of the key."""

    def url_for_result(self, result: TokenProxy) -> str:
        return reverse("admin:authtoken_tokenproxy_change", args=[result.user_id])


@admin.register(TokenProxy)
class TokenAdmin(ModelAdmin):
    """A token is shown once, when it was made."""

    actions = None
    list_display = ("user", "created")
    fields = ("user",)
    search_fields = ("user__username",)
    autocomplete_fields = ("user",)
    ordering = ("-created",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return TokenList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> TokenProxy | None:
        found: TokenProxy | None = self.get_queryset(request).filter(user_id=object_id).first()
        return found

    def response_add(self, request: HttpRequest, obj: TokenProxy, post_url_continue: Any = None) -> HttpResponse:
        text = _("The token of %(user)s is %(key)s. It is shown this one time: copy it now.")
        messages.warning(request, text % {"user": obj.user, "key": obj.key})
        return super().response_add(request, obj, post_url_continue)
