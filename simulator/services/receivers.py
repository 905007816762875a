"""Receivers: other systems that accept data once per Idempotency-Key and authenticate the sender."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import StringConstraints

from simulator.bodies import Body, Flag
from simulator.platform.faults import Fault
from simulator.services.oauth import not_valid
from simulator.wire.http import Request
from simulator.wire.replies import Reply, answer, json_reply
from simulator.world import World

_METHODS = frozenset({b"POST", b"PUT", b"PATCH"})
# Maximum age of a signature in seconds; an older one could be a replay.
FRESH_SECONDS = 300
# Maximum number of stored items; the counts cover all.
KEPT = 1000


class ReceiverSetup(Body):
    """Set-up of a receiver. `headers`: required from callers; `secret`: key for Standard Webhooks signatures.

    `oauth`: a token of the token endpoint is required.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,50}$")]
    headers: dict[str, str] = {}
    secret: str = ""
    oauth: Flag = False
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Receiver:
    """One receiver and its accepted data."""

    setup: ReceiverSetup
    requests: int = 0
    repeats: int = 0
    lost: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    taken: dict[str, bytes] = field(default_factory=dict)
    kept: list[dict[str, Any]] = field(default_factory=list)
    violations: list[dict[str, str]] = field(default_factory=list)

    def take(self, request: Request) -> Reply:
        """Answer one call, subject to a matching fault."""
        self.requests += 1
        key = request.headers.get("idempotency-key", "")
        fault = next((each for each in self.setup.faults if each.strikes(key)), None)
        if fault is not None:
            self.struck[fault.kind] += 1
        return answer(fault, lambda: self._judge(request, key, time.time()))

    def _judge(self, request: Request, key: str, now: float) -> Reply:
        """Accept a request if it is allowed."""
        if any(request.headers.get(name.lower()) != value for name, value in self.setup.headers.items()):
            return self._refuse("not_known", "A header that this receiver asks for is missing or wrong.", 401)
        if self.setup.secret and not _is_signed(request, self.setup.secret, now):
            return self._refuse("not_signed", "The signature is missing, wrong or old.", 401)
        if not key:
            return self._refuse("no_key", "There is no Idempotency-Key.", 400)
        digest = hashlib.sha256(request.body).digest()
        if key not in self.taken:
            self.taken[key] = digest
            body = request.body.decode("utf-8", "replace")
            if len(self.kept) < KEPT:
                self.kept.append({"key": key, "headers": dict(request.headers), "body": body})
        else:
            self.repeats += 1
            if self.taken[key] != digest:
                return self._refuse("key_reused", "The same Idempotency-Key came with another body.", 422)
        reply = json_reply({"status": "taken"})
        reply.lost = self._lose
        return reply

    def _lose(self) -> None:
        self.lost += 1

    def _refuse(self, kind: str, detail: str, status: int) -> Reply:
        if len(self.violations) < KEPT:
            self.violations.append({"kind": kind, "detail": detail})
        return json_reply({"status": "refused"}, status)

    def report(self) -> dict[str, Any]:
        return {
            "name": self.setup.name,
            "requests": self.requests,
            "taken": len(self.taken),
            "repeats": self.repeats,
            "lost": self.lost,
            "faults": dict(self.struck),
            "violations": self.violations,
            "kept": self.kept,
        }


class Receivers:
    """All receivers by name: created through the control API, called at /receive/{name}."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[str, Receiver] = {}

    def reset(self) -> None:
        """Delete all receivers."""
        self._known.clear()

    def create(self, content: Any) -> dict[str, Any]:
        """Create or replace a receiver; raise BadRequestError with a sentence."""
        wanted = ReceiverSetup.read(content)
        self._known[wanted.name] = Receiver(wanted)
        return {"name": wanted.name, "url": f"{self.world.base_url}/receive/{wanted.name}"}

    def report(self, name: str) -> dict[str, Any] | None:
        """Return the report of a receiver; None if the name is unknown."""
        found = self._known.get(name)
        return found.report() if found else None

    def answer(self, request: Request, name: str) -> Reply:
        """Answer one call."""
        receiver = self._known.get(name)
        if receiver is None:
            return json_reply({"error": "not found"}, 404)
        if receiver.setup.oauth and not self.world.oauth.is_valid(request):
            return not_valid()
        if request.method not in _METHODS:
            return json_reply({"error": "use POST, PUT or PATCH"}, 405, {"Allow": "POST, PUT, PATCH"})
        return receiver.take(request)


def _is_signed(request: Request, secret: str, now: float) -> bool:
    """Return whether the signature follows https://www.standardwebhooks.com and is fresh."""
    sent, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not sent or not at.isdigit() or abs(now - int(at)) > FRESH_SECONDS:
        return False
    try:
        key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    except binascii.Error:
        return False
    digest = hmac.digest(key, f"{sent}.{at}.".encode() + request.body, hashlib.sha256)
    expected = b"v1," + base64.b64encode(digest)
    given = request.headers.get("webhook-signature", "").encode()
    return any(hmac.compare_digest(each, expected) for each in given.split(b" "))
