"""Token endpoint of OAuth 2.0 client credentials; the consent service, receivers and REST API can require its tokens.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4, https://www.rfc-editor.org/rfc/rfc6750#section-3
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections import Counter
from typing import Any, Literal
from urllib.parse import parse_qs, unquote_plus

from simulator.bodies import Body, Number
from simulator.platform.faults import Faults
from simulator.wire.http import Request
from simulator.wire.replies import Reply, answer, json_reply

_FORM = "application/x-www-form-urlencoded"


class OAuthSettings(Body):
    """Behaviour of the endpoint. `expires_in`: what it tells, in seconds; -1 tells nothing.

    `lasts`: how long tokens are accepted, if not as long as told. `uses`: how often each is accepted; 0 is always.
    """

    client_id: str = "gate"
    client_secret: str = "secret"
    auth: Literal["any", "basic", "post"] = "any"
    scope: str = ""
    audience: str = ""
    token_type: str = "Bearer"
    expires_in: float = 3600.0
    lasts: Number | None = None
    uses: int = 0


class OAuth:
    """Handler of POST /oauth/token, and judge of its tokens."""

    def __init__(self) -> None:
        self.settings = OAuthSettings()
        self.issued = 0
        self.refused: Counter[str] = Counter()
        self._ends: dict[str, float] = {}
        self._uses: Counter[str] = Counter()

    def set_up(self, raw: Any) -> Reply:
        """Set the behaviour; omitted settings return to their defaults. Issued tokens stay valid."""
        self.settings = OAuthSettings.read(raw)
        return json_reply({"ok": True})

    def revoke(self) -> Reply:
        """Accept none of the tokens issued so far."""
        self._ends.clear()
        return json_reply({"ok": True})

    def report(self) -> Reply:
        """Return how many tokens were issued, and how many requests were refused, by error."""
        return json_reply({"issued": self.issued, "refused": dict(self.refused)})

    def answer(self, request: Request, path: str, faults: Faults) -> Reply:
        """Answer one request, subject to a matching fault."""
        if path != "token" or request.method != b"POST":
            return json_reply({"error": "not found"}, 404)
        return answer(faults.strike("token", "oauth/token"), lambda: self._issue(request))

    def is_valid(self, request: Request) -> bool:
        """Return whether a request carries a token of this endpoint that is still accepted; count its use."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or time.monotonic() >= self._ends.get(token, 0.0):
            return False
        self._uses[token] += 1
        return not self.settings.uses or self._uses[token] <= self.settings.uses

    def _issue(self, request: Request) -> Reply:
        error = self._fault(request)
        if error:
            self.refused[error] += 1
            headers = {"WWW-Authenticate": 'Basic realm="tokens"'} if error == "invalid_client" else {}
            return json_reply({"error": error}, 401 if error == "invalid_client" else 400, headers)
        wanted = self.settings
        token = secrets.token_urlsafe(24)
        self._ends[token] = time.monotonic() + (abs(wanted.expires_in) if wanted.lasts is None else wanted.lasts)
        self.issued += 1
        told = {} if wanted.expires_in < 0 else {"expires_in": wanted.expires_in}
        return json_reply(
            {"access_token": token, "token_type": wanted.token_type, **told}, 200, {"Cache-Control": "no-store"}
        )

    def _fault(self, request: Request) -> str:
        """Return the error code of a request; "" if it is right."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
            return "invalid_request"
        form = {name: values[-1] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        basic = _basic(request.headers.get("authorization", ""))
        posted = (form["client_id"], form.get("client_secret", "")) if "client_id" in form else None
        if basic and posted:
            return "invalid_request"
        wanted = self.settings
        allowed = {"any": basic or posted, "basic": basic, "post": posted}[wanted.auth]
        if allowed != (wanted.client_id, wanted.client_secret):
            return "invalid_client"
        if form.get("grant_type") != "client_credentials":
            return "unsupported_grant_type"
        if form.get("scope", "") != wanted.scope:
            return "invalid_scope"
        return "" if form.get("audience", "") == wanted.audience else "invalid_target"


def not_valid() -> Reply:
    """Return the answer of a service to a missing or expired token."""
    return json_reply({"error": "not authorized"}, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return unquote_plus(user), unquote_plus(password)
