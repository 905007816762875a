"""A sendout on the platform: its contacts, its deliveries, and the effects of its URIs."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from simulator.platform.spec import Spec, due_rows

WAITING, REJECTED, ACCEPTED, TIMED_OUT = range(4)
_WAITING_TO_ACCEPTED = bytes.maketrans(bytes([WAITING]), bytes([ACCEPTED]))
_WAITING_TO_TIMED_OUT = bytes.maketrans(bytes([WAITING]), bytes([TIMED_OUT]))
_IS_ACCEPTED = bytes(int(state == ACCEPTED) for state in range(256))
_IS_REJECTED = bytes(int(state == REJECTED) for state in range(256))

MAX_HOOKS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Fired:
    """One firing of a hook: `ms` until the complete answer; without one, `status` is 0 and `error` names the reason."""

    finish_uri: str
    status: int
    ms: float
    body: str
    error: str | None


class Delivery:
    """One hook and its `finishUri`: contacts `first` to `first + count - 1` of its sendout. Times are unix seconds."""

    __slots__ = ("count", "expired", "finish_lost", "finished_at", "fired_at", "first", "number", "waits_from")

    def __init__(self, number: int, first: int, count: int, waits_from: float) -> None:
        self.number = number
        self.first = first
        self.count = count
        self.waits_from = waits_from
        self.fired_at: float | None = None
        self.finished_at: float | None = None
        self.finish_lost = False
        self.expired = False


class Sendout:
    """Waiting contacts, one byte each, until they are rejected, accepted or timed out."""

    def __init__(
        self, number: int, spec: Spec, prefixes: dict[str, str], record: Callable[..., None], now: float
    ) -> None:
        self.id = f"s{number}"
        self.spec = spec
        self.prefixes = prefixes
        self.record = record
        self.due = due_rows(spec)
        self.states = bytearray(spec.total)
        self.lost = bytearray(spec.total)
        self.deliveries = [Delivery(n, n * spec.contacts, spec.contacts, now) for n in range(spec.hooks)]
        self.calls: Counter[str] = Counter()
        self.answers_lost: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.violations: list[dict[str, Any]] = []
        self.violation_count = 0
        self.released_due = 0
        self.fired: list[Fired] = []
        self.acknowledged = 0
        self.refused = 0
        self.hook_ms = array("d")
        self.versions = 0
        self.sizes: dict[int | None, int] = {}

    def delivery_id(self, delivery: Delivery) -> str:
        """Return the name of a delivery in reports and violations."""
        return f"{self.id}/{delivery.number + 1}"

    def fires(self, delivery: Delivery, now: float) -> None:
        """Start the contacts' time at the first firing only."""
        if delivery.fired_at is None:
            delivery.fired_at = delivery.waits_from = now

    def settle(self, delivery: Delivery, now: float) -> None:
        """Time out the contacts that still wait after the delivery's time-out."""
        if delivery.finished_at is None and not delivery.expired and now >= delivery.waits_from + self.spec.timeout:
            delivery.expired = True
            self._turn(delivery, _WAITING_TO_TIMED_OUT)

    def reject(self, index: int, repeat_status: int, now: float) -> int:
        """Reject one contact; return the status to answer: 200, the repeat's status, or 410 after the time-out."""
        delivery = self.deliveries[index // self.spec.contacts]
        self.settle(delivery, now)
        state = self.states[index]
        if state == WAITING:
            self.states[index] = REJECTED
            if self.spec.may_reject == "due" and not self.due[index]:
                self._violation("rejected_not_due", delivery, index, "This contact was not due to be rejected.", now)
            return 200
        if state == REJECTED:
            self.calls["reject_repeat"] += 1
            if not self.lost[index]:
                self._violation("rejected_twice", delivery, index, "No answer to its rejection was lost.", now)
            return repeat_status
        if state == ACCEPTED:
            self._violation("reject_after_finish", delivery, index, "Its message was already released.", now)
        else:
            self._violation("reject_after_timeout", delivery, index, "The contact had timed out.", now)
        return 410

    def finish(self, delivery: Delivery, repeat_status: int, now: float) -> int:
        """Release the contacts that still wait; return the status to answer: 200, the repeat's status, 409 or 410."""
        self.settle(delivery, now)
        if delivery.finished_at is not None:
            self.calls["finish_repeat"] += 1
            if delivery.finish_lost:
                return repeat_status
            self._violation("finished_twice", delivery, None, "No answer to its finish was lost.", now)
            return 409
        if delivery.expired:
            self._violation("finish_after_timeout", delivery, None, "Its contacts had timed out.", now)
            return 410
        delivery.finished_at = now
        span = self._turn(delivery, _WAITING_TO_ACCEPTED)
        released = _count_common(self.states[span].translate(_IS_ACCEPTED), self.due[span])
        if released:
            self.released_due += released
            self._violation("released_due", delivery, None, f"{released} due rejections were missing at finish.", now)
        return 200

    def lose_rejection(self, index: int) -> None:
        """Record that the answer to a rejection could not arrive, so that a repeat is legal."""
        self.lost[index] = 1
        self.answers_lost["reject"] += 1

    def lose_finish(self, delivery: Delivery) -> None:
        """Record that the answer to a finish could not arrive, so that a repeat is legal."""
        delivery.finish_lost = True
        self.answers_lost["finish"] += 1

    def excuse(self) -> None:
        """Count all answers so far as lost: the integrated system was killed and may not have stored them."""
        for index, flag in enumerate(self.states.translate(_IS_REJECTED)):
            if flag:
                self.lost[index] = 1
        for delivery in self.deliveries:
            delivery.finish_lost = delivery.finish_lost or delivery.finished_at is not None

    def keep_fired(self, fired: Fired) -> None:
        """Store the result of a firing."""
        self.hook_ms.append(fired.ms)
        if 200 <= fired.status < 300:
            self.acknowledged += 1
        else:
            self.refused += 1
        if len(self.fired) < MAX_HOOKS_SHOWN:
            self.fired.append(fired)

    def expected(self) -> dict[str, int]:
        """Return the expected number of accepted and rejected contacts, if exactly the due rejections are made."""
        rejected = self.due.count(1)
        return {"accepted": self.spec.total - rejected, "rejected": rejected}

    def report(self, now: float) -> dict[str, Any]:
        """Return the report of the sendout; times in unix seconds."""
        for delivery in self.deliveries:
            self.settle(delivery, now)
        finished = [delivery for delivery in self.deliveries if delivery.finished_at is not None]
        fired = [delivery.fired_at for delivery in self.deliveries if delivery.fired_at is not None]
        took = [(each.finished_at - each.fired_at) * 1000 for each in finished if each.fired_at and each.finished_at]
        not_due = self.due.translate(bytes.maketrans(b"\x00\x01", b"\x01\x00"))
        return {
            "id": self.id,
            "kind": self.spec.kind,
            "project": self.spec.project,
            "journey": self.spec.journey,
            "sendout": self.spec.sendout,
            "contacts": self.spec.total,
            "accepted": self.states.count(ACCEPTED),
            "rejected": self.states.count(REJECTED),
            "timed_out": self.states.count(TIMED_OUT),
            "waiting": self.states.count(WAITING),
            "expected": self.expected(),
            "deliveries": len(self.deliveries),
            "finished": len(finished),
            "hooks": [asdict(each) for each in self.fired],
            "acknowledged": self.acknowledged,
            "refused": self.refused,
            "calls": {
                name: self.calls[name] for name in ("download", "reject", "reject_repeat", "finish", "finish_repeat")
            },
            "lost": {name: self.answers_lost[name] for name in ("reject", "finish")},
            "faults": dict(self.struck),
            "violations": self.violations,
            "violation_count": self.violation_count,
            "released_due": self.released_due,
            "wrongly_rejected": _count_common(self.states.translate(_IS_REJECTED), not_due),
            "max_finish_ms_after_hook": round(max(took), 3) if took else None,
            "finish_ms_after_hook": percentiles(took, p50=0.5, p95=0.95, p99=0.99, max=1.0),
            "first_hook_at": min(fired) if fired else None,
            "finished_at": (
                max(each.finished_at or 0.0 for each in finished) if len(finished) == len(self.deliveries) else None
            ),
        }

    def _turn(self, delivery: Delivery, table: bytes) -> slice:
        span = slice(delivery.first, delivery.first + delivery.count)
        self.states[span] = self.states[span].translate(table)
        return span

    def _violation(self, kind: str, delivery: Delivery, index: int | None, detail: str, now: float) -> None:
        contact = None if index is None else index + 1
        self.record(kind, sendout=self, delivery=self.delivery_id(delivery), contact=contact, detail=detail, now=now)


def _count_common(left: bytes | bytearray, right: bytes | bytearray) -> int:
    """Count the positions at which both are 1, without a loop over contacts."""
    return (int.from_bytes(left) & int.from_bytes(right)).bit_count()


def percentiles(milliseconds: Iterable[float], **shares: float) -> dict[str, float] | None:
    """Return the values at these shares of the sorted times; None without times."""
    ordered = sorted(milliseconds)
    last = len(ordered) - 1
    return {name: round(ordered[round(share * last)], 3) for name, share in shares.items()} if ordered else None
