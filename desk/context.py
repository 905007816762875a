"""What every page of the desk carries: the version, the list of the keys, and whether the person who looks wants them."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from desk.keys import keys
from desk.people.me import uses_shortcuts


def desk(request: HttpRequest) -> dict[str, Any]:
    """For templates; nothing is asked of the database before a page needs it."""
    found = SimpleLazyObject(lambda: {"keys": keys(), "on": uses_shortcuts(request.user), "version": settings.VERSION})
    return {"desk": found}
