"""Appearance of the screens; their menu is in desk.menu."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
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
    "STYLES": [
        lambda request: static("gateway/gate.css"),
        lambda request: static("gateway/batch.css"),
        lambda request: static("gateway/dialogs.css"),
        lambda request: static("gateway/access.css"),
        lambda request: static("gateway/people.css"),
        lambda request: static("gateway/previewing.css"),
        lambda request: static("gateway/configuring.css"),
        lambda request: static("gateway/finding.css"),
        lambda request: static("gateway/home.css"),
        lambda request: static("gateway/told.css"),
    ],
    "SCRIPTS": [
        lambda request: static("gateway/access.js"),
        lambda request: static("gateway/live.js"),
        lambda request: static("gateway/previewing.js"),
        lambda request: static("gateway/ordering.js"),
        lambda request: static("gateway/home.js"),
        lambda request: static("gateway/finding.js"),
        lambda request: static("gateway/exporting.js"),
        lambda request: static("gateway/dialogs.js"),
        lambda request: static("gateway/keys.js"),
        lambda request: static("gateway/ticking.js"),
    ],
    "ACCOUNT": {
        "navigation": [
            {"title": _("My settings"), "link": reverse_lazy("me")},
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
        ]
    },
    "DASHBOARD_CALLBACK": "desk.home.page.dashboard",
    "SIDEBAR": {"show_search": False, "navigation": "desk.menu.navigation"},
}
