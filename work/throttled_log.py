"""Counter of events that may come in great numbers; it logs at most one line a minute."""

import threading
import time
from typing import Any

import structlog

log = structlog.get_logger(__name__)
EVERY_SECONDS = 60.0


class Knocks:
    """Counts refused attempts and the like. The first is logged at once, later ones as sums: they must not fill the
    disk.
    """

    def __init__(self, event: str) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._unsaid = 0
        self._said = float("-inf")
        self.total = 0

    def count(self, **fields: Any) -> None:
        """Count one event. `fields` are logged if this one writes the line."""
        with self._lock:
            self.total += 1
            self._unsaid += 1
            now = time.monotonic()
            if now - self._said < EVERY_SECONDS:
                return
            self._said, times, self._unsaid = now, self._unsaid, 0
        log.warning(self._event, times=times, total=self.total, **fields)
