"""Credentials that actions use by name: from the environment, and stored by managers."""

import time
from collections.abc import Mapping

from django.conf import settings

from actions.catalog.shared.signature import UnfitCredential
from actions.contract import Permanent
from actions.models import Credential
from actions.secrets.keys import CannotOpen

# Seconds until a new or changed credential is known in every process.
FRESH_SECONDS = 5.0
_known: tuple[float, Mapping[str, Credential]] = (float("-inf"), {})


def stored() -> Mapping[str, Credential]:
    """Return the stored credentials by name, still sealed.

    Call this before pages go to other threads, which have no database connection of their own.
    """
    global _known
    asked_at, found = _known
    if time.monotonic() - asked_at >= FRESH_SECONDS:
        found = {each.name: each for each in Credential.objects.all()}
        _known = time.monotonic(), found
    return found


def headers(name: str, stored: Mapping[str, Credential]) -> Mapping[str, str]:
    """Return the headers for a request.

    The environment takes precedence: it is the deployer's choice, and it needs no database. Raises Permanent if the
    credential does not exist or no key opens it.
    """
    key = name.lower()
    if key in settings.CREDENTIALS:
        found: Mapping[str, str] = settings.CREDENTIALS[key]
        return found
    if key not in stored:
        raise Permanent(UnfitCredential.UNKNOWN(name=name))
    try:
        return stored[key].headers()
    except CannotOpen:
        raise Permanent(UnfitCredential.SEALED(name=name)) from None
