"""People and their roles. A person cannot grant more than they have, or change people with more permissions."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm

from actions import access
from actions.accounts.record import AccountSubject
from actions.config import reviewers
from desk.bases import SharedAdmin, reader
from desk.people import roles
from desk.people.forms import NewPersonForm, PersonForm, PlacedForm
from desk.people.record import RecordedAdmin

for model in (User, Group):
    admin.site.unregister(model)


class AccessAdmin(SharedAdmin):
    """Accounts require access to all projects: they name projects, and a change could lift the editor's own limit."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and access.sees_all(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if isinstance(form, PlacedForm):
            form.place(form.instance)
        _warn(request)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        _warn(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        _warn(request)


def _warn(request: HttpRequest) -> None:
    """Warn about projects that require two reviewers and have fewer left."""
    for project in reviewers.short_of_people():
        messages.warning(request, f"{project}: {reviewers.state(project)}")


def _may_touch(request: HttpRequest, obj: Any) -> bool:
    """Return whether the reader may change a person or group: it must allow nothing that the reader may not do."""
    if isinstance(obj, User):
        return roles.not_stronger(reader(request)).filter(pk=obj.pk).exists()
    if isinstance(obj, Group):
        return roles.givable_groups(reader(request)).filter(pk=obj.pk).exists()
    return True


@admin.register(User)
class UserAdmin(RecordedAdmin, AccessAdmin, DjangoUserAdmin, ModelAdmin):
    """People and their role, other groups and permissions. Only a superuser makes or changes superusers."""

    subject = AccountSubject.PERSON
    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None
    change_password_form = AdminPasswordChangeForm
    readonly_fields = ("last_login", "date_joined")
    list_display = ("username", "first_name", "last_name", "shown_role", "shown_projects", "is_active")
    list_filter = ("is_active", "is_superuser", "groups")
    list_filter_submit = False
    _place: Any = (_("What this person may do"), {"fields": ("role", "only_some", "projects")})
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        _place,
    )
    fieldsets = (
        (None, {"fields": ("username", "password", "is_active")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        _place,
        (
            _("More than a role"),
            {"classes": ("collapse",), "fields": ("is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).select_related("reach").prefetch_related("groups", "reach__projects")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made: Any = super().get_form(request, obj, change=change, **kwargs)
        return type("GivenForm", (made,), {"giver": reader(request)})

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if request.user.is_superuser else (*fixed, "is_superuser")

    @display(description=_("role"), empty_value="–")
    def shown_role(self, obj: User) -> Any:
        own = {group.name for group in obj.groups.all()}
        if obj.is_superuser:
            return _("everything")
        return next((title for name, (title, _what) in reversed([*roles.ROLES.items()]) if name in own), None)

    @display(description=_("projects"))
    def shown_projects(self, obj: User) -> Any:
        limit = getattr(obj, "reach", None)
        if limit is None or obj.is_superuser:
            return _("all")
        return ", ".join(str(project) for project in limit.projects.all()) or _("none")


@admin.register(Group)
class GroupAdmin(RecordedAdmin, AccessAdmin, DjangoGroupAdmin, ModelAdmin):
    """Viewer, Reviewer, Manager and Administrator exist from the start, and may be changed."""

    subject = AccountSubject.GROUP

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and request is not None and db_field.name == "permissions":
            given = field.queryset.exclude(pk__in=roles.lacking(reader(request)).values("pk"))
            field.queryset, field.label_from_instance = roles.offered(given), roles.title_of
        return field
