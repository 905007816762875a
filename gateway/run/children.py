"""Child processes: forked ones, which find everything imported and share its memory, and what both kinds are asked."""

import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from django.db import connections

log = structlog.get_logger(__name__)
LOOK_SECONDS = 0.02
_NAME, _DIE_WITH_PARENT = 15, 1


class Child:
    """A child by its process id, forked or started; the id stays the same if this process executes another program."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        # As of subprocess: negative for a signal. None while it lives.
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                # Somebody else has waited for it.
                self.returncode = -signal.SIGKILL
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def ends_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended; nobody else can have its id before it is waited for."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill_all(self) -> None:
        """Kill it and those it has started, which are in its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def fork(name: str, serve: Callable[[], None]) -> int:
    """Run a function in a new process, and return its id; name: what its failure is logged under."""
    for each in connections.all(initialized_only=True):
        # A connection, and a pool with its threads, belong to one process.
        each.close()
        getattr(each, "close_pool", lambda: None)()
    # What is there now lives as long as the process: looked through by the collector, its pages would be copied.
    gc.freeze()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code: str | int | None = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        serve()
        code = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        log.exception("process_failed", name=name)
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))
    return 0


def is_called(name: str) -> None:
    """Have Linux show this name of the process, of 15 characters at most, where it lists no command line."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_NAME, name.encode())


def die_with(parent: int) -> None:
    """Have Linux end this child when its parent is killed; elsewhere nothing is lost, since rows carry the work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
        if os.getppid() != parent:
            # The parent died before prctl took effect.
            os._exit(1)
