"""The whole gateway in one process: the door, Django, workers in threads, beat and sweep. It needs no broker."""

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import IO

import structlog
from celery.beat import EmbeddedService
from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error, connection

from gateway.celery import app, make_app
from gateway.lanes import make_sweep, threads
from gateway.ops import schema
from gateway.ops.startup import report_aside
from gateway.run.door_socket import DoorSocket, keeper_name
from gateway.run.doors import has_lost_terminal
from gateway.run.migration import REFUSED, Migration
from gateway.run.web import DoorServer, web_config
from notices.alarms.watch import PendingMigrations
from sendouts.intake.sqs import configured_consumer
from work import claims, outages
from work.lanes import registered

log = structlog.get_logger(__name__)
STOP_SECONDS = 10
LOOK_SECONDS = 0.2


def lock_data_dir() -> IO[str]:
    """Lock DATA_DIR for the life of this process, and return the open lock file; the kernel unlocks it at the end.

    Raise CommandError if another process holds the lock. Two of them would drop each other's claims, and call the
    platform twice.
    """
    file = (settings.DATA_DIR / "embedded.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CommandError(
            f"Another gateway already runs on {settings.DATA_DIR}. Stop it first, or give this one a DATA_DIR and a "
            "DATABASE_URL of its own. To run several processes, set CELERY_BROKER_URL."
        ) from None
    return file


def serve() -> None:
    """Run until SIGTERM or SIGINT, then stop every part; SIGHUP starts the program anew, while hooks wait.

    The door opens first. The caller holds `lock_data_dir`.
    """
    door = DoorSocket()
    door.open()
    stop, again = threading.Event(), threading.Event()
    server = DoorServer(web_config("gateway.asgi:application"), door.listener, keeper_name())

    def refuse() -> None:
        server.should_exit = True

    def begin_again(*_: object) -> None:
        if not has_lost_terminal():
            again.set()
        server.should_exit = True

    parts = _Parts(stop, refuse)
    watch = threading.Thread(target=_watch, args=(door, stop), name="keeper-watch", daemon=True)
    watch.start()
    signal.signal(signal.SIGHUP, begin_again)
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server raises once more the signal that has ended it.
        signal.signal(number, lambda *_: None)
    parts.start()
    try:
        server.run()
    finally:
        stop.set()
        watch.join()
        if not again.is_set():
            door.close()
        parts.end()
    if parts.refused is not None:
        raise parts.refused
    if again.is_set():
        door.hand_on()
        os.execv(sys.executable, [sys.executable, *sys.argv])


class _Parts:
    """Everything beside the door, in threads: begun once the tables are those of this version.

    refuse: called if they never can be; `refused` says why then.
    """

    def __init__(self, stop: threading.Event, refuse: Callable[[], None]) -> None:
        self.refused: CommandError | None = None
        self._stop = stop
        self._refuse = refuse
        self._ends: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="parts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """End what was begun, after `stop` was set."""
        self._thread.join(STOP_SECONDS)
        for end in self._ends:
            end()

    def _run(self) -> None:
        try:
            if self._migrate() and self._drop_claims():
                self._begin()
        except CommandError as error:
            self.refused = error
            self._refuse()
        except Exception:
            # Without its parts the process is of no use: another one has to be started.
            log.exception("process_failed", name="parts")
            self._refuse()
        finally:
            connection.close()

    def _migrate(self) -> bool:
        """Bring the tables to this version; return False if the process ends before. Raises CommandError."""
        migration, alarm = Migration(), PendingMigrations()
        try:
            if self._is_current():
                return True
            while not self._stop.wait(LOOK_SECONDS):
                if migration.look():
                    alarm.applied()
                    return True
                alarm.look()
        finally:
            migration.end()
        return False

    def _is_current(self) -> bool:
        try:
            if schema.find().pending:
                # The process that migrates judges the tables.
                return False
            why = schema.refusal()
        except Error:
            return False
        if why:
            raise CommandError(why, returncode=REFUSED)
        return True

    def _drop_claims(self) -> bool:
        """Drop every claim: no other process works on these rows, so its process has died."""
        while not self._stop.is_set():
            try:
                # One restart says nothing about the rows; the next soon after may be the work of one.
                died = not outages.tell_start()
                dropped = sum(claims.drop_all(model, died=died) for model in {lane.model for lane in registered()})
            except Error as error:
                log.warning("database_away", error=type(error).__name__)
                connection.close()
                self._stop.wait(1)
            else:
                if dropped:
                    log.info("claims_dropped", rows=dropped)
                return True
        return False

    def _begin(self) -> None:
        for queue, at_a_time in threads().items():
            # An application has one selection of queues, so each worker needs its own application.
            worker = make_app(queue).WorkController(
                pool_cls="threads", concurrency=at_a_time, queues=[queue], hostname=f"{queue}@embedded"
            )
            threading.Thread(target=worker.start, name=f"worker-{worker.hostname}", daemon=True).start()
            self._ends.append(worker.stop)
        beat = EmbeddedService(app, thread=True)
        beat.daemon = True
        beat.start()
        self._ends.insert(0, beat.stop)
        report_aside()
        sweep = threading.Thread(target=make_sweep().run, args=(self._stop,), name="sweep", daemon=True)
        sweep.start()
        self._ends.append(partial(sweep.join, STOP_SECONDS))
        if settings.SQS_QUEUE_URL:
            reader = configured_consumer()
            threading.Thread(target=reader.run, args=(self._stop,), name="sqs", daemon=True).start()


def _watch(door: DoorSocket, stop: threading.Event) -> None:
    """Keep a keeper running."""
    while not stop.wait(LOOK_SECONDS):
        door.watch()
