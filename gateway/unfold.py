"""Appearance of the screens; their menu is in desk.menu."""

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

# In the order in which pages load them.
STYLES = (
    *("gate", "batch", "dialogs", "rescue", "access", "people", "previewing", "configuring", "finding", "home"),
    "told",
)
SCRIPTS = ("access", "live", "previewing", "ordering", "home", "finding", "exporting", "dialogs", "keys", "ticking")


def _find(name: str, request: HttpRequest) -> str:
    return static(f"gateway/{name}")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Send Gate",
    "SITE_HEADER": "Send Gate",
    "SITE_SUBHEADER": _("Review desk"),
    "SITE_SYMBOL": "shield",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": partial(_find, "icon.svg")},
    ],
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [partial(_find, f"{name}.css") for name in STYLES],
    "SCRIPTS": [partial(_find, f"{name}.js") for name in SCRIPTS],
    "ACCOUNT": {
        "navigation": [
            {"title": _("My settings"), "link": reverse_lazy("me")},
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
        ]
    },
    "DASHBOARD_CALLBACK": "desk.home.page.dashboard",
    "SIDEBAR": {"show_search": False, "navigation": "desk.menu.navigation"},
}
