"""The platform's URIs: contact files, cancel, reject and finish, with their faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from simulator.platform.faults import Fault, FaultKind
from simulator.platform.files import Download
from simulator.platform.sendouts import REJECTED, Sendout
from simulator.wire.http import Request, Result
from simulator.wire.replies import Pace, Reply, answer, head, json_body, json_reply, replacement, whole
from simulator.world import World

_WORDS = {200: "done", 204: "", 409: "conflict", 410: "gone"}
# Short answers are built once and sent up to a million times.
_WIRE = {
    status: whole(status, json_body({"status": word})) if word else head(status, []) for status, word in _WORDS.items()
}
# Faults of a download after which no byte of the file is sent.
_NO_FILE = frozenset(
    {FaultKind.STATUS, FaultKind.REDIRECT, FaultKind.HANG, FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER}
)
# Seconds to wait before a repeat is judged: a repeat on a new connection may arrive before the close of the old one is
# known.
NEWS_TAKES = 0.02


class Endpoints:
    """Handler of the calls that an integrated system makes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.routes: dict[bytes, Callable[[Request, str], Result]] = {
            b"cancel": lambda request, token: self.reject(request, "cancel", token),
            b"reject": lambda request, token: self.reject(request, "reject", token),
            b"finish": self.finish,
            b"files": self.download,
        }

    def reject(self, request: Request, role: str, token: str) -> Result:
        """Reject one contact: POST /cancel/{token} of a batch, POST /reject/{token} of a single."""
        found = self.world.find(role, token)
        if request.method != b"POST":
            return self._wrong_method(request, "POST", found)
        if found is None:
            return self._unknown("unknown_contact")
        sendout, index = found
        sendout.calls["reject"] += 1

        def effect() -> Reply:
            status = sendout.reject(index, self.world.repeat_status(sendout), time.time())
            return Reply(_WIRE[status], lost=lambda: sendout.lose_rejection(index))

        repeats = sendout.states[index] == REJECTED and not sendout.lost[index]
        return self._answer(sendout, "reject", index, effect, repeats=repeats)

    def finish(self, request: Request, token: str) -> Result:
        """Release one delivery: POST /finish/{token}."""
        found = self.world.find("finish", token)
        if request.method != b"POST":
            return self._wrong_method(request, "POST", found)
        if found is None:
            return self._unknown("unknown_finish")
        sendout, number = found
        delivery = sendout.deliveries[number]
        sendout.calls["finish"] += 1

        def effect() -> Reply:
            status = sendout.finish(delivery, self.world.repeat_status(sendout), time.time())
            return Reply(_WIRE[status], lost=lambda: sendout.lose_finish(delivery))

        repeats = delivery.finished_at is not None and not delivery.finish_lost
        return self._answer(sendout, "finish", number, effect, repeats=repeats)

    def download(self, request: Request, token: str) -> Reply:
        """Serve a contact file: GET /files/{token}."""
        found = self.world.find("files", token.partition(".")[0])
        if request.method != b"GET":
            return self._wrong_method(request, "GET", found)
        if found is None:
            return self._unknown("unknown_file")
        sendout, number = found
        sendout.calls["download"] += 1
        sendout.versions += 1
        fault = self.world.strike(sendout, "download", number)
        if fault is not None and (fault.kind in _NO_FILE or _has_expired(fault, sendout)):
            return replacement(fault)
        file = Download(self.world, sendout, fault, sendout.versions)
        return Reply(
            stream=file.stream(),
            close=file.closes(),
            delay=fault.seconds if fault and fault.kind is FaultKind.SLOW else 0.0,
            pace=Pace(fault.bytes, fault.interval) if fault and fault.kind is FaultKind.DRIP else None,
            patience=fault.seconds if fault and fault.kind is FaultKind.CLOSE_SLOW else None,
        )

    def _answer(
        self, sendout: Sendout, endpoint: str, number: int, effect: Callable[[], Reply], *, repeats: bool
    ) -> Result:
        """Apply the effect of the call and return the answer, subject to a matching fault."""

        def answered() -> Reply:
            reply = answer(self.world.strike(sendout, endpoint, number), effect)
            reply.delay += self.world.latency(sendout)
            return reply

        return self._judge_later(answered) if repeats else answered()

    async def _judge_later(self, answered: Callable[[], Reply]) -> Reply:
        """Judge a repeat after a delay, so that the close of the first connection can be noticed first."""
        await asyncio.sleep(NEWS_TAKES)
        return answered()

    def _unknown(self, kind: str) -> Reply:
        self.world.record(kind, detail="Nothing was ever given this URI.", now=time.time())
        return json_reply({"error": "not found"}, 404)

    def _wrong_method(self, request: Request, allowed: str, found: tuple[Sendout, int] | None) -> Reply:
        detail = f"{request.method.decode('ascii', 'replace')} where {allowed} is meant."
        self.world.record("wrong_method", sendout=found[0] if found else None, detail=detail, now=time.time())
        return json_reply({"error": f"use {allowed}"}, 405, {"Allow": allowed})


def _has_expired(fault: Fault, sendout: Sendout) -> bool:
    """Return whether the link of a file has expired, which is counted from its hook."""
    fired = sendout.deliveries[0].fired_at
    return fault.kind is FaultKind.EXPIRE and fired is not None and time.time() > fired + fault.seconds
