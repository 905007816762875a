"""Configurable faults: which calls they hit, and how often."""

from __future__ import annotations

import hashlib
import random
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, StringConstraints, field_validator, model_validator

from simulator.bodies import Body, Count, Flag, Number, Share

ENDPOINTS = frozenset({"download", "reject", "finish"})
# A fault hits these only if it names them: they are not the three calls of the platform.
NAMED_ONLY = frozenset({"contact", "import", "recipients", "batch_status", "consent", "token"})


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
    EXPIRE = "expire"
    CLOSE_SLOW = "close_slow"
    DUPLICATE_HOOK = "duplicate_hook"
    WRONG_SHAPE = "wrong_shape"


# Endpoints of a fault that names none.
DEFAULT_ON = {
    **dict.fromkeys((FaultKind.CUT, FaultKind.WRONG_LENGTH, FaultKind.WRONG_TYPE), frozenset({"download"})),
    **dict.fromkeys((FaultKind.CORRUPT_GZIP, FaultKind.DIFFERS), frozenset({"download"})),
    **dict.fromkeys((FaultKind.EXPIRE, FaultKind.CLOSE_SLOW), frozenset({"download"})),
    FaultKind.DUPLICATE_HOOK: frozenset({"hook"}),
    FaultKind.WRONG_SHAPE: frozenset({"consent"}),
}
# Kinds that allow no other endpoint than their default.
ONE_PLACE = frozenset({FaultKind.CORRUPT_GZIP, FaultKind.DIFFERS, FaultKind.WRONG_SHAPE, FaultKind.DUPLICATE_HOOK})
ONE_PLACE |= {FaultKind.EXPIRE, FaultKind.CLOSE_SLOW}


class Fault(Body):
    """One active fault. `share` draws among the calls; with `times`, it picks targets and hits each that often."""

    kind: FaultKind
    on: frozenset[str] = frozenset()
    share: Share = 1.0
    times: Count | None = None
    total: Count | None = None
    seed: Annotated[int, Field(strict=True)] = 0
    # status and redirect
    status: Annotated[int, Field(strict=True, ge=200, le=599)] = 500
    # status: the body of the answer, of the type `type`; without it, an error as JSON
    body: str | None = None
    retry_after: Count | Number | Literal["date"] | None = None
    location: Annotated[str, StringConstraints(pattern=r"^[ -~]*$")] = "/elsewhere"
    # slow, expire, close_slow and Retry-After dates: seconds; drip: pieces of `bytes` every `interval` seconds
    seconds: Number = 1.0
    bytes: Annotated[int, Field(strict=True, ge=1)] = 64
    interval: Number = 0.05
    # hang and status: whether the call takes effect; None means the default of the kind
    effect: Flag | None = None
    # cut and corrupt_gzip: position as a share of the bytes; cut clean: the transport proves the shortened file
    at: Share = 0.5
    clean: Flag = False
    # wrong_length: added to the true length; wrong_type: the type; differs: the first row that moves
    by: Annotated[int, Field(strict=True)] = 10
    type: str = "text/html"
    row: Count = 0

    _struck: int = PrivateAttr(default=0)
    _struck_by_key: dict[str, int] = PrivateAttr(default_factory=dict)
    _draw: random.Random = PrivateAttr(default_factory=random.Random)

    @field_validator("on", mode="before")
    @classmethod
    def _read_one_name(cls, raw: Any) -> Any:
        return [raw] if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        usual = DEFAULT_ON.get(self.kind, ENDPOINTS)
        allowed = usual if self.kind in ONE_PLACE else ENDPOINTS | NAMED_ONLY
        if not self.on <= allowed:
            raise ValueError(f"The fault {self.kind} strikes on {', '.join(sorted(allowed))}.")
        self._draw.seed(self.seed)
        return self

    @property
    def prevents(self) -> bool:
        """Return whether the call has no effect."""
        if self.kind is FaultKind.STATUS:
            return not self.effect
        if self.kind is FaultKind.HANG:
            return self.effect is False
        return self.kind in (FaultKind.RESET_BEFORE, FaultKind.REDIRECT)

    def strikes_on(self, endpoint: str) -> bool:
        """Return whether the fault concerns an endpoint."""
        return endpoint in (self.on or DEFAULT_ON.get(self.kind, ENDPOINTS))

    def strikes(self, key: str) -> bool:
        """Draw for one call; `key` names its target (this contact, this delivery, this file)."""
        if self.total is not None and self._struck >= self.total:
            return False
        if self.times is None:
            if self.share < 1.0 and self._draw.random() >= self.share:
                return False
        else:
            before = self._struck_by_key.get(key, 0)
            if before >= self.times or (self.share < 1.0 and not self._picks(key)):
                return False
            self._struck_by_key[key] = before + 1
        self._struck += 1
        return True

    def _picks(self, key: str) -> bool:
        digest = hashlib.blake2b(f"{self.seed}:{self.kind}:{key}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) < self.share * 2**64


class Faults(Body):
    """Faults and settings of one sendout, or of all of them; None leaves a setting to the level above."""

    faults: tuple[Fault, ...] = ()
    latency: Number | None = None
    repeat_status: Literal[200, 204, 409, 410] | None = None

    def strike(self, endpoint: str, key: str) -> Fault | None:
        """Return the first fault that hits this call, or None."""
        for fault in self.faults:
            if fault.strikes_on(endpoint) and fault.strikes(key):
                return fault
        return None
