"""Guessing a password is slowed down: by account and address together, so that nobody shuts others out."""

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def client_address(request: HttpRequest) -> str | None:
    """Where a request came from, as the server of the web process says: it believes TRUSTED_PROXIES only.

    None for what is no address, such as a word that somebody wrote into X-Forwarded-For.
    """
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def locked_out(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """The page for somebody who failed too often."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    return render(request, "gateway/locked_out.html", {"minutes": minutes}, status=429)
