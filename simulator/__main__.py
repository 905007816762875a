"""`python -m simulator`: one process that plays the platform until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from simulator.bodies import BadRequestError, Destination
from simulator.control import Control
from simulator.platform.endpoints import Endpoints
from simulator.platform.hooks import resolve
from simulator.services.receivers import Receivers
from simulator.services.rest import Rest
from simulator.wire.http import Connection, Handler, Request, Result
from simulator.wire.replies import json_reply
from simulator.world import World

try:
    import uvloop
except ImportError:  # slower, but otherwise equivalent
    uvloop = None  # type: ignore[assignment]  # mypy cannot see an optional module


def handler(world: World) -> Handler:
    """Return the function that handles every request."""
    endpoints = Endpoints(world)
    receivers = Receivers(world)
    control = Control(world, receivers)
    rest = Rest(world)

    def handle(request: Request) -> Result:
        _, area, below = (request.target.partition(b"?")[0] + b"//").split(b"/", 2)
        route = endpoints.routes.get(area)
        if route is not None:
            return route(request, below.rstrip(b"/").decode("latin-1"))
        if area == b"rest":
            return rest.answer(request, below.rstrip(b"/").decode("latin-1"))
        if area == b"consent":
            whole = request.target.partition(b"/consent/")[2].decode("latin-1")
            return world.consent.answer(request, whole, world.faults)
        if area == b"oauth":
            return world.oauth.answer(request, below.rstrip(b"/").decode("latin-1"), world.faults)
        if area == b"receive":
            return receivers.answer(request, below.rstrip(b"/").decode("latin-1"))
        if area == b"control":
            return control.answer(request)
        return json_reply({"error": "not found"}, 404)

    return handle


async def serve(options: argparse.Namespace, destination: Destination) -> None:
    """Listen, print one line on stdout when ready, and run until SIGTERM, SIGINT or, on request, the end of stdin."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), stop.set)
    world = World("", destination)
    handle = handler(world)
    server = await loop.create_server(lambda: Connection(handle, loop), options.host, options.port, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    host = "127.0.0.1" if options.host in ("0.0.0.0", "::", "") else options.host
    here = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    world.base_url = (options.base_url or here).rstrip("/")
    print(f"simulator ready on {here}", flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    """Parse the options and run the simulator."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8765, help="port to listen on; 0 picks a free one")
    parser.add_argument("--base-url", default="", help="how the gateway reaches the simulator, where that differs")
    parser.add_argument(
        "--target", default="", help="where hooks are fired, e.g. http://127.0.0.1:8000/webhooks/symplify/"
    )
    credentials = parser.add_mutually_exclusive_group()
    credentials.add_argument("--basic-auth", default="", metavar="USER:PASSWORD", help="credentials for the target")
    credentials.add_argument("--header", default="", metavar="NAME:VALUE", help="header for the target")
    parser.add_argument(
        "--patience", type=float, default=0.0, metavar="SECONDS", help="until an acknowledgement is too late: 1"
    )
    parser.add_argument("--until-stdin-ends", action="store_true", help="end when stdin does (with its parent)")
    options = parser.parse_args()
    destination = Destination(
        target=options.target, basic_auth=options.basic_auth, header=options.header, patience=options.patience
    )
    if options.target:
        try:
            resolve(destination)
        except BadRequestError as refused:
            parser.error(str(refused))
    if uvloop is not None:
        uvloop.run(serve(options, destination))
    else:
        asyncio.run(serve(options, destination))


if __name__ == "__main__":
    main()
