"""The platform's URIs: contact files, cancel, reject and finish, with their faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from simulator.platform.faults import Fault, FaultKind
from simulator.platform.files import Download
from simulator.platform.sendouts import REJECTED, Sendout
from simulator.wire.http import Request, Result
from simulator.wire.replies import Manner, Pace, Reply, head, json_body, json_reply, status_wire, whole
from simulator.world import World

_WORDS = {200: "done", 204: "", 409: "conflict", 410: "gone"}
# Short answers are built once and sent up to a million times.
_WIRE = {
    status: whole(status, json_body({"status": word})) if word else head(status, []) for status, word in _WORDS.items()
}

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

        def effect() -> int:
            return sendout.reject(index, self.world.repeat_status(sendout), time.time())

        def lost() -> None:
            sendout.lost[index] = 1
            sendout.answers_lost["reject"] += 1

        if sendout.states[index] == REJECTED and not sendout.lost[index]:
            return self._answer_repeat(lambda: self._answer(sendout, "reject", index, effect, lost))
        return self._answer(sendout, "reject", index, effect, lost)

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

        def effect() -> int:
            return sendout.finish(delivery, self.world.repeat_status(sendout), time.time())

        def lost() -> None:
            delivery.finish_lost = True
            sendout.answers_lost["finish"] += 1

        if delivery.finished_at is not None and not delivery.finish_lost:
            return self._answer_repeat(lambda: self._answer(sendout, "finish", number, effect, lost))
        return self._answer(sendout, "finish", number, effect, lost)

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
        if fault is not None:
            broken = self._prevented_reply(fault, request)
            if broken is not None:
                return broken
            if fault.kind in (FaultKind.RESET_AFTER, FaultKind.HANG):
                return Reply(manner=Manner.RESET if fault.kind is FaultKind.RESET_AFTER else Manner.HANG)
        answer = Download(self.world, sendout, fault, sendout.versions)
        return Reply(
            stream=answer.stream(),
            close=answer.closes(),
            delay=fault.seconds if fault and fault.kind is FaultKind.SLOW else 0.0,
            pace=Pace(fault.bytes, fault.interval) if fault and fault.kind is FaultKind.DRIP else None,
        )

    async def _answer_repeat(self, answer: Callable[[], Reply]) -> Reply:
        """Judge a repeat after a delay, so that the close of the first connection can be noticed first."""
        await asyncio.sleep(NEWS_TAKES)
        return answer()

    def _answer(
        self, sendout: Sendout, endpoint: str, number: int, effect: Callable[[], int], lost: Callable[[], None]
    ) -> Reply:
        """Apply the effect of the call and return the answer, subject to a matching fault."""
        latency = self.world.latency(sendout)
        fault = self.world.strike(sendout, endpoint, number)
        if fault is None:
            return Reply(_WIRE[effect()], delay=latency, lost=lost)
        broken = self._prevented_reply(fault, None)
        if broken is not None:
            broken.delay = latency
            return broken
        status = effect()
        wire = _WIRE[status]
        if fault.kind is FaultKind.SLOW:
            return Reply(wire, delay=latency + fault.seconds, lost=lost)
        if fault.kind is FaultKind.DRIP:
            return Reply(wire, delay=latency, lost=lost, pace=Pace(fault.bytes, fault.interval))
        if fault.kind is FaultKind.WRONG_TYPE:
            return Reply(whole(status, b"done", content_type=fault.type), delay=latency, lost=lost)
        # All remaining faults keep the true answer from arriving complete.
        lost()
        if fault.kind is FaultKind.STATUS:
            return Reply(status_wire(fault), delay=latency)
        if fault.kind is FaultKind.CUT:
            return Reply(wire[: wire.index(b"\r\n\r\n") + 4], delay=latency, close=True)
        if fault.kind is FaultKind.WRONG_LENGTH:
            body = json_body({"status": _WORDS[status]})
            declared = max(0, len(body) + fault.by)
            return Reply(whole(status, body, declared=declared), delay=latency, close=True)
        return Reply(delay=latency, manner=Manner.HANG if fault.kind is FaultKind.HANG else Manner.RESET)

    def _prevented_reply(self, fault: Fault, request: Request | None) -> Reply | None:
        """Return the answer of a fault that prevents the effect of the call; None for other faults."""
        if fault.kind is FaultKind.RESET_BEFORE:
            return Reply(manner=Manner.RESET)
        if fault.kind is FaultKind.REDIRECT:
            location = fault.location or f"{self.world.base_url}/elsewhere"
            status = fault.status if 300 <= fault.status < 400 else 302
            return Reply(head(status, [("Location", location), ("Content-Length", "0")]))
        if fault.kind is FaultKind.STATUS and (request is not None or not fault.effect):
            return Reply(status_wire(fault))
        if fault.kind is FaultKind.HANG and fault.effect is False:
            return Reply(manner=Manner.HANG)
        return None

    def _unknown(self, kind: str) -> Reply:
        self.world.record(kind, detail="Nothing was ever given this URI.", now=time.time())
        return json_reply({"error": "not found"}, 404)

    def _wrong_method(self, request: Request, allowed: str, found: tuple[Sendout, int] | None) -> Reply:
        detail = f"{request.method.decode('ascii', 'replace')} where {allowed} is meant."
        self.world.record("wrong_method", sendout=found[0] if found else None, detail=detail, now=time.time())
        return json_reply({"error": f"use {allowed}"}, 405, {"Allow": allowed})
