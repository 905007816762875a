"""The 503 response with a sentence, for every request during a database outage."""

import sys
from collections.abc import MutableMapping
from io import BytesIO
from typing import Any

import structlog
from django.core.handlers.asgi import ASGIRequest
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.defaults import server_error

from gateway.ops import schema
from work.outages import is_outage

log = structlog.get_logger(__name__)
# Paths that programs call.
HEALTH = "/health/"
PROGRAMS = ("/api/", HEALTH, "/metrics")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
RETRY_SECONDS = 5


def answer_for(scope: MutableMapping[str, Any]) -> HttpResponse:
    """Return the response to an ASGI request that Django has not begun to answer."""
    request = ASGIRequest(dict(scope), BytesIO())
    with translation.override(translation.get_language_from_request(request)):
        return unavailable(request)


def unavailable(request: HttpRequest, sentence: str = "") -> HttpResponse:
    """Return the 503 in the active language: a page for people, JSON for programs."""
    sentence = sentence or _("The gateway cannot reach its data at the moment. Try again in some seconds.")
    if request.method not in SAFE:
        sentence += " " + _("What you asked for may still take effect: look before you repeat it.")
    answer: HttpResponse
    if request.path.startswith(PROGRAMS):
        answer = JsonResponse({"ok": False, "code": "unavailable", "error": sentence}, status=503)
    else:
        page = '<!doctype html><html lang="{}"><meta charset="utf-8"><title>503</title><p>{}</p></html>'
        answer = HttpResponse(format_html(page, translation.get_language() or "", sentence), status=503)
    answer["Content-Length"] = str(len(answer.content))
    answer["Content-Language"] = translation.get_language() or ""
    answer["Retry-After"] = str(RETRY_SECONDS)
    answer["Cache-Control"] = "no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


class Middleware(MiddlewareMixin):
    """Turns errors of an unavailable database, or of a used-up connection pool, into the 503 response.

    So does an upgrade: no page works on tables of another version.
    """

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        if request.path.startswith(HEALTH):
            return None
        try:
            if schema.is_current():
                return None
        except Error:
            # The page finds out what it can do without its database.
            return None
        text = _("The gateway is being brought to another version. It takes hooks meanwhile. Try again in a minute.")
        return unavailable(request, text)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_outage(exception):
            return None
        log.error("database_away", path=request.path, error=type(exception).__name__, exc_info=exception)
        return unavailable(request)


def handler500(request: HttpRequest) -> HttpResponse:
    """Return the same 503 if the error occurs outside a view, such as when the session is stored."""
    error = sys.exc_info()[1]
    if error is not None and is_outage(error):
        return unavailable(request)
    return server_error(request)
