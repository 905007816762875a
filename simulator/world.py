"""State of the simulator: sendouts, owners of tokens, settings, and violations."""

from __future__ import annotations

import asyncio
import secrets
import string
from typing import Any

from simulator.bodies import Destination
from simulator.platform.faults import Fault, Faults
from simulator.platform.sendouts import Delivery, Sendout
from simulator.platform.spec import Spec
from simulator.services.consent import Consent
from simulator.services.contact_lists import RestState
from simulator.services.oauth import OAuth

DIGITS = string.digits + string.ascii_lowercase
PREFIX_LENGTH = 20
MAX_DIGITS = 8
# Maximum number of stored violations, so that a million do not fill the memory; the counts cover all.
MAX_VIOLATIONS_KEPT = 1000


def base36(number: int) -> str:
    """Return a number in base 36, with lower-case letters."""
    digits = DIGITS[number % 36]
    while number >= 36:
        number //= 36
        digits = DIGITS[number % 36] + digits
    return digits


class World:
    """State behind the server. `base_url` is the address at which the integrated system reaches it."""

    def __init__(self, base_url: str, hooks_go_to: Destination | None = None) -> None:
        self.base_url = base_url
        self.hooks_go_to = hooks_go_to or Destination()
        self.firing: set[asyncio.Task[Any]] = set()
        self.created = 0
        self._clear()

    def _clear(self) -> None:
        self.sendouts: dict[str, Sendout] = {}
        self.faults = Faults()
        self.rest = RestState()
        self.oauth = OAuth()
        self.consent = Consent(self.oauth)
        self.violations: list[dict[str, Any]] = []
        self.violation_count = 0
        self._owners: dict[str, tuple[str, Sendout]] = {}

    def reset(self) -> None:
        """Delete every sendout, fault and violation, and stop firing."""
        for task in self.firing:
            task.cancel()
        self._clear()

    def create(self, spec: Spec, now: float) -> Sendout:
        """Create the messages of a sendout, which wait from now on."""
        prefixes = {role: self._prefix() for role in ("contact", "finish", "files")}
        sendout = Sendout(self.created + 1, spec, prefixes, self.record, now)
        self.created += 1
        self.sendouts[sendout.id] = sendout
        contact_role = "cancel" if spec.kind == "batch" else "reject"
        for role, prefix in prefixes.items():
            self._owners[prefix] = (contact_role if role == "contact" else role, sendout)
        return sendout

    def find(self, role: str, token: str) -> tuple[Sendout, int] | None:
        """Return the sendout and the number of a token; None if it was never issued in this role."""
        owner = self._owners.get(token[:PREFIX_LENGTH])
        if owner is None or owner[0] != role:
            return None
        digits = token[PREFIX_LENGTH:]
        if not digits.isalnum() or not digits.isascii() or len(digits) > MAX_DIGITS:
            return None
        number = int(digits, 36)
        sendout = owner[1]
        limit = 1 if role == "files" else len(sendout.deliveries) if role == "finish" else sendout.spec.total
        if number >= limit or base36(number) != digits or (role == "files" and sendout.spec.kind == "single"):
            return None
        return sendout, number

    def contact_base(self, sendout: Sendout) -> str:
        """Return the common prefix of the URIs of a sendout's contacts."""
        role = "cancel" if sendout.spec.kind == "batch" else "reject"
        return f"{self.base_url}/{role}/{sendout.prefixes['contact']}"

    def finish_uri(self, sendout: Sendout, delivery: Delivery) -> str:
        """Return the URI that releases a delivery."""
        return f"{self.base_url}/finish/{sendout.prefixes['finish']}{base36(delivery.number)}"

    def download_uri(self, sendout: Sendout) -> str:
        """Return the URI of a batch's contact file."""
        extension = {"json_object": "json"}.get(sendout.spec.format, sendout.spec.format)
        packed = ".gz" if sendout.spec.gzip == "body" else ""
        return f"{self.base_url}/files/{sendout.prefixes['files']}0.{extension}{packed}"

    def strike(self, sendout: Sendout, endpoint: str, number: int) -> Fault | None:
        """Draw the faults for one call: those of the sendout first, then the global ones."""
        if not sendout.spec.faults.faults and not self.faults.faults:
            return None
        key = f"{sendout.id}/{endpoint}/{number}"
        fault = sendout.spec.faults.strike(endpoint, key) or self.faults.strike(endpoint, key)
        if fault is not None:
            sendout.struck[fault.kind] += 1
        return fault

    def latency(self, sendout: Sendout) -> float:
        """Return the delay in seconds before each answer to a rejection or a finish."""
        own = sendout.spec.faults.latency
        return own if own is not None else self.faults.latency or 0.0

    def repeat_status(self, sendout: Sendout) -> int:
        """Return the status of the answer to a repeated call."""
        return sendout.spec.faults.repeat_status or self.faults.repeat_status or 200

    def record(
        self,
        kind: str,
        *,
        sendout: Sendout | None = None,
        delivery: str = "",
        contact: int | None = None,
        detail: str,
        now: float,
    ) -> None:
        """Record a violation of the protocol, also on its sendout if it has one."""
        entry = {
            "kind": kind,
            "sendout": sendout.id if sendout else None,
            "delivery": delivery or None,
            "contact": contact,
            "detail": detail,
            "at": now,
        }
        self.violation_count += 1
        if len(self.violations) < MAX_VIOLATIONS_KEPT:
            self.violations.append(entry)
        if sendout is not None:
            sendout.violation_count += 1
            if len(sendout.violations) < MAX_VIOLATIONS_KEPT:
                sendout.violations.append(entry)

    def _prefix(self) -> str:
        while True:
            prefix = "".join(secrets.choice(DIGITS) for _ in range(PREFIX_LENGTH))
            if prefix not in self._owners:
                return prefix
