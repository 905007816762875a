"""Which hosts the gateway may call: what the environment names, and what staff added since."""

import time
from collections.abc import Iterable

from django.conf import settings

from outbound.guard import AllowList
from sendouts.models import AllowedHost
from sendouts.symplify.client import Platform

# An entry that staff add is known everywhere after so many seconds.
FRESH_SECONDS = 5.0
_known: dict[str, tuple[float, tuple[str, ...]]] = {}


def platform() -> Platform:
    """How the platform is spoken to in this deployment."""
    return Platform(
        allow=_allow(AllowedHost.Use.PLATFORM, settings.SYMPLIFY_ALLOWED_HOSTS, settings.SYMPLIFY_ALLOW_HTTP),
        confirm_codes=frozenset(settings.SYMPLIFY_CONFIRM_CODES),
        concurrency=settings.SYMPLIFY_CONCURRENCY,
        method=settings.SYMPLIFY_METHOD,
        headers=settings.SYMPLIFY_HEADERS,
        timeout=settings.SYMPLIFY_TIMEOUT,
        slowest_download=settings.SYMPLIFY_SLOWEST_DOWNLOAD,
    )


def services() -> AllowList:
    """Where actions may ask: a list of its own, since staff enter these addresses and hooks must not profit from it."""
    return _allow(AllowedHost.Use.SERVICES, settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP)


def _allow(use: AllowedHost.Use, configured: Iterable[str], allow_http: bool) -> AllowList:
    asked_at, entries = _known.get(use, (-FRESH_SECONDS, ()))
    if time.monotonic() - asked_at >= FRESH_SECONDS:
        entries = tuple(AllowedHost.objects.filter(use=use).values_list("entry", flat=True))
        _known[use] = time.monotonic(), entries
    return AllowList.parse((*configured, *entries), allow_http=allow_http)
