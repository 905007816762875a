"""Receivers: other systems that accept data once per Idempotency-Key and authenticate the sender."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import BadRequestError
from simulator.platform.faults import Fault, FaultKind, Faults
from simulator.wire.http import Request
from simulator.wire.replies import Manner, Reply, json_body, json_reply, status_wire, whole
from simulator.world import World

_NAME = re.compile(r"[a-z0-9-]{1,50}")
_FAULTS = frozenset({FaultKind.SLOW, FaultKind.STATUS, FaultKind.HANG, FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER})
_METHODS = frozenset({b"POST", b"PUT", b"PATCH"})
# Maximum age of a signature in seconds; an older one could be a replay.
FRESH_SECONDS = 300
# Maximum number of stored items; the counts cover all.
KEPT = 1000


@dataclass(slots=True)
class Receiver:
    """One receiver and its accepted data.

    `headers`: required from callers; `secret`: key for Standard Webhooks signatures.
    """

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    faults: Sequence[Fault] = ()
    requests: int = 0
    repeats: int = 0
    lost: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    taken: dict[str, bytes] = field(default_factory=dict)
    kept: list[dict[str, Any]] = field(default_factory=list)
    violations: list[dict[str, str]] = field(default_factory=list)

    def judge(self, request: Request, now: float) -> int:
        """Accept a request if it is allowed; return the status of the answer."""
        if any(request.headers.get(name) != value for name, value in self.headers.items()):
            return self._violated("not_known", "A header that this receiver asks for is missing or wrong.", 401)
        if self.secret and not _is_signed(request, self.secret, now):
            return self._violated("not_signed", "The signature is missing, wrong or old.", 401)
        key = request.headers.get("idempotency-key", "")
        if not key:
            return self._violated("no_key", "There is no Idempotency-Key.", 400)
        digest = hashlib.sha256(request.body).digest()
        if key not in self.taken:
            self.taken[key] = digest
            if len(self.kept) < KEPT:
                self.kept.append(
                    {"key": key, "headers": dict(request.headers), "body": request.body.decode("utf-8", "replace")}
                )
            return 200
        self.repeats += 1
        if self.taken[key] != digest:
            return self._violated("key_reused", "The same Idempotency-Key came with another body.", 422)
        return 200

    def _violated(self, kind: str, detail: str, status: int) -> int:
        if len(self.violations) < KEPT:
            self.violations.append({"kind": kind, "detail": detail})
        return status

    def report(self) -> dict[str, Any]:
        return {
            "name": self.name,
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
        if not isinstance(content, dict) or set(content) - {"name", "headers", "secret", "faults"}:
            raise BadRequestError("A receiver has name, headers, secret and faults.")
        name, headers, secret = content.get("name"), content.get("headers", {}), content.get("secret", "")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BadRequestError("`name` is small letters, digits and dashes.")
        if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
            raise BadRequestError("`headers` are names and texts.")
        if not isinstance(secret, str):
            raise BadRequestError("`secret` is a text.")
        wanted = {each.lower(): value for each, value in headers.items()}
        faults = Faults.parse({"faults": content.get("faults", [])}).faults
        if any(fault.kind not in _FAULTS for fault in faults):
            raise BadRequestError(f"A receiver's faults are {', '.join(sorted(_FAULTS))}.")
        self._known[name] = Receiver(name, wanted, secret, faults)
        return {"name": name, "url": f"{self.world.base_url}/receive/{name}"}

    def report(self, name: str) -> dict[str, Any] | None:
        """Return the report of a receiver; None if the name is unknown."""
        found = self._known.get(name)
        return found.report() if found else None

    def take(self, request: Request, name: str) -> Reply:
        """Answer one call, subject to a matching fault."""
        receiver = self._known.get(name)
        if receiver is None:
            return json_reply({"error": "not found"}, 404)
        if request.method not in _METHODS:
            return json_reply({"error": "use POST, PUT or PATCH"}, 405, {"Allow": "POST, PUT, PATCH"})
        receiver.requests += 1
        key = request.headers.get("idempotency-key", "")
        fault = next((each for each in receiver.faults if each.strikes(key)), None)
        if fault is None:
            return _answer(receiver.judge(request, time.time()))
        receiver.struck[fault.kind] += 1
        return _struck(receiver, fault, request)


def _struck(receiver: Receiver, fault: Fault, request: Request) -> Reply:
    if fault.kind is FaultKind.RESET_BEFORE:
        return Reply(manner=Manner.RESET)
    if fault.kind is FaultKind.STATUS and not fault.effect:
        return Reply(status_wire(fault))
    if fault.kind is FaultKind.HANG and fault.effect is False:
        return Reply(manner=Manner.HANG)
    status = receiver.judge(request, time.time())
    if fault.kind is FaultKind.SLOW:
        reply = _answer(status)
        reply.delay = fault.seconds
        return reply
    # The data is accepted, but the sender gets no answer.
    receiver.lost += 1
    if fault.kind is FaultKind.STATUS:
        return Reply(status_wire(fault))
    return Reply(manner=Manner.HANG if fault.kind is FaultKind.HANG else Manner.RESET)


def _answer(status: int) -> Reply:
    return Reply(whole(status, json_body({"status": "taken" if status == 200 else "refused"})))


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
