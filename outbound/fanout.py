"""Many small concurrent calls from one thread, as fast as the remote side allows."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from outbound.breaker import breakers
from outbound.guard import AllowList, Refused
from outbound.pace import Pace
from outbound.retry_after import MAX_WAIT, TROUBLE
from outbound.transfer import TICK, Poller, Transfer, header_lines, method_name

# Yield answers in lists of up to this many, or after this many seconds, whichever comes first.
LIST_SIZE: Final = 256
LIST_WAIT: Final = 0.1
# Wait out a requested pause of up to this many seconds; in a longer one the caller can do other work.
WAITED_OUT: Final = 2.0


@dataclass(frozen=True, slots=True)
class FanoutCall:
    """One request to make; its answer carries the same `key`."""

    key: Any
    uri: str


@dataclass(frozen=True, slots=True)
class FanoutAnswer:
    """Outcome of one call.

    `status` is 0 if no answer came; then `error` says why:
    - "lost": time-out or reset after the request may have been sent;
    - "unsent": certainly not sent;
    - "held": not tried, since the host takes no calls at the moment; it may be called again in `retry_after` seconds;
    - "refused": by the guard, with its reason in `refusal`.

    `retry_after` is the pause that the answer requested, in seconds, an hour at most. `seconds` is the duration of the
    call. `body` is what came of the answer's body, up to MAX_BODY; `cut` says that its end is missing.
    """

    key: Any
    status: int
    error: str
    retry_after: float | None
    seconds: float
    refusal: Refused | None = None
    body: bytes = b""
    cut: bool = False


def never() -> bool:
    """Default of `stop`: never stop."""
    return False


Patience = Callable[[], float]


def endless() -> float:
    """Default of `patience`: give no call up."""
    return float("inf")


class Fanout:
    """Makes many concurrent calls through libcurl; keeps connections and the learnt limit from one send() to the next.

    For one thread at a time. `timeout` (the whole call) and `connect_timeout` are seconds. If the caller takes longer
    than `timeout` between two lists, the pending calls time out.
    """

    def __init__(
        self,
        allow: AllowList,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        timeout: float = 20.0,
        connect_timeout: float = 5.0,
        max_at_once: int = 256,
        start_at: int = 8,
    ) -> None:
        self._allow = allow
        self._settings = (method_name(method), header_lines(headers or {}), timeout, connect_timeout)
        self._pace = Pace(start_at, max_at_once, time.monotonic)
        self._poller = Poller(self._pace.highest)
        self._idle: list[Transfer] = []
        # The calls in flight, and when each began on the monotonic clock.
        self._flying: dict[Transfer, float] = {}
        self._next: FanoutCall | None = None
        self._stalled = 0.0
        self.busy = False

    @property
    def limit(self) -> int:
        """Return how many calls may be pending at once, as learnt so far."""
        return self._pace.limit

    def send(
        self, calls: Iterable[FanoutCall], *, stop: Callable[[], bool] = never, patience: Patience = endless
    ) -> Iterator[list[FanoutAnswer]]:
        """Make the calls, pulled as capacity allows, and yield answers at least every 0.25 s (possibly an empty list).

        1. Refused calls, and calls to a host with an open breaker, are answered without a connection.
        2. After a 429 with Retry-After no call begins until then; if the pause is long, calls are answered “held”.
        3. Once stop() is true no call begins; pending calls are awaited and answered, the others are not yielded.
        4. An error raised by `calls` is raised again after the pending calls are answered.
        5. If no call is answered for patience() seconds, those that are pending for so long are given up as lost.
        """
        if self.busy:
            raise RuntimeError("this fan-out is already sending")
        self.busy = True
        try:
            yield from self._send(iter(calls), stop, patience)
        finally:
            self.busy = False
            self._next = None
            self._drop_flying()

    def _send(
        self, calls: Iterator[FanoutCall], stop: Callable[[], bool], patience: Patience
    ) -> Iterator[list[FanoutAnswer]]:
        ready: list[FanoutAnswer] = []
        fault: Exception | None = None
        more = True
        handed = heard = time.monotonic()
        while more or self._flying:
            if more:
                try:
                    more = self._fill(calls, stop, ready)
                except Exception as error:
                    # Pending calls may have taken effect: their answers matter more than a quick end.
                    fault, more = error, False
            if self._flying or (more and not ready):
                self._poller.run(self._wait(handed + (LIST_WAIT if ready else TICK)))
            answers = self._collect()
            now = time.monotonic()
            if answers:
                heard = now
            elif now - heard >= TICK and now - heard >= patience():
                answers = self._give_up(now - patience())
            ready += answers
            if ready and (not self._flying or len(ready) >= LIST_SIZE or now - handed >= LIST_WAIT):
                due = True
            else:
                due = now - handed >= TICK and bool(more or self._flying)
            if due:
                yield ready
                ready = []
                handed = time.monotonic()
                self._stalled += handed - now
        if fault is not None:
            raise fault

    def _fill(self, calls: Iterator[FanoutCall], stop: Callable[[], bool], ready: list[FanoutAnswer]) -> bool:
        """Begin calls up to the limit; return whether there may be more."""
        while len(ready) < LIST_SIZE:
            if stop():
                return False
            if len(self._flying) >= self._pace.limit:
                self._pace.full()
                return True
            # Pull the next call before checking the pause: do not wait out a pause when no call is left.
            self._next = self._next or next(calls, None)
            if self._next is None:
                return False
            pause = self._pace.pause_left()
            if 0 < pause <= WAITED_OUT:
                return True
            call, self._next = self._next, None
            try:
                target = self._allow.check_uri(call.uri)
            except Refused as refusal:
                ready.append(FanoutAnswer(call.key, 0, "refused", None, 0.0, refusal.with_traceback(None)))
                continue
            if wait := pause or breakers.of(target.host, target.port).admit():
                ready.append(FanoutAnswer(call.key, 0, "held", wait, 0.0))
                continue
            transfer = self._idle.pop() if self._idle else Transfer(*self._settings)
            transfer.load(call.key, self._pace.begin(), target, self._stalled)
            self._flying[transfer] = time.monotonic()
            self._poller.multi.add_handle(transfer.handle)
        return True

    def _wait(self, due: float) -> float:
        """Return how long to wait for the network: until the next list is due, or the pause ends."""
        wait = due - time.monotonic()
        pause = self._pace.pause_left()
        return min(wait, pause) if pause else wait

    def _collect(self) -> list[FanoutAnswer]:
        answers = []
        for handle, error in self._poller.finished():
            transfer: Transfer = handle.transfer
            transfer.end(error)
            del self._flying[transfer]
            if transfer.fault is not None:
                raise transfer.fault
            answers.append(self._answer(transfer))
            transfer.key = transfer.target = None
            self._idle.append(transfer)
        return answers

    def _give_up(self, before: float) -> list[FanoutAnswer]:
        """Drop the calls that began before this moment, and return them as unanswered."""
        answers = []
        now = time.monotonic()
        for transfer, began in list(self._flying.items()):
            if began <= before:
                self._failed(transfer, now - began, None, slowed=False)
                answers.append(FanoutAnswer(transfer.key, 0, transfer.failure(), None, now - began))
                self._drop(transfer)
        return answers

    def _answer(self, transfer: Transfer) -> FanoutAnswer:
        status = transfer.status()
        seconds = transfer.seconds()
        if not status:
            error = transfer.failure()
            if error == "refused" and transfer.target is not None:
                refusal = Refused("private_address", transfer.target.host)
                return FanoutAnswer(transfer.key, 0, error, None, seconds, refusal)
            self._failed(transfer, seconds, None, slowed=False)
            return FanoutAnswer(transfer.key, 0, error, None, seconds)
        retry_after = None if status < 300 else transfer.retry_after()
        if retry_after is not None:
            retry_after = min(retry_after, MAX_WAIT)
        if status in TROUBLE or status >= 500:
            self._failed(transfer, seconds, retry_after, slowed=status == 429)
            if status == 429 and retry_after is not None:
                self._pace.pause(retry_after)
        else:
            # The clock of the call also ran while our caller blocked us: such a call says nothing about the remote
            # side.
            clean = transfer.stalled_before == self._stalled
            self._pace.good(transfer.number, transfer.latency() if clean else None)
            if transfer.target is not None:
                breakers.of(transfer.target.host, transfer.target.port).succeeded()
        return FanoutAnswer(transfer.key, status, "", retry_after, seconds, None, transfer.body, transfer.cut)

    def _failed(self, transfer: Transfer, seconds: float, retry_after: float | None, *, slowed: bool) -> None:
        self._pace.bad(transfer.number, slowed=slowed)
        if transfer.target is not None:
            breakers.of(transfer.target.host, transfer.target.port).failed(seconds, retry_after)

    def _drop_flying(self) -> None:
        """Abandon the pending calls: only when the caller stopped reading, or a callback failed."""
        for transfer in list(self._flying):
            self._drop(transfer)

    def _drop(self, transfer: Transfer) -> None:
        del self._flying[transfer]
        self._poller.multi.remove_handle(transfer.handle)
        transfer.handle.close()

    def close(self) -> None:
        """Close the connections."""
        self._drop_flying()
        for transfer in self._idle:
            transfer.handle.close()
        self._idle.clear()
        self._poller.close()
