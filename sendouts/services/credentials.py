"""Credentials that actions use by name: from the environment, and stored by managers."""

import threading
import time
from collections.abc import Mapping

from django.conf import settings
from django.db import Error, connection

from actions.catalog.shared.signature import UnfitCredential
from actions.contract import Context, Permanent
from actions.models import Credential
from actions.secrets import oauth
from actions.secrets.keys import CannotOpen

# Seconds until a new or changed credential is known in every process.
FRESH_SECONDS = 5.0
# The same after a 401: all pages of a file may be refused at once.
AGAIN_SECONDS = 0.2
Known = Mapping[str, Credential]
_known: tuple[float, Known] = (float("-inf"), {})
_reads = threading.Lock()


def stored(seconds: float | None = None) -> Known:
    """Return the stored credentials by name, still sealed, as they were at most this many seconds ago.

    Call this before pages go to other threads, which have no database connection of their own.
    """
    global _known
    read_at, found = _known
    if time.monotonic() - read_at >= (FRESH_SECONDS if seconds is None else seconds):
        found = {each.name: each for each in Credential.objects.all()}
        _known = time.monotonic(), found
    return found


def headers(name: str, found: Known | None = None, context: Context | None = None) -> Mapping[str, str]:
    """Return the headers for a request, by the given credentials, or those that this process read last.

    The environment takes precedence: it is the deployer's choice, and it needs no database. Raises Permanent if the
    credential does not exist or no key opens it; with OAuth2 also Retryable, while `context` gets no token.
    """
    key = name.lower()
    if key in settings.CREDENTIALS:
        given: Mapping[str, str] = settings.CREDENTIALS[key]
        return given
    credential = (_known[1] if found is None else found).get(key)
    if credential is None:
        raise Permanent(UnfitCredential.UNKNOWN(name=name))
    try:
        if (client := credential.client) is None:
            return credential.headers()
        if context is None:
            raise Permanent(UnfitCredential.NEEDS_TOKEN(name=name))
        return oauth.bearer(client, context)
    except CannotOpen:
        raise Permanent(UnfitCredential.SEALED(name=name)) from None


def renewed(name: str, refused: Mapping[str, str], context: Context) -> Mapping[str, str] | None:
    """Return other headers after a service refused these: a new token, or a secret that was changed meanwhile."""
    key = name.lower()
    credential = None if key in settings.CREDENTIALS else _read_again().get(key)
    if credential is None:
        return None
    try:
        if (client := credential.client) is not None:
            return oauth.renew(client, context, refused)
        found = credential.headers()
    except CannotOpen:
        raise Permanent(UnfitCredential.SEALED(name=name)) from None
    return None if found == refused else found


def _read_again() -> Known:
    """Read the credentials, in any thread; a thread without a connection to the database leaves none open."""
    had_one = connection.connection is not None
    with _reads:
        try:
            return stored(min(AGAIN_SECONDS, FRESH_SECONDS))
        except Error:
            return _known[1]
        finally:
            if not had_one:
                connection.close()
