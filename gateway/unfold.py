"""How the screens look; their menu is sendouts.admin.menu."""

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Send Gate",
    "SITE_HEADER": "Send Gate",
    "SITE_SUBHEADER": _("Review desk"),
    "SITE_SYMBOL": "shield",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("gateway/icon.svg")},
    ],
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("gateway/gate.css"), lambda request: static("gateway/told.css")],
    "SCRIPTS": [lambda request: static("gateway/live.js")],
    "SIDEBAR": {"show_search": False, "navigation": "sendouts.admin.menu.navigation"},
}
