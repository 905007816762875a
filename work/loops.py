"""Threads that repeat their work until they are stopped, whatever error occurs."""

import threading
from collections.abc import Callable

import structlog
from django.db import close_old_connections, connection

log = structlog.get_logger(__name__)


def start(name: str, work: Callable[[], None], pause: float, stop: threading.Event) -> None:
    """Run the work in its own thread, with `pause` seconds between runs, until `stop` is set."""
    threading.Thread(target=_repeat, args=(name, work, pause, stop), name=name, daemon=True).start()


def _repeat(name: str, work: Callable[[], None], pause: float, stop: threading.Event) -> None:
    while not stop.wait(pause):
        try:
            work()
        except Exception:
            # Catch everything: a stopped loop is worse than one failed run.
            log.exception("loop_broken", loop=name)
        finally:
            close_old_connections()
    connection.close()
