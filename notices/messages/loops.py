"""Threads beside the sweep that find due messages, send mails, and call hooks, one thread each.

No thread blocks another thread or the sweep: a mail server or a chat service may hang for a while.
"""

import threading
from functools import partial

from django.utils import timezone

from notices.messages import outbox, send
from work import loops

FILL_SECONDS = 2.0
SEND_SECONDS = 2.0


def start(stop: threading.Event) -> None:
    """Run all three until `stop` is set."""
    loops.start("messages-fill", _fill, FILL_SECONDS, stop)
    loops.start("messages-mail", partial(_send, "user"), SEND_SECONDS, stop)
    loops.start("messages-hook", partial(_send, "channel"), SEND_SECONDS, stop)


def _fill() -> None:
    outbox.fill(timezone.now())


def _send(column: str) -> None:
    send.send_due(column, timezone.now())
