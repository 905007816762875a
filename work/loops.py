"""Work that threads do again and again until they are stopped, whatever goes wrong."""

import threading
from collections.abc import Callable

import structlog
from django.db import close_old_connections, connection

log = structlog.get_logger(__name__)


def start(name: str, work: Callable[[], None], pause: float, stop: threading.Event) -> None:
    """Do the work in a thread of its own, `pause` seconds apart, until `stop` is set."""
    threading.Thread(target=_repeat, args=(name, work, pause, stop), name=name, daemon=True).start()


def _repeat(name: str, work: Callable[[], None], pause: float, stop: threading.Event) -> None:
    while not stop.wait(pause):
        try:
            work()
        except Exception:
            # Whatever it was: work that nobody does any more is worse than one turn that failed.
            log.exception("loop_broken", loop=name)
        finally:
            close_old_connections()
    connection.close()
