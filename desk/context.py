"""Context of every page of the desk: the version, the keyboard shortcuts, and whether the reader uses them.

gateway/static/gateway/keys.js implements the shortcuts.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from desk.people.me import uses_shortcuts


def desk(request: HttpRequest) -> dict[str, Any]:
    """Return template context; it queries the database only when a page uses it."""
    found = SimpleLazyObject(lambda: {"keys": keys(), "on": uses_shortcuts(request.user), "version": settings.VERSION})
    return {"desk": found}


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the list: the keys, and their effect."""

    names: tuple[str, ...]
    text: str


def keys() -> list[Key]:
    """Return every key, in the order of the list. No key decides: that takes Ctrl+Enter in a dialog."""
    return [
        Key(("t",), _("Search")),
        Key(("/",), _("Search for a contact in this batch")),
        Key(("a",), _("Open “Accept”")),
        Key(("r",), _("Open “Reject all”")),
        Key((".",), _("More")),
        Key(("1", "2", "3"), _("Show the first, second or third tab of contacts")),
        Key(("j", "k"), _("Next row, row before")),
        Key(("x",), _("Tick the row")),
        Key(("g h",), _("Home")),
        Key(("?",), _("This list")),
        Key((_("Ctrl+Enter"),), _("Confirm in a dialog")),
        Key((_("Esc"),), _("Cancel")),
    ]
