"""Throttling of password guesses, per account and address together, so that nobody locks out other users."""

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def client_address(request: HttpRequest) -> str | None:
    """Return the client's address as reported by the web server, which trusts only TRUSTED_PROXIES.

    None for a value that is no address, such as a forged X-Forwarded-For.
    """
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def locked_out(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """Return the page shown after too many failed logins."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    return render(request, "gateway/locked_out.html", {"minutes": minutes}, status=429)
