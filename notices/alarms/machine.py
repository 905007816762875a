"""Checks that need this machine: free disk space, and the response time of the database from here."""

import shutil
import time
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import connection

from notices.alarms.findings import Finding
from notices.models import Code
from work import pulses

# A gigabyte holds some hours of hooks in the journal; on a small disk require a twentieth.
FREE_BYTES, FREE_SHARE = 1_000_000_000, 0.05
# The INSERT of a hook has 400 ms in all.
SLOW_SECONDS = 0.2
PINGS = 3


def disk_full(now: datetime) -> Iterator[Finding]:
    if not settings.DATA_DIR.exists():
        return
    disk = shutil.disk_usage(settings.DATA_DIR)
    if disk.free < min(FREE_BYTES, FREE_SHARE * disk.total):
        yield Finding(Code.DISK_FULL, pulses.machine(), {"megabytes": disk.free // 1_000_000})


def database_slow(now: datetime) -> Iterator[Finding]:
    """Report the fastest of a few trivial queries: one slow answer is chance, several are not."""
    quickest = min(_ping() for _ in range(PINGS))
    if quickest > SLOW_SECONDS:
        yield Finding(Code.DATABASE_SLOW, pulses.machine(), {"milliseconds": round(quickest * 1000)})


def _ping() -> float:
    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return time.monotonic() - started
