"""The one answer to whoever asks for what the database has while it does not answer: 503, and a sentence."""

import sys
from collections.abc import MutableMapping
from io import BytesIO
from typing import Any

import structlog
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.defaults import server_error

log = structlog.get_logger(__name__)
AWAY = (OperationalError, InterfaceError)
# Paths that programs ask.
PROGRAMS = ("/api/", "/health/", "/metrics")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
RETRY_SECONDS = 5


def answer_for(scope: MutableMapping[str, Any]) -> HttpResponse:
    """The answer to an ASGI request that Django has not begun to answer."""
    request = ASGIRequest(dict(scope), BytesIO())
    with translation.override(translation.get_language_from_request(request)):
        return unavailable(request)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Say it in the active language: as a page to people, as JSON to programs."""
    sentence = _("The gateway cannot reach its data at the moment. Try again in some seconds.")
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
    """Turns a database that is away, hung up, or has no connection left into that answer."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, AWAY):
            return None
        log.error("database_away", path=request.path, error=type(exception).__name__, exc_info=exception)
        return unavailable(request)


def handler500(request: HttpRequest) -> HttpResponse:
    """The same where it happens outside of a view, as when the session is stored."""
    if isinstance(sys.exc_info()[1], AWAY):
        return unavailable(request)
    return server_error(request)
