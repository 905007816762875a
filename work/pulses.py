"""Signs of life: a loop that does its work says so in a row, and a loop that cannot is not at work.

Processes that merely exist prove nothing: a worker can hold its connection and hear nothing any more.
"""

import socket
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now

from work.models import Pulse

SWEEP, BEAT = "sweep", "beat"
SMALL, FILES = "worker-small", "worker-files"
QUEUE = "sqs"
DOOR, ROUNDS, CLOCK = "door@", "rounds@", "clock@"
# A process that has much to do says so no more often than this; whoever looks must be patient for longer.
SIGN_SECONDS = 5.0
_signed: dict[str, float] = {}
_lock = threading.Lock()


def sign(name: str) -> None:
    """Say that this loop is at work; costs one UPDATE every five seconds, and nothing in between."""
    with _lock:
        due = time.monotonic() - _signed.get(name, -SIGN_SECONDS) >= SIGN_SECONDS
        if due:
            _signed[name] = time.monotonic()
    if due:
        try:
            write(name)
        except Exception:
            with _lock:
                _signed.pop(name, None)
            raise


def write(name: str, data: Mapping[str, Any] | None = None) -> None:
    """Write the row of a loop, with what others should know of it (None: as it was)."""
    more = {} if data is None else {"data": dict(data)}
    if not Pulse.objects.filter(pk=name).update(at=Now(), **more):
        Pulse.objects.bulk_create([Pulse(name=name, at=Now(), data=dict(data or {}))], ignore_conflicts=True)


def machine() -> str:
    """Return what this machine, or container, is called."""
    return socket.gethostname()[:60]


def expect(*names: str) -> None:
    """Count loops that never said anything as alive now: from here on they are waited for."""
    known = set(Pulse.objects.filter(pk__in=names).values_list("pk", flat=True))
    missing = [Pulse(name=name, at=Now(), data={}) for name in names if name not in known]
    Pulse.objects.bulk_create(missing, ignore_conflicts=True)


def silent_since(name: str, seconds: float) -> datetime | None:
    """When a loop last said something, if that is longer ago than `seconds` on the database's clock; else None."""
    old = Pulse.objects.filter(pk=name, at__lt=Now() - timedelta(seconds=seconds))
    return old.values_list("at", flat=True).first()
