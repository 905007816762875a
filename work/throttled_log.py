"""Counter of refused access attempts; it logs at most one line a minute."""

import threading
import time

import structlog

log = structlog.get_logger(__name__)
EVERY_SECONDS = 60.0


class Knocks:
    """Counts refused attempts. The first is logged at once, later ones as sums: an attacker must not fill the disk."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._unsaid = 0
        self._said = float("-inf")
        self.total = 0

    def count(self) -> None:
        with self._lock:
            self.total += 1
            self._unsaid += 1
            now = time.monotonic()
            if now - self._said < EVERY_SECONDS:
                return
            self._said, times, self._unsaid = now, self._unsaid, 0
        log.warning(self._event, times=times, total=self.total)
