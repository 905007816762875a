"""One virtual clock and one random source for everything that a schedule runs.

`install` comes before Django and the product are imported: default arguments keep the functions that they find.
"""

import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

real_monotonic = time.monotonic
_real_time, _real_sleep, _real_urandom = time.time, time.sleep, os.urandom
# 2026-03-02 09:00 UTC, a Monday in working hours.
EPOCH = 1_772_442_000.0


class Clock:
    """Virtual seconds since the start of a schedule.

    `offset` is how far the clock of the process that runs now is ahead; `database` the same for the database's clock.
    """

    def __init__(self) -> None:
        self.running = False
        self.draw = random.Random(0)
        self.sleep: Callable[[float], None] = _real_sleep
        self.reset()

    def reset(self) -> None:
        self.now = 0.0
        self.offset = 0.0
        self.database = 0.0

    def wall(self) -> float:
        return EPOCH + self.now + self.offset

    def moment(self) -> datetime:
        """Return the time on the clock of the process that runs now."""
        return datetime.fromtimestamp(EPOCH + self.now + self.offset, UTC)

    def database_moment(self) -> datetime:
        """Return the time on the database's clock."""
        return datetime.fromtimestamp(EPOCH + self.now + self.database, UTC)


clock = Clock()


def install() -> None:
    """Have the clocks and the random bytes of this interpreter come from `clock` while a schedule runs."""
    time.monotonic = lambda: clock.now if clock.running else real_monotonic()
    time.time = lambda: clock.wall() if clock.running else _real_time()
    time.sleep = lambda seconds: clock.sleep(seconds) if clock.running else _real_sleep(seconds)
    os.urandom = lambda size: clock.draw.randbytes(size) if clock.running else _real_urandom(size)
    # The module `secrets` draws through it.
    random._urandom = os.urandom  # type: ignore[attr-defined]
    from django.utils import timezone

    real_now = timezone.now
    timezone.now = lambda: clock.moment() if clock.running else real_now()


def install_in_product() -> None:
    """Have the database's clock, and modules that ask `datetime` itself, follow. After Django's set-up."""
    from django.db.models.functions import Now

    from sendouts.intake import door
    from work import claims

    def as_sqlite(self: Any, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template="virtual_now()", **more)

    Now.as_sqlite = as_sqlite
    # On PostgreSQL this asks the server; on SQLite both clocks are one, but not here.
    claims.database_now = clock.database_moment
    door.datetime = _Datetime()  # type: ignore[assignment]


def sqlite_now() -> str:
    """Return the database's time in the form of SQLite's own strftime."""
    return clock.database_moment().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


class _Datetime:
    """Stands for `datetime` where only the current time is asked for."""

    now: Callable[..., datetime] = staticmethod(lambda zone=None: clock.moment())  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(datetime, name)
