"""Test of one credential against its service; reports the result, never the request or the answer's text."""

from dataclasses import dataclass

import structlog
from django.conf import settings

from actions.contract import Context, Permanent, Retryable
from actions.models import Credential
from actions.secrets import oauth
from outbound.guard import Refused
from outbound.session import GuardedSession, Unreachable
from sendouts.services import credentials
from sendouts.services.hosts import services

log = structlog.get_logger(__name__)
# Shares of a page's time for the connection, and then for the answer.
_SHARES_OF_PAGE = (0.3, 0.4)
_REFUSED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Probe:
    """Result of the test. `code` is the answer's status, 0 without an answer.

    `outcome` is one of accepted, refused, other, unreachable, not_allowed, cannot_open. With OAuth2 it may be token
    (there is no URL to test with) or no_token (`why` is the stored sentence).
    """

    outcome: str
    host: str = ""
    code: int = 0
    why: str = ""


def probe(credential: Credential, user_id: int) -> Probe:
    """Send a GET with the credential to its test URL, as actions send it, without reading the answer's body.

    OAuth2 requests a new token for it.
    """
    found = _probe(credential)
    log.info("credential_tested", credential=credential.pk, user=user_id, outcome=found.outcome, code=found.code)
    return found


def _context(seconds: float) -> Context:
    """Return what the request of a token needs."""
    allow = services()
    return Context("", "", "", None, lambda: seconds, lambda: GuardedSession(allow), credentials.headers)


def _probe(credential: Credential) -> Probe:
    connect, read = (settings.PAGE_SECONDS * share for share in _SHARES_OF_PAGE)
    client = credential.client
    if client is not None:
        oauth.forget(client)
    try:
        # A credential in the environment takes precedence here, as it does for actions.
        headers = credentials.headers(credential.name, {credential.name: credential}, _context(connect))
    except (Permanent, Retryable) as error:
        if client is None:
            return Probe("cannot_open")
        refused_host = isinstance(error.__cause__, Refused)
        return Probe("not_allowed" if refused_host else "no_token", client.host, why=error.text)
    if client is not None and not credential.test_url:
        return Probe("token", client.host)
    try:
        with (
            GuardedSession(services(), (connect, read)) as session,
            session.get(credential.test_url, headers=dict(headers), stream=True) as answer,
        ):
            code = answer.status_code
    except Refused as refused:
        return Probe("not_allowed", refused.host)
    except Unreachable as error:
        return Probe("unreachable", error.host)
    outcome = "accepted" if 200 <= code < 300 else "refused" if code in _REFUSED else "other"
    return Probe(outcome, credential.test_host, code)
