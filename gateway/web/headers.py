"""Security headers: browsers may do as little with our responses as each part needs."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_NOBODY_FRAMES = "base-uri 'none'; frame-ancestors 'none'"
# A response that is data, a redirect or an error page needs no permission.
STRICT = f"default-src 'none'; form-action 'none'; {_NOBODY_FRAMES}"
_PAGE = (
    "default-src 'none'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    f"style-src 'self' 'unsafe-inline'; {_NOBODY_FRAMES}; "
)
# The admin's Alpine evaluates expressions in the pages. Scripts still come only from us, and never from a page's text.
ADMIN = _PAGE + "script-src 'self' 'unsafe-eval'"
DOCS = _PAGE + "script-src 'self'"
_NOT_NEEDED = (
    "accelerometer autoplay browsing-topics camera display-capture encrypted-media fullscreen geolocation "
    "gyroscope hid magnetometer microphone midi payment serial usb"
)
_PERMISSIONS = ", ".join(f"{name}=()" for name in _NOT_NEEDED.split())


def policy(path: str) -> str:
    """Return the content security policy of a path."""
    if path.startswith("/admin/"):
        return ADMIN
    return DOCS if path == "/api/docs/" else STRICT


class SecurityHeaders:
    """Sets the headers on every response, those of other middleware included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._static = "/" + settings.STATIC_URL.lstrip("/")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.headers["Content-Security-Policy"] = policy(request.path)
        response.headers["Permissions-Policy"] = _PERMISSIONS
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        # All responses but static files concern a user, or will after the next login.
        if not request.path.startswith(self._static) and "no-store" not in response.headers.get("Cache-Control", ""):
            response.headers["Cache-Control"] = "no-store"
        return response
