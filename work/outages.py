"""Errors of the surroundings: of the database server, its disk, or the way to it. The same work succeeds later."""

import errno
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection
from django.db.models.functions import Now

from work import pulses
from work.models import Pulse

# SQLSTATE classes: connection, rollback, resources, object in use, intervention of an operator, system. And read-only.
_STATES = ("08", "40", "53", "55", "57", "58", "25006")
_CONFLICTS = ("40", "55", "57014")
# SQLite: busy, locked, out of memory, read-only, interrupted, disk error, full, cannot open, locking protocol.
_CODES = frozenset({5, 6, 7, 8, 9, 10, 13, 14, 15})
_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS})
# Drivers raise these without a code if the connection is lost.
_NAMES = frozenset({"OperationalError", "InterfaceError"})
_SENTENCES = {
    "25006": "The database is read-only: it answers, and stores nothing.",
    "53100": "The disk of the database is full.",
    "53300": "The database has no connection left.",
    "57P03": "The database is starting or stopping.",
}
# A second whole restart within this time may be the work of a row.
RESTART_PAUSE = timedelta(minutes=10)
_seen = threading.Event()


def is_outage(error: BaseException) -> bool:
    """Return whether an error comes from the surroundings, and not from the row at work."""
    return any(_is_outage(each) for each in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that caused it; a driver's error is the cause of Django's."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_outage(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _ERRNOS
    # Django's errors have no code; their cause has.
    cause = error if hasattr(error, "sqlstate") or hasattr(error, "sqlite_errorcode") else error.__cause__
    state: str | None = getattr(cause, "sqlstate", None)
    if state:
        return state.startswith(_STATES)
    code: int | None = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _CODES
    return any(kind.__name__ in _NAMES for kind in type(error).__mro__)


def describe(error: BaseException) -> str:
    """Return the sentence about an outage of the database, for operators."""
    states = {getattr(each, "sqlstate", None) for each in _chain(error)}
    return next((text for state, text in _SENTENCES.items() if state in states), "The database does not answer.")


def reconnect() -> None:
    """Let the next query open another connection, since this one may be broken or read-only."""
    if not connection.in_atomic_block:
        connection.close()


def saw(error: BaseException) -> None:
    """Remember that the surroundings failed, until `tell` can write it. A conflict of two transactions is no outage."""
    if not any((getattr(each, "sqlstate", None) or "").startswith(_CONFLICTS) for each in _chain(error)):
        _seen.set()


def tell() -> None:
    """Write that the surroundings failed until now, if this process saw it. Cheap if it did not."""
    if _seen.is_set():
        pulses.write(pulses.OUTAGE)
        _seen.clear()


def last() -> datetime | None:
    """Return when the surroundings failed last, on the database's clock."""
    return Pulse.objects.filter(pk=pulses.OUTAGE).values_list("at", flat=True).first()


def tell_start() -> bool:
    """Write that the gateway was interrupted: workers that ended before its start prove nothing about their rows.

    A row that ends all processes again and again must still be found, so a start soon after another is not written.
    Return whether it was written.
    """
    if Pulse.objects.filter(pk=pulses.OUTAGE, at__gt=Now() - RESTART_PAUSE).exists():
        return False
    pulses.write(pulses.OUTAGE)
    return True
