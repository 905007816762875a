"""What browsers may do with our answers: as little as each part needs."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_NOBODY_FRAMES = "base-uri 'none'; frame-ancestors 'none'"
# An answer that is data, a redirect or an error page needs nothing at all.
STRICT = f"default-src 'none'; form-action 'none'; {_NOBODY_FRAMES}"
_PAGE = (
    "default-src 'none'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    f"style-src 'self' 'unsafe-inline'; {_NOBODY_FRAMES}; "
)
# The admin's Alpine evaluates expressions that stand in the pages. Scripts still come from us only, and never from the
# text of a page.
ADMIN = _PAGE + "script-src 'self' 'unsafe-eval'"
DOCS = _PAGE + "script-src 'self'"
_PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer",
        "autoplay",
        "browsing-topics",
        "camera",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "hid",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "serial",
        "usb",
    )
)


def policy(path: str) -> str:
    """The content security policy of a path."""
    if path.startswith("/admin/"):
        return ADMIN
    return DOCS if path == "/api/docs/" else STRICT


class SecurityHeaders:
    """Puts them on every answer, those of other middleware included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._static = "/" + settings.STATIC_URL.lstrip("/")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.headers["Content-Security-Policy"] = policy(request.path)
        response.headers["Permissions-Policy"] = _PERMISSIONS
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        # What is not a file of the screens is about somebody, or will be after the next login.
        if not request.path.startswith(self._static) and "no-store" not in response.headers.get("Cache-Control", ""):
            response.headers["Cache-Control"] = "no-store"
        return response
