"""Access tokens by OAuth 2.0 client credentials: requested once per process, and renewed before they expire.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4
"""

import json
import math
import re
import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from actions.catalog.shared.http import ServiceAnswer, send
from actions.contract import Context, Permanent, Retryable, Sentences, gettext_noop
from actions.secrets.encrypted import Sealed

TIMEOUT = 10.0
# Seconds before its end at which a token is renewed; of a shorter one, its last quarter.
MARGIN = 60.0
# Assumed lifetime of a token whose answer names none. A 401 ends it earlier.
UNTOLD_LIFE = 600.0
LONGEST_LIFE = 86_400.0
# Renewals in a minute after a 401: a service that refuses every token must not flood the token endpoint.
RENEWALS = 30
_MINUTE = 60.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,20000}")
_ERROR = re.compile(r"[A-Za-z0-9_.-]{1,60}")

monotonic = time.monotonic


class TokenFailure(Sentences):
    """Why there is no access token."""

    REFUSED = "oauth.refused", gettext_noop("%(host)s gave no token for the credential “%(name)s” (%(error)s).")
    NO_TOKEN = (
        "oauth.no_token",
        gettext_noop("The answer of %(host)s holds no token that the credential “%(name)s” can use."),
    )
    BUSY = "oauth.busy", gettext_noop("%(host)s has not given a token for the credential “%(name)s” yet.")


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A client of a token endpoint. `name` is that of the credential; `by_basic` sends id and secret as a header."""

    name: str
    token_url: str
    client_id: str
    secret: Sealed
    by_basic: bool = True
    scope: str = ""
    audience: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.token_url).hostname or ""


@dataclass(slots=True)
class _Slot:
    """The token of one client; times are of the monotonic clock. `failure` is the last one, for threads that waited."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = ""
    renew_at: float = -math.inf
    ends: float = -math.inf
    failure: Retryable | Permanent | None = None
    failed_at: float = -math.inf
    renewals: deque[float] = field(default_factory=lambda: deque(maxlen=RENEWALS))


_slots: dict[tuple[str, ...], _Slot] = {}
_slots_lock = threading.Lock()


def bearer(client: OAuthClient, context: Context) -> Mapping[str, str]:
    """Return the header with a valid token; raise Retryable, Permanent or CannotOpen."""
    slot = _slot_of(client)
    if monotonic() < slot.renew_at:
        return _header(slot.token)
    return _header(_obtain(slot, client, context))


def renew(client: OAuthClient, context: Context, refused: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return a header with another token than the refused one; None if too many were refused in the last minute."""
    slot = _slot_of(client)
    if slot.token and _header(slot.token) != refused and monotonic() < slot.renew_at:
        return _header(slot.token)
    if len(slot.renewals) == RENEWALS and slot.renewals[0] > monotonic() - _MINUTE:
        return None
    return _header(_obtain(slot, client, context, refused))


def forget(client: OAuthClient) -> None:
    """Forget the token of a client: its next use requests one."""
    with _slots_lock:
        _slots.pop(_key(client), None)


def _key(client: OAuthClient) -> tuple[str, ...]:
    return (
        *(client.token_url, client.client_id, client.secret.token, str(client.by_basic)),
        *(client.scope, client.audience),
    )


def _slot_of(client: OAuthClient) -> _Slot:
    with _slots_lock:
        return _slots.setdefault(_key(client), _Slot())


def _header(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _obtain(slot: _Slot, client: OAuthClient, context: Context, refused: Mapping[str, str] | None = None) -> str:
    """Return a token, requested by one thread at a time; the others use its token, or raise its failure."""
    asked_at = monotonic()
    if not slot.lock.acquire(timeout=max(0.1, min(TIMEOUT, context.time_left()))):
        raise Retryable(TokenFailure.BUSY(host=client.host, name=client.name))
    try:
        if monotonic() < slot.renew_at and _header(slot.token) != refused:
            return slot.token
        if slot.failure is not None and slot.failed_at >= asked_at:
            raise slot.failure.with_traceback(None)
        if refused is not None:
            slot.renewals.append(asked_at)
        try:
            _fill(slot, client, context)
        except (Retryable, Permanent) as error:
            slot.failure, slot.failed_at = error, monotonic()
            if refused is None and isinstance(error, Retryable) and monotonic() < slot.ends:
                return slot.token
            raise
        return slot.token
    finally:
        slot.lock.release()


def _fill(slot: _Slot, client: OAuthClient, context: Context) -> None:
    began = monotonic()
    answer = _request(client, context)
    found = _read(answer)
    if not answer.is_done:
        error = found.get("error")
        known = isinstance(error, str) and _ERROR.fullmatch(error)
        raise Permanent(
            TokenFailure.REFUSED(host=client.host, name=client.name, error=str(error) if known else str(answer.status))
        )
    token, kind = found.get("access_token"), found.get("token_type", "Bearer")
    if not (isinstance(token, str) and _TOKEN.fullmatch(token) and isinstance(kind, str) and kind.lower() == "bearer"):
        raise Permanent(TokenFailure.NO_TOKEN(host=client.host, name=client.name))
    life = _life(found.get("expires_in"))
    slot.token, slot.ends = token, began + life
    slot.renew_at = slot.ends - min(MARGIN, life / 4)


def _request(client: OAuthClient, context: Context) -> ServiceAnswer:
    secret = client.secret.open()
    form = {"grant_type": "client_credentials", "scope": client.scope, "audience": client.audience}
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    if client.by_basic:
        pair = f"{quote_plus(client.client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    else:
        form |= {"client_id": client.client_id, "client_secret": secret}
    body = urlencode({name: value for name, value in form.items() if value}).encode()
    return send(context, "POST", client.token_url, body, headers, timeout=TIMEOUT)


def _read(answer: ServiceAnswer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _life(told: Any) -> float:
    """Return the lifetime in seconds that an answer tells, as a number or a text."""
    try:
        life = UNTOLD_LIFE if told is None or isinstance(told, bool) else float(told)
    except (TypeError, ValueError):
        life = UNTOLD_LIFE
    return max(0.0, min(life, LONGEST_LIFE)) if math.isfinite(life) else UNTOLD_LIFE
