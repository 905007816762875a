"""The network of a schedule: it stands for libcurl and for the adapter of requests, on the virtual clock.

Above it the product's own fan-out, pace, breakers and sessions run. Calls arrive, are answered and get lost at drawn
times, so that answers overtake each other.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from greenlet import getcurrent
from requests.adapters import BaseAdapter
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from outbound import fanout, session
from tests.explore.virtual.clock import clock
from tests.explore.virtual.scheduler import Scheduler, Task


@dataclass(slots=True)
class Answer:
    """What comes back of a call. status: 0 if nothing does. error: how a call without an answer ends."""

    status: int
    error: str = ""
    retry_after: float | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    # After how many bytes the body breaks off.
    cut_at: int | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """How a call travels. Seconds until it arrives (None: never), and until its caller knows the outcome."""

    arrives: float | None
    ends: float


class Wire:
    """Where calls go: `travel` draws a call's trip, `answer` is what the platform does with one that arrives."""

    scheduler: Scheduler
    travel: Callable[[str, Task, float], Trip]
    answer: Callable[[str, Task], Answer]


wire = Wire()
_LOST = Answer(0, "lost")


class Transfer:
    """Stands for outbound.transfer.Transfer: one call in flight, and its own handle."""

    def __init__(self, method: str, headers: list[bytes], timeout: float, connect_timeout: float) -> None:
        self.handle = self.transfer = self
        self.fault = None
        self.body, self.cut = b"", False
        self.key: Any = None
        self.number = 0
        self.stalled_before = 0.0
        self.target: Any = None
        self._timeout = timeout
        self._began = self.ends_at = 0.0
        self._answer = _LOST

    def load(self, key: Any, number: int, target: Any, stalled: float) -> None:
        self.key, self.number, self.target, self.stalled_before = key, number, target, stalled

    def begin(self) -> None:
        task = getcurrent()
        assert isinstance(task, Task)
        uri = self.target.uri
        trip = wire.travel(uri, task, self._timeout)
        self._began, self.ends_at = clock.now, clock.now + trip.ends
        self._answer = _LOST
        if trip.arrives is None:
            self._answer = Answer(0, "unsent")
            return

        def arrive() -> None:
            self._answer = wire.answer(uri, task)

        wire.scheduler.at(trip.arrives, arrive)

    def end(self, error: int) -> None:
        """Answers of calls arrive whole, or not at all."""

    def status(self) -> int:
        return self._answer.status

    def failure(self) -> str:
        return self._answer.error

    def retry_after(self) -> float | None:
        return self._answer.retry_after

    def seconds(self) -> float:
        return clock.now - self._began

    def latency(self) -> float:
        return clock.now - self._began

    def close(self) -> None:
        """Nothing is open."""


class Poller:
    """Stands for outbound.transfer.Poller, and for its multi handle."""

    def __init__(self, connections: int) -> None:
        self.multi = self
        self._flying: list[Transfer] = []

    def add_handle(self, transfer: Transfer) -> None:
        wire.scheduler.point("call")
        transfer.begin()
        self._flying.append(transfer)

    def remove_handle(self, transfer: Transfer) -> None:
        if transfer in self._flying:
            self._flying.remove(transfer)

    def run(self, wait: float) -> None:
        ends = min((each.ends_at for each in self._flying), default=float("inf"))
        wire.scheduler.sleep(max(0.000_1, min(wait, ends - clock.now)))

    def finished(self) -> list[tuple[Transfer, int]]:
        ended = sorted((each for each in self._flying if each.ends_at <= clock.now), key=lambda each: each.ends_at)
        self._flying = [each for each in self._flying if each.ends_at > clock.now]
        return [(each, 0) for each in ended]

    def close(self) -> None:
        self._flying.clear()


class Adapter(BaseAdapter):
    """Stands for outbound.session.GuardedAdapter."""

    def __init__(self, allow: Any) -> None:
        super().__init__()

    def send(self, request: Any, stream: bool = False, timeout: Any = None, **_: Any) -> requests.Response:
        task = getcurrent()
        assert isinstance(task, Task)
        wire.scheduler.point("call")
        trip = wire.travel(request.url, task, timeout[1] if isinstance(timeout, tuple) else timeout or 20.0)
        answer = _LOST
        if trip.arrives is None:
            wire.scheduler.sleep(trip.ends)
            raise requests.exceptions.ConnectTimeout(request=request)
        wire.scheduler.sleep(trip.arrives)
        answer = wire.answer(request.url, task)
        wire.scheduler.sleep(max(0.0, trip.ends - trip.arrives))
        if not answer.status:
            raise requests.exceptions.ReadTimeout(request=request)
        response = requests.Response()
        response.status_code, response.request, response.url = answer.status, request, request.url
        response.headers.update(answer.headers)
        response.raw = _Body(answer)
        return response

    def close(self) -> None:
        """Nothing is open."""


class _Body:
    """The body of an answer, as urllib3 gives it."""

    def __init__(self, answer: Answer) -> None:
        self._pieces = self._split(answer)
        self.chunked = answer.headers.get("Transfer-Encoding") == "chunked"
        self.closed = False

    def _split(self, answer: Answer) -> Iterator[bytes]:
        end = len(answer.body) if answer.cut_at is None else answer.cut_at
        for start in range(0, end, 4096):
            wire.scheduler.point("download")
            yield answer.body[start : min(end, start + 4096)]
        if answer.cut_at is not None:
            raise ProtocolError("Connection broken") if answer.error != "time-out" else ReadTimeoutError(None, "", "")  # type: ignore[arg-type]

    def read1(self, size: int = -1, decode_content: bool = False) -> bytes:
        return next(self._pieces, b"")

    def read(self, size: int | None = None, decode_content: bool = False, **_: Any) -> bytes:
        return next(self._pieces, b"") if size else b"".join(self._pieces)

    def stream(self, size: int = 4096, decode_content: bool = False) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self.closed = True

    release_conn = drain_conn = close


def install() -> None:
    """Put the virtual network under the product's clients, once."""
    fanout.Transfer, fanout.Poller = Transfer, Poller  # type: ignore[misc, assignment]
    session.GuardedAdapter = Adapter  # type: ignore[misc, assignment]
