"""What machines wrote is looked at, never edited."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator

from desk.not_found import MissingAdmin


def reader(request: HttpRequest) -> User:
    """Who looks; the admin lets nobody through who is not logged in."""
    return cast(User, request.user)


class ReadOnlyAdmin(MissingAdmin):
    """A list and a page without any way to add, change or delete; pages are not counted."""

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
