"""Control API under /control/, as JSON, for tests, demos and integrators."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import time
from collections.abc import Coroutine
from typing import Annotated, Any

from pydantic import StringConstraints

from simulator.bodies import BadRequestError, Destination
from simulator.platform import hooks
from simulator.platform.faults import Faults
from simulator.platform.sendouts import MAX_HOOKS_SHOWN, Sendout
from simulator.platform.spec import Spec
from simulator.services.receivers import Receivers
from simulator.wire.http import Request
from simulator.wire.replies import Reply, json_reply
from simulator.world import World

_SENDOUT = re.compile(r"/control/sendouts/(s\d+)(?:/(fire|excuse))?")
_RECEIVERS = "/control/receivers/"


class RawHook(Destination):
    """Text or bytes to send as they are."""

    body: str | None = None
    base64: str | None = None
    content_type: Annotated[str, StringConstraints(pattern=r"^[ -~]+$")] = "application/json"


class Control:
    """Handler of control requests."""

    def __init__(self, world: World, receivers: Receivers) -> None:
        self.world = world
        self.receivers = receivers

    async def answer(self, request: Request) -> Reply:
        """Route one request; an unreadable request is answered with 400 and a sentence."""
        method = request.method.decode("ascii", "replace")
        path = request.target.partition(b"?")[0].decode("ascii", "replace")
        try:
            return await self._route(method, path, request)
        except BadRequestError as refused:
            return json_reply({"error": str(refused)}, 400)

    async def _route(self, method: str, path: str, request: Request) -> Reply:
        world = self.world
        match method, path:
            case "GET", "/control/health":
                return json_reply({"ok": True, "sendouts": len(world.sendouts), "violations": world.violation_count})
            case "GET", "/control/sendouts":
                now = time.time()
                return json_reply({"sendouts": [sendout.report(now) for sendout in world.sendouts.values()]})
            case "GET", "/control/violations":
                return json_reply({"violations": world.violations, "count": world.violation_count})
            case "POST", "/control/sendouts":
                return await self._create(_content(request))
            case "POST", "/control/faults":
                world.faults = Faults.read(_content(request))
                return json_reply({"faults": len(world.faults.faults)})
            case "GET", "/control/rest":
                return json_reply(world.rest.report())
            case "POST", "/control/rest":
                world.rest.change(_content(request))
                return json_reply({"ok": True})
            case "POST", "/control/consent":
                return world.consent.set_up(_content(request))
            case "GET", "/control/consent":
                return world.consent.report()
            case "POST", "/control/oauth":
                return world.oauth.set_up(_content(request))
            case "POST", "/control/oauth/revoke":
                return world.oauth.revoke()
            case "GET", "/control/oauth":
                return world.oauth.report()
            case "POST", "/control/reset":
                world.reset()
                self.receivers.reset()
                return json_reply({"ok": True})
            case "POST", "/control/receivers":
                return json_reply(self.receivers.create(_content(request)), 201)
            case "POST", "/control/hook":
                return await self._hook(_content(request))
        if method == "GET" and path.startswith(_RECEIVERS):
            report = self.receivers.report(path.removeprefix(_RECEIVERS))
            return json_reply(report) if report else json_reply({"error": "There is no such receiver."}, 404)
        found = _SENDOUT.fullmatch(path)
        if found is None:
            return json_reply({"error": "There is no such control address, or not with this method."}, 404)
        sendout = world.sendouts.get(found[1])
        if sendout is None:
            return json_reply({"error": f"There is no sendout {found[1]}."}, 404)
        match method, found[2]:
            case "GET", None:
                return json_reply(sendout.report(time.time()))
            case "POST", "fire":
                return await self._fire(sendout, True, 200)
            case "POST", "excuse":
                sendout.excuse()
                return json_reply({"ok": True})
        return json_reply({"error": "Not with this method."}, 405)

    async def _create(self, content: Any) -> Reply:
        wanted = Spec.read(content)
        if wanted.fire:
            # Refuse a bad target before the messages exist.
            hooks.resolve(wanted, self.world.hooks_go_to)
        sendout = self.world.create(wanted, time.time())
        if wanted.fire:
            return await self._fire(sendout, wanted.wait, 201)
        return self._created(sendout, {"hooks": []}, 201)

    async def _fire(self, sendout: Sendout, wait: bool, status: int) -> Reply:
        where = hooks.resolve(sendout.spec, self.world.hooks_go_to)
        task = self._start(hooks.fire_all(self.world, sendout, where))
        if not wait:
            return self._created(sendout, {"hooks": []}, status)
        # Use wait() instead of awaiting the task: a disconnecting client then does not stop the firing, and a reset of
        # the world is still reported.
        await asyncio.wait({task})
        if task.cancelled():
            return json_reply({"error": "The simulator was reset while it fired."}, 409)
        return self._created(sendout, task.result(), status)

    def _created(self, sendout: Sendout, fired: dict[str, Any], status: int) -> Reply:
        batch = sendout.spec.kind == "batch"
        content = {
            "id": sendout.id,
            "download_uri": self.world.download_uri(sendout) if batch else "",
            "finish_uris": [
                self.world.finish_uri(sendout, delivery) for delivery in sendout.deliveries[:MAX_HOOKS_SHOWN]
            ],
            "expected": sendout.expected(),
            **fired,
        }
        return json_reply(content, status)

    async def _hook(self, content: Any) -> Reply:
        wanted = RawHook.read(content)
        if (wanted.body is None) == (wanted.base64 is None):
            raise BadRequestError('A raw hook is {"body": "…"} or {"base64": "…"}.')
        try:
            body = base64.b64decode(wanted.base64 or "", validate=True) or (wanted.body or "").encode()
        except binascii.Error:
            raise BadRequestError("`base64` is not Base64.") from None
        where = hooks.resolve(wanted, self.world.hooks_go_to)
        fired = await hooks.post(where, body, content_type=wanted.content_type)
        return json_reply({"status": fired.status, "ms": fired.ms, "body": fired.body, "error": fired.error})

    def _start(self, work: Coroutine[Any, Any, dict[str, Any]]) -> asyncio.Task[dict[str, Any]]:
        task = asyncio.get_running_loop().create_task(work)
        self.world.firing.add(task)
        task.add_done_callback(self.world.firing.discard)
        return task


def _content(request: Request) -> Any:
    try:
        return json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise BadRequestError("The body is not JSON.") from None
