"""The door's listening socket: made once, kept by the keeper, and served by every door of this machine."""

import errno
import json
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from hashlib import sha256

import structlog
from django.conf import settings

from gateway.run import keeper
from sendouts.intake import closures

log = structlog.get_logger(__name__)
BACKLOG = 2_048
END_SECONDS = 5.0
RESTART_SECONDS = 0.5
# How long to wait for the keeper of a socket that others have, and how often to look.
TAKEN_SECONDS = 3.0
TAKEN_LOOK_SECONDS = 0.05
# How often the master leaves a trace that the door is open, and the shortest closure that is told.
TRACE_SECONDS = 1.0
CLOSED_SECONDS = 3.0
# The first socket that systemd hands on.
FIRST_SOCKET = 3
# For the next program in this process: its id, and the descriptor of the socket.
HANDED_ON = "GATEWAY_DOOR_SOCKET"


def keeper_name() -> str:
    """Return the name of this gateway's keeper: one for each user, DATA_DIR and port."""
    return f"{os.getuid()}-{settings.PORT}-{sha256(os.fsencode(settings.DATA_DIR)).hexdigest()[:16]}"


class DoorSocket:
    """The master's side: opens the socket, or takes it over, and sees to it that a keeper runs."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._wire: socket.socket | None = None
        self._started = float("-inf")
        self._traced = float("-inf")
        # Another master has the keeper now.
        self.superseded = False

    @property
    def listener(self) -> socket.socket:
        """Return another object for the same socket; closing it leaves the socket open."""
        if self._listener is None:
            raise RuntimeError("The socket is not open yet.")
        return socket.socket(fileno=os.dup(self._listener.fileno()))

    def open(self) -> set[int]:
        """Take the socket over from systemd or a keeper, else open it. Raises OSError.

        Return the doors that serve it already. If the keeper was killed with the last master, its doors start another.
        """
        self._listener = _handed_on()
        if (
            self._listener is None
            and os.environ.get("LISTEN_FDS")
            and os.environ.get("LISTEN_PID", str(os.getpid())) == str(os.getpid())
        ):
            self._listener = socket.socket(fileno=FIRST_SOCKET)
        doors = self._claim()
        until = time.monotonic() + TAKEN_SECONDS
        while self._listener is None:
            try:
                self._listener = _bind(settings.HOST, settings.PORT)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                    raise
                time.sleep(TAKEN_LOOK_SECONDS)
                doors = self._claim()
            else:
                self._note_closure()
        self.watch()
        return doors

    def watch(self) -> None:
        """Start a keeper where none is, notice another master, and leave a trace that the door is open."""
        if time.monotonic() >= self._traced + TRACE_SECONDS:
            self._traced = time.monotonic()
            with suppress(OSError):
                closures.trace(settings.DATA_DIR)
        if self._wire is not None:
            if not select.select([self._wire], [], [], 0)[0]:
                return
            with suppress(OSError):
                self.superseded |= self._wire.recv(1) == keeper.SUPERSEDED
            if self.superseded:
                return
            log.error("process_died", name="keeper")
            self._leave()
        if (self._keeper is None or self._keeper.poll() is not None) and (
            time.monotonic() >= self._started + RESTART_SECONDS
        ):
            self._started = time.monotonic()
            self._keeper = self.start_keeper()
        self._claim()

    def start_keeper(self) -> subprocess.Popen[bytes]:
        """Start a keeper with this socket; it ends at once if there is one already."""
        kept = self.listener
        command = [sys.executable, "-I", keeper.__file__, str(kept.fileno()), keeper_name()]
        try:
            return subprocess.Popen(command, start_new_session=True, pass_fds=[kept.fileno()])
        finally:
            kept.close()

    def hand_on(self) -> None:
        """Leave the socket to the next program in this process, whatever becomes of the keeper meanwhile."""
        if self._listener is not None:
            self._listener.set_inheritable(True)
            os.environ[HANDED_ON] = f"{os.getpid()} {self._listener.fileno()}"

    def doors(self) -> set[int]:
        """Return the processes that take hooks now."""
        if self._wire is None:
            return set()
        try:
            self._wire.send(keeper.LIST)
            answer = self._wire.recv(65_536)
            if answer == keeper.SUPERSEDED:
                self.superseded = True
                return set()
            return set(json.loads(answer))
        except (OSError, ValueError):
            self._leave()
            return set()

    def close(self) -> None:
        """Close the door: nobody accepts any more."""
        if self._wire is not None:
            with suppress(OSError):
                self._wire.send(keeper.STOP)
        elif self._keeper is not None and not self.superseded:
            # It has just started, and nobody has told it anything.
            self._keeper.terminate()
        self._leave()
        if self._keeper is not None:
            with suppress(subprocess.TimeoutExpired):
                self._keeper.wait(END_SECONDS)
        if self._listener is not None:
            self._listener.close()

    def _note_closure(self) -> None:
        """Note for how long no socket was open, since the last trace of a master."""
        with suppress(OSError):
            closures.note(settings.DATA_DIR, CLOSED_SECONDS)

    def _claim(self) -> set[int]:
        """Become the keeper's master, if there is a keeper; return its doors."""
        wire = keeper.connect(keeper_name())
        if wire is None:
            return set()
        try:
            wire.send(keeper.CLAIM)
            data, descriptors, _, _ = socket.recv_fds(wire, 65_536, 1)
        except OSError:
            data, descriptors = b"", []
        if not descriptors:
            wire.close()
            return set()
        taken = socket.socket(fileno=descriptors[0])
        if self._listener is None:
            self._listener = taken
        else:
            taken.close()
        self._wire = wire
        return set(json.loads(data))

    def _leave(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None


def _handed_on() -> socket.socket | None:
    """Return the socket that the last program in this process has left."""
    process, _, descriptor = os.environ.pop(HANDED_ON, "").partition(" ")
    if process != str(os.getpid()):
        return None
    found = socket.socket(fileno=int(descriptor))
    if found.getsockname()[1] != settings.PORT:
        # This one is to listen elsewhere.
        found.close()
        return None
    found.set_inheritable(False)
    return found


def _bind(host: str, port: int) -> socket.socket:
    """Listen on the first address of the host: IPv4 before IPv6, as clients of `localhost` try them."""
    found = sorted(socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))
    family, _, _, _, address = found[0]
    return socket.create_server((address[0], address[1]), family=family, backlog=BACKLOG)
