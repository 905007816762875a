"""The whole gateway in one process: the door, Django, workers in threads, beat and sweep. It needs no broker."""

import fcntl
import os
import signal
import sys
import threading
from typing import IO

import structlog
from celery.beat import EmbeddedService
from django.conf import settings
from django.core.management.base import CommandError

from gateway.celery import app, make_app
from gateway.lanes import make_sweep, threads
from gateway.ops.startup import report_aside
from gateway.run.door_socket import DoorSocket, keeper_name
from gateway.run.doors import has_lost_terminal
from gateway.run.web import DoorServer, web_config
from sendouts.intake.sqs import configured_consumer
from work import claims
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

    The caller holds `lock_data_dir`.
    """
    door = DoorSocket()
    door.open()
    # No other process works on these rows, so any remaining claim belongs to a process that died.
    dropped = sum(claims.drop_all(model) for model in {lane.model for lane in registered()})
    if dropped:
        log.info("claims_dropped", rows=dropped)
    workers = [
        # An application has one selection of queues, so each worker needs its own application.
        make_app(queue).WorkController(
            pool_cls="threads", concurrency=at_a_time, queues=[queue], hostname=f"{queue}@embedded"
        )
        for queue, at_a_time in threads().items()
    ]
    for worker in workers:
        threading.Thread(target=worker.start, name=f"worker-{worker.hostname}", daemon=True).start()
    beat = EmbeddedService(app, thread=True)
    beat.daemon = True
    beat.start()
    report_aside()
    stop = threading.Event()
    sweep = threading.Thread(target=make_sweep().run, args=(stop,), name="sweep", daemon=True)
    sweep.start()
    if settings.SQS_QUEUE_URL:
        threading.Thread(target=configured_consumer().run, args=(stop,), name="sqs", daemon=True).start()
    watch = threading.Thread(target=_watch, args=(door, stop), name="keeper-watch", daemon=True)
    watch.start()
    server = DoorServer(web_config("gateway.asgi:application"), door.listener, keeper_name())
    again = threading.Event()

    def begin_again(*_: object) -> None:
        if not has_lost_terminal():
            again.set()
        server.should_exit = True

    signal.signal(signal.SIGHUP, begin_again)
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server raises once more the signal that has ended it.
        signal.signal(number, lambda *_: None)
    try:
        server.run()
    finally:
        stop.set()
        watch.join()
        if not again.is_set():
            door.close()
        beat.stop()
        for worker in workers:
            worker.stop()
        sweep.join(STOP_SECONDS)
    if again.is_set():
        # The keeper has the socket meanwhile.
        os.execv(sys.executable, [sys.executable, *sys.argv])


def _watch(door: DoorSocket, stop: threading.Event) -> None:
    """Keep a keeper running."""
    while not stop.wait(LOOK_SECONDS):
        door.watch()
