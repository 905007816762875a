"""The gateway as several processes on one machine, started, replaced and stopped together."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from functools import partial

import structlog
from django.conf import settings

from gateway.lanes import AT_ONCE, threads
from gateway.run.doors import has_lost_terminal
from gateway.run.migration import CHECK, REFUSED, Migration, start

log = structlog.get_logger(__name__)
STOP_SECONDS = 15.0
LOOK_SECONDS = 0.1
# Least time between two starts of one process. A process that lived longer starts again at once.
RESTART_SECONDS = 1.0
NICE = 5
# The master of the doors.
WEB = "web"
# The supervisor and the master of the doors run Django's checks. In each process they take a third of its start.
UNCHECKED = "--skip-checks"
CELERY_UNCHECKED = {"CELERY_SKIP_CHECKS": "1"}


def commands() -> Mapping[str, list[str]]:
    """Return the command of each process by its name."""
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "gateway"]
    quiet = ["--loglevel", "WARNING"]
    worker = [*celery, "worker", *quiet, "--without-gossip", "--without-mingle"]
    found = {WEB: [python, "manage.py", "serve"]}
    for queue, at_a_time in threads().items():
        name = "worker" if queue == settings.CELERY_TASK_DEFAULT_QUEUE else f"worker-{queue}"
        pool = ["--pool", "threads"] if name in AT_ONCE else []
        found[name] = [*worker, *pool, "-Q", queue, "-c", str(at_a_time), "-n", f"{queue}@%h"]
    found |= {"sweep": [python, "manage.py", "sweep", UNCHECKED], "beat": [*celery, "beat", *quiet]}
    return found | ({"sqs": [python, "manage.py", "consume_sqs", UNCHECKED]} if settings.SQS_QUEUE_URL else {})


class Supervisor:
    """Starts the processes, and starts again those that die. Migrations run beside them; all but the doors wait for it.

    SIGHUP replaces them one after the other; SIGTERM and SIGINT stop all of them. The doors outlive a supervisor that
    is killed, and take hooks until the next one has doors of its own.
    """

    def __init__(self, wanted: Mapping[str, list[str]]) -> None:
        self._wanted = wanted
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._died: set[str] = set()
        self._stop = threading.Event()
        self._replace = threading.Event()
        self._migration = Migration()

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        signal.signal(signal.SIGHUP, lambda *_: (self._stop if has_lost_terminal() else self._replace).set())
        try:
            while not self._stop.wait(LOOK_SECONDS):
                self._look()
                self._migration.look()
                if self._replace.is_set():
                    self._replace.clear()
                    self._replace_all()
        finally:
            self._migration.end()
            self._end()

    def _look(self, besides: Collection[str] = ()) -> None:
        """Start what is not running, except `besides`."""
        for name in self._wanted:
            process = self._running.get(name)
            if name in besides or (process is not None and process.poll() is None):
                continue
            if process is not None and name not in self._died:
                log.error("process_died", name=name, code=process.returncode)
                self._died.add(name)
            if time.monotonic() >= self._started.get(name, float("-inf")) + RESTART_SECONDS:
                self._start(name)

    def _start(self, name: str) -> None:
        # Each child has its own process group: Ctrl+C reaches only this process, which then stops the others in order.
        prepare = None if name == WEB else partial(_stand_back, os.getpid())
        command = [*self._wanted[name], *(["--supervisor", str(os.getpid())] if name == WEB else [])]
        environment = os.environ | CELERY_UNCHECKED
        self._running[name] = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment, start_new_session=True, preexec_fn=prepare
        )
        self._started[name] = time.monotonic()
        self._died.discard(name)

    def _replace_all(self) -> None:
        """Have the doors replace themselves, and replace the other processes one after the other.

        If the new version has migrations, its doors come first, and the others end before the tables change.
        """
        code = self._wait_for_check()
        if self._stop.is_set():
            return
        if code == REFUSED:
            log.error("replacement_refused")
            return
        self._running[WEB].send_signal(signal.SIGHUP)
        others = [name for name in self._wanted if name != WEB]
        if code:
            for name in others:
                self._running[name].terminate()
            for name in others:
                self._stop_one(name, others)
            self._migration.begin_again()
        for name in others:
            if self._stop.is_set():
                return
            self._stop_one(name, others if code else [name])
            self._start(name)
            log.info("process_replaced", name=name)

    def _wait_for_check(self) -> int:
        """Return 0 if the program that is on the disk has no migration to make."""
        check = start(*CHECK)
        while check.poll() is None and not self._stop.wait(LOOK_SECONDS):
            self._look()
        check.terminate()
        return check.wait()

    def _stop_one(self, name: str, stopped: Collection[str]) -> None:
        """End a process, and meanwhile start what is missing beside `stopped`."""
        old = self._running[name]
        old.terminate()
        until = time.monotonic() + STOP_SECONDS
        while old.poll() is None and not self._stop.wait(LOOK_SECONDS):
            if time.monotonic() > until:
                os.killpg(old.pid, signal.SIGKILL)
            self._look(stopped)

    def _end(self) -> None:
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _stand_back(supervisor: int) -> None:
    """Leave the processor to the doors first: an acknowledgement has a second, work has minutes."""
    die_with(supervisor)
    os.nice(NICE)


def die_with(parent: int) -> None:
    """Have Linux end this child when its parent is killed; elsewhere nothing is lost, since rows carry the work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
        if os.getppid() != parent:
            # The parent died before prctl took effect.
            os._exit(1)
