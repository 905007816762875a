"""Heartbeats: a loop that works updates its row, so an old heartbeat means that the loop does not work.

A running process proves nothing: a worker can keep its connection and receive no more messages.
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
DOWNLOADS, SERVICES = "worker-downloads", "worker-services"
QUEUE = "sqs"
DOOR, CLOSED, ROUNDS, CLOCK, HEALTH = "door@", "closed@", "rounds@", "clock@", "health@"
# With the name of a worker that polls for its rows, since its broker is away.
POLLS = "polls@"
# When the surroundings failed last: a claim from before proves nothing about its row.
OUTAGE = "outage"
# A busy process writes no more often than this; checks must allow for a longer silence.
SIGN_SECONDS = 5.0
_signed: dict[str, float] = {}
_lock = threading.Lock()


def sign(name: str) -> None:
    """Record that this loop works; costs one UPDATE every five seconds, and nothing in between."""
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
    """Write the row of a loop, with data for other processes (None: keep the data)."""
    more = {} if data is None else {"data": dict(data)}
    if not Pulse.objects.filter(pk=name).update(at=Now(), **more):
        Pulse.objects.bulk_create([Pulse(name=name, at=Now(), data=dict(data or {}))], ignore_conflicts=True)


def machine() -> str:
    """Return the name of this machine or container."""
    return socket.gethostname()[:60]


def expect(*names: str) -> None:
    """Treat loops without any heartbeat as alive now, so that their silence is measured from here."""
    known = set(Pulse.objects.filter(pk__in=names).values_list("pk", flat=True))
    missing = [Pulse(name=name, at=Now(), data={}) for name in names if name not in known]
    Pulse.objects.bulk_create(missing, ignore_conflicts=True)


def silent_since(name: str, seconds: float) -> datetime | None:
    """Return the last heartbeat of a loop if it is older than `seconds` on the database's clock; else None."""
    old = Pulse.objects.filter(pk=name, at__lt=Now() - timedelta(seconds=seconds))
    return old.values_list("at", flat=True).first()
