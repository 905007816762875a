"""Context of every page of the desk: the version, the keyboard shortcuts, and whether the reader uses them."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from desk.keys import keys
from desk.people.me import uses_shortcuts


def desk(request: HttpRequest) -> dict[str, Any]:
    """Return template context; it queries the database only when a page uses it."""
    found = SimpleLazyObject(lambda: {"keys": keys(), "on": uses_shortcuts(request.user), "version": settings.VERSION})
    return {"desk": found}
