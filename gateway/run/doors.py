"""The doors of this machine: processes that serve one socket, forked by a master that has everything loaded.

A killed door is back within a moment, since nothing has to be imported. The master takes no hooks.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import structlog
from celery import current_app
from django.urls import get_resolver

from gateway.ops.startup import report_aside
from gateway.run.children import fork
from gateway.run.door_socket import DoorSocket, keeper_name
from gateway.run.keeper import ALONE_SECONDS, exists
from gateway.run.web import DoorServer, web_config

log = structlog.get_logger(__name__)
DOORS = 2
LOOK_SECONDS = 0.02
STOP_SECONDS = 15.0
# Least time between two starts in one place: a door that lived longer starts again at once.
RESTART_SECONDS = 0.5
# How often a door looks whether its master lives, and whether there is a keeper if it does not.
ORPHAN_LOOK_SECONDS = 0.2
# Doors of the last master that a keeper does not know yet, since it was replaced too, are known to it by then.
FORMER_SECONDS = 10.0


class DoorMaster:
    """Forks the doors, and forks again those that die.

    SIGHUP loads the program anew and replaces the doors, one after the other; SIGTERM and SIGINT stop all. The doors
    outlive a master that is killed: they take hooks until the next one has doors of its own.
    """

    def __init__(self, application: str, *, pages: bool, supervisor: int = 0) -> None:
        self._application = application
        self._supervisor = supervisor
        self._pages = pages
        self._socket = DoorSocket()
        self._doors: dict[int, int] = {}
        self._started = [float("-inf")] * DOORS
        # Doors of the last master; those of a master of this process id are its children.
        self._former: set[int] = set()
        # Doors of this master, and former ones that were told to end.
        self._known: set[int] = set()
        self._look_until = float("inf")
        self._stop = threading.Event()
        self._again = threading.Event()

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        signal.signal(signal.SIGHUP, lambda *_: (self._stop if has_lost_terminal() else self._again).set())
        config = web_config(self._application)
        config.load()
        # The broker's client too: each door would import it when it sends its first message.
        current_app.connection_for_write().release()
        if self._pages:
            # Load the pages too.
            _ = get_resolver().url_patterns
        self._former = self._socket.open()
        self._look_until = time.monotonic() + FORMER_SECONDS
        alone_until = float("inf")
        while not self._stop.wait(LOOK_SECONDS) and time.monotonic() < alone_until:
            if self._supervisor and os.getppid() != self._supervisor:
                # It was killed. The next one starts another master, which supersedes this one.
                self._supervisor, alone_until = 0, time.monotonic() + ALONE_SECONDS
            self._socket.watch()
            if self._socket.superseded:
                # The next master ends these doors when its own take hooks.
                return
            self._reap()
            self._start()
            self._relieve()
            if self._again.is_set():
                # The process, its doors and the keeper stay; the program is the new one.
                self._socket.hand_on()
                os.execv(sys.executable, [sys.executable, *sys.argv])
        self._end()

    def _start(self) -> None:
        for place in range(DOORS):
            if place in self._doors or time.monotonic() < self._started[place] + RESTART_SECONDS:
                continue
            self._started[place] = time.monotonic()
            self._doors[place] = fork("door", self._serve)
            self._known.add(self._doors[place])
            if self._former:
                # One after the other, so that the old ones have the processor meanwhile.
                return

    def _serve(self) -> None:
        parent = os.getppid()
        threading.Thread(target=self._outlive, args=(parent,), name="master-watch", daemon=True).start()
        if self._pages:
            report_aside()
        DoorServer(web_config(self._application), self._socket.listener, keeper_name()).run()

    def _outlive(self, master: int) -> None:
        """End this door some time after its master was killed: hooks need a door until another master has its own.

        Meanwhile there must be a keeper, since the next master gets the socket from it.
        """
        pause = threading.Event()
        while os.getppid() == master:
            pause.wait(ORPHAN_LOOK_SECONDS)
        until = time.monotonic() + ALONE_SECONDS
        keeper: subprocess.Popen[bytes] | None = None
        while time.monotonic() < until:
            if (keeper is None or keeper.poll() is not None) and not exists(keeper_name()):
                keeper = self._socket.start_keeper()
            pause.wait(ORPHAN_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                place = next((place for place, door in self._doors.items() if door == pid), None)
                if place is not None:
                    if not self._stop.is_set():
                        log.error("process_died", name="door", code=os.waitstatus_to_exitcode(status))
                    del self._doors[place]

    def _relieve(self) -> None:
        """End the former doors once the new ones take hooks."""
        if not self._former and time.monotonic() > self._look_until:
            return
        taking = self._socket.doors()
        self._former |= taking - self._known
        if self._former and set(self._doors.values()) <= taking and len(self._doors) == DOORS:
            for pid in self._former & taking:
                _signal(pid, signal.SIGTERM)
            self._known |= self._former
            self._former = set()
            log.info("process_replaced", name="doors")

    def _end(self) -> None:
        left = set(self._doors.values()) | (self._former & self._socket.doors())
        for pid in left:
            _signal(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while left and time.monotonic() < until:
            self._reap()
            left = {pid for pid in left if _lives(pid)}
            threading.Event().wait(LOOK_SECONDS)
        for pid in left:
            _signal(pid, signal.SIGKILL)
        self._socket.close()


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def has_lost_terminal(had_one: bool = os.isatty(0)) -> bool:
    """Return whether the terminal that started this process was closed; that sends SIGHUP, too."""
    return had_one and not os.isatty(0)
