"""The gateway as several processes on one machine, started and stopped together."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial

import structlog
from django.conf import settings

from gateway.lanes import DOWNLOADS, threads

log = structlog.get_logger(__name__)
STOP_SECONDS = 15.0
# Least delay before the restart of a process that died.
RESTART_SECONDS = 1.0


def commands() -> Mapping[str, list[str]]:
    """Return the command of each process by its name."""
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "gateway"]
    quiet = ["--loglevel", "WARNING"]
    worker = [*celery, "worker", *quiet, "--without-gossip", "--without-mingle"]
    found = {"web": [python, "manage.py", "serve"]}
    for queue, at_a_time in threads().items():
        name = "worker" if queue == settings.CELERY_TASK_DEFAULT_QUEUE else f"worker-{queue}"
        # Downloads wait for the network: threads suffice.
        pool = ["--pool", "threads"] if queue == DOWNLOADS.queue else []
        found[name] = [*worker, *pool, "-Q", queue, "-c", str(at_a_time), "-n", f"{queue}@%h"]
    found |= {"sweep": [python, "manage.py", "sweep"], "beat": [*celery, "beat", *quiet]}
    return found | ({"sqs": [python, "manage.py", "consume_sqs"]} if settings.SQS_QUEUE_URL else {})


class Supervisor:
    """Starts the processes, restarts those that die, and stops all of them on SIGTERM or SIGINT."""

    def __init__(self, wanted: Mapping[str, list[str]]) -> None:
        self._wanted = wanted
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        for name in self._wanted:
            self._start(name)
        while not self._stop.wait(0.2):
            for name, process in list(self._running.items()):
                if process.poll() is not None:
                    log.error("process_died", name=name, code=process.returncode)
                    self._stop.wait(RESTART_SECONDS)
                    if not self._stop.is_set():
                        self._start(name)
        self._end()

    def _start(self, name: str) -> None:
        # Each child has its own process group: Ctrl+C reaches only this process, which then stops the others in order.
        self._running[name] = subprocess.Popen(
            self._wanted[name], cwd=settings.BASE_DIR, start_new_session=True, preexec_fn=partial(die_with, os.getpid())
        )

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


def die_with(parent: int) -> None:
    """Have Linux end this child when its parent is killed; elsewhere nothing is lost, since rows carry the work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
        if os.getppid() != parent:
            # The parent died before prctl took effect. A remaining web process would keep the port occupied.
            os._exit(1)
