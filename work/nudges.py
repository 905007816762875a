"""Messages that ask workers to look at rows. They may be lost, duplicated or late: the sweep finds the rows anyway.

A separate thread sends them, since a hanging broker blocks its caller for half a minute.
"""

import threading
from collections.abc import Sequence
from queue import Full, Queue

from celery import current_app

from work.lanes import task_of
from work.throttled_log import Knocks


class Sending(threading.Event):
    """Set once a message was sent, or could not be (`failed`)."""

    failed = False


# Thousands of waiting nudges mean that the broker is down; the sweep does their work meanwhile.
_waiting: Queue[tuple[str, Sequence[int], Sending]] = Queue(maxsize=5_000)
_failures = Knocks("nudge_failed")
_lock = threading.Lock()
_sender: threading.Thread | None = None


def nudge(lane: str, ids: Sequence[int], *, wait: float = 0) -> bool:
    """Ask the workers of a lane to process these rows; `lane` may also be the name of a Celery task.

    Return whether the message was sent within `wait` seconds; with 0 do not wait, and return False.
    """
    if not ids:
        return True
    _start()
    left = Sending()
    try:
        _waiting.put_nowait((task_of(lane), list(ids), left))
    except Full:
        return False
    return left.wait(wait) and not left.failed if wait else False


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
            # Catch every broker error: the rows stay due, and the sweep does the work itself.
            _failures.count(task=task, rows=len(ids), error=type(error).__name__)
            left.failed = True
            left.set()
