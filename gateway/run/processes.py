"""The gateway as several processes on one machine, started, replaced and stopped together."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from importlib import import_module

import structlog
from django.conf import settings
from django.core.management import execute_from_command_line

from gateway.celery import app
from gateway.lanes import AT_ONCE, threads
from gateway.management.commands.migrate import PENDING
from gateway.run.children import Child, die_with, fork, is_called
from gateway.run.doors import has_lost_terminal
from gateway.run.migration import CHECK, Migration, start

__all__ = ["CELERY_UNCHECKED", "Supervisor", "commands"]
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
# For the next program in this process: its children by name, and whether it has to migrate. Its signals are held first.
HANDED_ON = "GATEWAY_CHILDREN"
# What Celery imports only when it starts.
LOADED = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def commands() -> Mapping[str, list[str]]:
    """Return the command of each process by its name, as Python takes it."""
    celery = ["-m", "celery", "-A", "gateway"]
    quiet = ["--loglevel", "WARNING"]
    worker = [*celery, "worker", *quiet, "--without-gossip", "--without-mingle"]
    found = {WEB: ["manage.py", "serve"]}
    for queue, at_a_time in threads().items():
        name = "worker" if queue == settings.CELERY_TASK_DEFAULT_QUEUE else f"worker-{queue}"
        pool = ["--pool", "threads"] if name in AT_ONCE else []
        found[name] = [*worker, *pool, "-Q", queue, "-c", str(at_a_time), "-n", f"{queue}@%h"]
    found |= {"sweep": ["manage.py", "sweep", UNCHECKED], "beat": [*celery, "beat", *quiet]}
    return found | ({"sqs": ["manage.py", "consume_sqs", UNCHECKED]} if settings.SQS_QUEUE_URL else {})


class Supervisor:
    """Starts the processes, and starts again those that die. Migrations run beside them; all but the doors wait for it.

    All but the doors are forked from this process, which has loaded what they need. SIGHUP executes the program anew in
    this process, which then replaces them one after the other; SIGTERM and SIGINT stop all of them. The doors outlive a
    supervisor that is killed, and take hooks until the next one has doors of its own.
    """

    def __init__(self, wanted: Mapping[str, list[str]]) -> None:
        self._wanted = wanted
        self._running: dict[str, Child] = {}
        # Kept, since it would be waited for when it is dropped.
        self._doors: subprocess.Popen[bytes] | None = None
        self._started: dict[str, float] = {}
        self._died: set[str] = set()
        self._stop = threading.Event()
        self._replace = threading.Event()
        self._migration = Migration()

    def run(self) -> None:
        _load()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        signal.signal(signal.SIGHUP, lambda *_: (self._stop if has_lost_terminal() else self._replace).set())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        try:
            if handed_on := os.environ.pop(HANDED_ON, ""):
                self._take_over(**json.loads(handed_on))
            while not self._stop.wait(LOOK_SECONDS):
                self._look()
                self._migration.look()
                if self._replace.is_set():
                    self._replace.clear()
                    self._begin_again()
        finally:
            self._migration.end()
            self._end()

    def _look(self, besides: Collection[str] = ()) -> None:
        """Start what is not running, except `besides`."""
        for name in self._wanted:
            child = self._running.get(name)
            if name in besides or (child is not None and child.poll() is None):
                continue
            if child is not None and name not in self._died:
                log.error("process_died", name=name, code=child.returncode)
                self._died.add(name)
            if time.monotonic() >= self._started.get(name, float("-inf")) + RESTART_SECONDS:
                self._start(name)

    def _start(self, name: str) -> None:
        command = self._wanted[name]
        if name == WEB:
            # They outlive this process. Ctrl+C reaches only this one, which then stops the others in order.
            whole = [sys.executable, *command, "--supervisor", str(os.getpid())]
            self._doors = subprocess.Popen(whole, cwd=settings.BASE_DIR, start_new_session=True)
            pid = self._doors.pid
        else:
            pid = fork(name, partial(_serve, name, command, os.getpid()))
        self._running[name] = Child(pid)
        self._started[name] = time.monotonic()
        self._died.discard(name)

    def _begin_again(self) -> None:
        """Execute the program that is on the disk, unless it does not start. The children stay."""
        code = self._wait_for_check()
        if self._stop.is_set():
            return
        if code not in (0, PENDING):
            log.error("replacement_refused", code=code)
            return
        self._migration.end()
        children = {name: child.pid for name, child in self._running.items()}
        os.environ[HANDED_ON] = json.dumps({"children": children, "migrates": code == PENDING})
        # Without a handler they would end the program that is being loaded.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        os.execv(sys.executable, [sys.executable, *sys.argv])

    def _take_over(self, children: Mapping[str, int], *, migrates: bool) -> None:
        """Have the doors replace themselves, and replace the other processes of the last program one after the other.

        If this version has migrations, its doors come first, and the others end before the tables change.
        """
        for name, pid in children.items():
            # One that this version does not want any more is ended with the others.
            self._running[name] = Child(pid)
        self._running[WEB].signal(signal.SIGHUP)
        others = [name for name in self._running if name != WEB]
        if migrates:
            for name in others:
                self._running[name].signal(signal.SIGTERM)
            for name in others:
                self._stop_one(name, others)
        for name in others:
            if self._stop.is_set():
                return
            self._stop_one(name, others if migrates else [name])
            if name not in self._wanted:
                del self._running[name]
                continue
            self._start(name)
            log.info("process_replaced", name=name)

    def _wait_for_check(self) -> int:
        """Return 0 if the program that is on the disk has no migration to make, and PENDING if it has."""
        check = start(*CHECK)
        while check.poll() is None and not self._stop.wait(LOOK_SECONDS):
            self._look()
        check.terminate()
        return check.wait()

    def _stop_one(self, name: str, stopped: Collection[str]) -> None:
        """End a process, and meanwhile start what is missing beside `stopped`."""
        old = self._running[name]
        old.signal(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while old.poll() is None and not self._stop.wait(LOOK_SECONDS):
            if time.monotonic() > until:
                old.kill_all()
            self._look(stopped)

    def _end(self) -> None:
        for child in self._running.values():
            child.signal(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for child in self._running.values():
            if not child.ends_within(max(0.1, until - time.monotonic())):
                child.kill_all()


def _load() -> None:
    """Load what the processes need: once, in memory that all of them share."""
    os.environ.update(CELERY_UNCHECKED)
    app.loader.import_default_modules()
    # The broker's client too; nothing is connected.
    app.connection_for_write().release()
    for name in LOADED:
        import_module(name)


def _serve(name: str, command: Sequence[str], supervisor: int) -> None:
    """Be the process of this name, in a child of the supervisor."""
    # Ctrl+C reaches only the supervisor, which then stops the others in order.
    os.setsid()
    die_with(supervisor)
    is_called(_shown(name, command))
    # Leave the processor to the doors first: an acknowledgement has a second, work has minutes.
    os.nice(NICE)
    # A worker that gets SIGHUP executes this.
    sys.argv = list(command)
    if command[0] == "-m":
        app.start(sys.argv[4:])
    else:
        execute_from_command_line(sys.argv)


def _shown(name: str, command: Sequence[str]) -> str:
    """Return the name by which `ps` and `top` show a process: celery-files, celery-beat, gate-sweep."""
    if "-Q" in command:
        return f"celery-{command[command.index('-Q') + 1]}"
    return f"celery-{name}" if command[0] == "-m" else f"gate-{name}"
