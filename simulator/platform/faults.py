"""Configurable faults: which calls they hit, and how often."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from simulator.errors import BadRequestError

ENDPOINTS = frozenset({"download", "reject", "finish"})
# Endpoints that a fault hits only if it names them.
REST_ENDPOINTS = frozenset({"contact", "import", "recipients", "batch_status"})
# Not an endpoint of the platform, so only faults that name it hit it.
CONSENT = "consent"
REPEAT_STATUSES = frozenset({200, 204, 409, 410})


class FaultKind(StrEnum):
    """Kinds of faults; the README describes each."""

    SLOW = "slow"
    STATUS = "status"
    HANG = "hang"
    DRIP = "drip"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    CUT = "cut"
    CORRUPT_GZIP = "corrupt_gzip"
    WRONG_LENGTH = "wrong_length"
    WRONG_TYPE = "wrong_type"
    DIFFERS = "differs"
    REDIRECT = "redirect"
    DUPLICATE_HOOK = "duplicate_hook"
    WRONG_SHAPE = "wrong_shape"


# Endpoints of a fault that names none.
DEFAULT_ON = {
    FaultKind.CUT: frozenset({"download"}),
    FaultKind.CORRUPT_GZIP: frozenset({"download"}),
    FaultKind.WRONG_LENGTH: frozenset({"download"}),
    FaultKind.WRONG_TYPE: frozenset({"download"}),
    FaultKind.DIFFERS: frozenset({"download"}),
    FaultKind.DUPLICATE_HOOK: frozenset({"hook"}),
    FaultKind.WRONG_SHAPE: frozenset({CONSENT}),
}
# Kinds that allow no other endpoint than their default.
ONE_PLACE = frozenset({FaultKind.CORRUPT_GZIP, FaultKind.DIFFERS, FaultKind.WRONG_SHAPE})
REST_KINDS = frozenset(
    {FaultKind.SLOW, FaultKind.STATUS, FaultKind.HANG, FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER}
)


@dataclass(slots=True)
class Fault:
    """One active fault. `share` draws among the calls; with `times`, it picks targets and hits each that often."""

    kind: FaultKind
    on: frozenset[str]
    share: float = 1.0
    times: int | None = None
    total: int | None = None
    seed: int = 0
    # status and redirect
    status: int = 500
    retry_after: float | str | None = None
    location: str = ""
    # slow and Retry-After dates: seconds; drip: pieces of `bytes` every `interval` seconds
    seconds: float = 1.0
    bytes: int = 64
    interval: float = 0.05
    # hang and status: whether the call takes effect; None means the default of the kind
    effect: bool | None = None
    # cut and corrupt_gzip: position as a share of the bytes; cut clean: the transport proves the shortened file
    at: float = 0.5
    clean: bool = False
    # wrong_length: added to the true length; wrong_type: the type; differs: the first row that moves
    by: int = 10
    type: str = "text/html"
    row: int = 0
    struck: int = 0
    struck_by_key: dict[str, int] = field(default_factory=dict)
    draw: random.Random = field(default_factory=random.Random)

    def strikes(self, key: str) -> bool:
        """Draw for one call; `key` names its target (this contact, this delivery, this file)."""
        if self.total is not None and self.struck >= self.total:
            return False
        if self.times is None:
            if self.share < 1.0 and self.draw.random() >= self.share:
                return False
        else:
            before = self.struck_by_key.get(key, 0)
            if before >= self.times or (self.share < 1.0 and not self._picks(key)):
                return False
            self.struck_by_key[key] = before + 1
        self.struck += 1
        return True

    def _picks(self, key: str) -> bool:
        digest = hashlib.blake2b(f"{self.seed}:{self.kind}:{key}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) < self.share * 2**64


@dataclass(slots=True)
class Faults:
    """Faults and settings of one sendout, or of all of them; None leaves a setting to the level above."""

    faults: tuple[Fault, ...] = ()
    latency: float | None = None
    repeat_status: int | None = None

    @classmethod
    def parse(cls, raw: object) -> Faults:
        """Parse the faults of a control request; raise BadRequestError with a sentence."""
        if not isinstance(raw, Mapping):
            raise BadRequestError('Faults are an object: {"faults": […], "latency": 0.02, "repeat_status": 409}.')
        unknown = set(raw) - {"faults", "latency", "repeat_status"}
        if unknown:
            raise BadRequestError(f"Unknown key beside the faults: {', '.join(sorted(unknown))}.")
        entries = raw.get("faults") or []
        if not isinstance(entries, list):
            raise BadRequestError("`faults` is a list.")
        latency = raw.get("latency")
        if latency is not None and not (_is_number(latency) and latency >= 0):
            raise BadRequestError("`latency` is a number of seconds.")
        repeat_status = raw.get("repeat_status")
        if repeat_status is not None and repeat_status not in REPEAT_STATUSES:
            raise BadRequestError(f"`repeat_status` is one of {', '.join(map(str, sorted(REPEAT_STATUSES)))}.")
        return cls(tuple(_fault(entry) for entry in entries), latency, repeat_status)

    def strike(self, endpoint: str, key: str) -> Fault | None:
        """Return the first fault that hits this call, or None."""
        for fault in self.faults:
            if endpoint in fault.on and fault.strikes(key):
                return fault
        return None


_TYPES: dict[str, tuple[type, ...]] = {
    "share": (int, float),
    "times": (int,),
    "total": (int,),
    "seed": (int,),
    "status": (int,),
    "location": (str,),
    "retry_after": (int, float, str),
    "seconds": (int, float),
    "bytes": (int,),
    "interval": (int, float),
    "effect": (bool,),
    "at": (int, float),
    "clean": (bool,),
    "by": (int,),
    "type": (str,),
    "row": (int,),
}
assert set(_TYPES) <= {each.name for each in fields(Fault)}


def _fault(entry: object) -> Fault:
    if not isinstance(entry, Mapping):
        raise BadRequestError("A fault is an object with a `kind`.")
    try:
        kind = FaultKind(entry.get("kind", ""))
    except ValueError:
        raise BadRequestError(f"A fault's kind is one of {', '.join(FaultKind)}.") from None
    given = {key: value for key, value in entry.items() if key not in ("kind", "on") and value is not None}
    for key, value in given.items():
        if key not in _TYPES:
            raise BadRequestError(f"The fault {kind} has an unknown key: {key}.")
        if not isinstance(value, _TYPES[key]) or (isinstance(value, bool) and key not in ("effect", "clean")):
            raise BadRequestError(f"The fault {kind} has a value of the wrong type under {key}.")
    fault = Fault(kind, _parse_endpoints(kind, entry.get("on")), **given)
    fault.draw.seed(fault.seed)
    if not 0 <= fault.share <= 1 or not 0 <= fault.at <= 1:
        raise BadRequestError(f"The fault {kind} has a share outside 0 to 1.")
    if fault.bytes < 1 or fault.row < 0 or fault.seconds < 0 or fault.interval < 0 or not 200 <= fault.status <= 599:
        raise BadRequestError(f"The fault {kind} has a number out of its range.")
    if isinstance(fault.retry_after, str) and fault.retry_after != "date":
        raise BadRequestError('`retry_after` is a number of seconds or "date".')
    return fault


def _parse_endpoints(kind: FaultKind, raw: object) -> frozenset[str]:
    if raw is None or kind is FaultKind.DUPLICATE_HOOK:
        return DEFAULT_ON.get(kind, ENDPOINTS)
    names = frozenset([raw] if isinstance(raw, str) else raw if isinstance(raw, list) else ["?"])
    allowed = DEFAULT_ON[kind] if kind in ONE_PLACE else ENDPOINTS | {CONSENT}
    allowed |= REST_ENDPOINTS if kind in REST_KINDS else frozenset()
    if not names or not names <= allowed:
        raise BadRequestError(f"The fault {kind} strikes on {', '.join(sorted(allowed))}.")
    return names


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
