"""Hosts that the gateway may call: those in the environment, and those that staff added."""

import time
from collections.abc import Iterable

from django.conf import settings

from outbound.guard import AllowList
from sendouts.models import AllowedHost
from sendouts.symplify.client import Platform

# Seconds until a host that staff add is known in every process.
FRESH_SECONDS = 5.0
_known: dict[str, tuple[float, tuple[str, ...]]] = {}


def platform() -> Platform:
    """Return the settings for calls to the platform in this deployment."""
    return Platform(
        allow=_allow(AllowedHost.Use.PLATFORM, settings.SYMPLIFY_ALLOWED_HOSTS, settings.SYMPLIFY_ALLOW_HTTP),
        confirm_codes=frozenset(settings.SYMPLIFY_CONFIRM_CODES),
        confirm_body=settings.SYMPLIFY_CONFIRM_BODY,
        refuse_body=settings.SYMPLIFY_REFUSE_BODY,
        concurrency=settings.SYMPLIFY_CONCURRENCY,
        method=settings.SYMPLIFY_METHOD,
        headers=settings.SYMPLIFY_HEADERS,
        timeout=settings.SYMPLIFY_TIMEOUT,
        slowest_download=settings.SYMPLIFY_SLOWEST_DOWNLOAD,
    )


def services() -> AllowList:
    """Return the hosts that actions may call: a separate list, since staff enter them and hooks must not use them."""
    return _allow(AllowedHost.Use.SERVICES, settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP)


def forget_known() -> None:
    """Ask the database for the hosts again at the next call, in this process."""
    _known.clear()


def _allow(use: AllowedHost.Use, configured: Iterable[str], allow_http: bool) -> AllowList:
    asked_at, entries = _known.get(use, (-FRESH_SECONDS, ()))
    if time.monotonic() - asked_at >= FRESH_SECONDS:
        entries = tuple(AllowedHost.objects.filter(use=use).values_list("entry", flat=True))
        _known[use] = time.monotonic(), entries
    return AllowList.parse((*configured, *entries), allow_http=allow_http)
