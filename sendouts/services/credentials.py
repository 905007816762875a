"""The credentials that actions call by name: those of the environment, and those that managers stored."""

import time
from collections.abc import Mapping

from django.conf import settings

from actions.catalog.shared.signature import UnfitCredential
from actions.contract import Permanent
from actions.models import Credential
from actions.secrets.encrypted import CannotOpen

# One that is stored or changed is known everywhere after so many seconds.
FRESH_SECONDS = 5.0
_known: tuple[float, Mapping[str, Credential]] = (float("-inf"), {})


def stored() -> Mapping[str, Credential]:
    """The stored ones by name, still sealed.

    Ask before pages leave for other threads: those have no connection of their own to the database.
    """
    global _known
    asked_at, found = _known
    if time.monotonic() - asked_at >= FRESH_SECONDS:
        found = {each.name: each for each in Credential.objects.all()}
        _known = time.monotonic(), found
    return found


def headers(name: str, stored: Mapping[str, Credential]) -> Mapping[str, str]:
    """What is sent with a question. The environment wins: who deploys has the last word, and needs no database for it.

    Raises Permanent where there is no such credential, or where no key opens it.
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
