"""Base classes of the admin screens: rows out of reach answer 404, and machine data is read-only."""

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.paginator import InfinitePaginator

from actions.access import projects_seen, sees_all, within
from actions.models import Project, Sendout


class MissingAdmin(ModelAdmin):
    """Answer 404, for the page and for the history, to a limited person if the queryset omits the row."""

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
        """Check that the row is in the reader's reach; raises Http404. Django looks up histories by number alone."""
        if not sees_all(request.user) and self.get_object(request, object_id) is None:
            raise Http404

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        if not sees_all(request.user):
            raise Http404
        return super()._get_obj_does_not_exist_redirect(request, opts, object_id)


def reader(request: HttpRequest) -> User:
    """Return the user of the request; the admin requires a login."""
    return cast(User, request.user)


class ReadOnlyAdmin(MissingAdmin):
    """A list and a page without add, change or delete; pages are not counted."""

    actions = None
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SeenProjects(RelatedDropdownFilter):
    """A filter by project that offers only projects that the reader sees."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        ordering = self.field_admin_ordering(field, request, model_admin)
        seen = projects_seen(request.user)
        limit: dict[str, Any] = {} if seen is None else {"pk__in": seen}
        return list(field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=limit))


class LimitedAdmin(MissingAdmin):
    """Limit lists, choices and addresses to rows of the projects that the reader sees.

    project_paths: lookups from a row to its project; one match is enough. shared: people of all projects may look at a
    row without a project, but only people who see all projects change it.
    """

    project_paths: ClassVar[tuple[str, ...]] = ("project",)
    shared: ClassVar[bool] = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request)
        if sees_all(request.user):
            return found
        seen = within(request.user, *self.project_paths)
        if self.shared:
            seen |= Q(**{f"{path}__isnull": True for path in self.project_paths})
        return found.filter(seen)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    def _may_touch(self, request: HttpRequest, obj: Any) -> bool:
        # For a view on a page of its own, obj is only the id; that page checks again.
        everybodys = self.shared and isinstance(obj, Model) and getattr(obj, "project_id", None) is None
        return not everybodys or sees_all(request.user)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and not sees_all(request.user):
            _limit(field, db_field, request, required=self.shared)
        return field


class SharedAdmin(ModelAdmin):
    """Rows that all projects share: view with the permission, write only with access to all projects."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and sees_all(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and sees_all(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and sees_all(request.user)


def _limit(field: Any, db_field: Any, request: HttpRequest, *, required: bool) -> None:
    """Limit a choice of a project or sendout to the person's reach.

    required: an empty choice would mean all projects.
    """
    model = db_field.related_model
    if model is Project:
        field.queryset = field.queryset.filter(within(request.user, "pk"))
        field.required = required or field.required
    elif model is Sendout:
        field.queryset = field.queryset.filter(within(request.user))


def show_page(
    request: HttpRequest, template: str, title: Any, model: type[Model] | None = None, status: int = 200, **more: Any
) -> TemplateResponse:
    """Render a page that is no form of a model, in the frame of the admin. template: below templates/desk/."""
    context = {**admin.site.each_context(request), "title": title, **({"opts": model._meta} if model else {}), **more}
    return TemplateResponse(request, f"desk/{template}", context, status=status)
