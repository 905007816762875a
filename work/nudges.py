"""Messages that say “look at these rows”. They may be lost, doubled or late: the sweep finds the rows anyway.

They leave from a thread of their own, since a broker that hangs holds whoever calls it for half a minute.
"""

import threading
from collections.abc import Sequence
from queue import Full, Queue

import structlog
from celery import current_app

from work.lanes import task_of

log = structlog.get_logger(__name__)
# Some thousands of waiting nudges mean a broker that is away; the sweep does their work meanwhile.
_waiting: Queue[tuple[str, Sequence[int], threading.Event]] = Queue(maxsize=5_000)
_lock = threading.Lock()
_sender: threading.Thread | None = None


def nudge(lane: str, ids: Sequence[int], *, wait: float = 0) -> bool:
    """Ask the workers of a lane, by its name, to work on these rows; also a Celery task may be named.

    Returns whether the message left within `wait` seconds; with 0 nobody waits, and it returns False.
    """
    if not ids:
        return True
    _start()
    left = threading.Event()
    try:
        _waiting.put_nowait((task_of(lane), list(ids), left))
    except Full:
        return False
    return left.wait(wait) if wait else False


def _start() -> None:
    global _sender
    with _lock:
        if _sender is None or not _sender.is_alive():
            _sender = threading.Thread(target=_send_all, name="nudges", daemon=True)
            _sender.start()


def _send_all() -> None:
    while True:
        task, ids, left = _waiting.get()
        try:
            current_app.send_task(task, args=[ids], retry=False)
            left.set()
        except Exception as error:
            # Whatever a broker can do wrong: the rows stay due, the sweep runs the stage itself.
            log.warning("nudge_failed", task=task, rows=len(ids), error=type(error).__name__)
