"""Stored secrets that no key opens are named at the start; what needs them is held for a person, and all else runs."""

import threading

import structlog
from django.db import DatabaseError, connection

from actions.secrets.encrypted import unopened

log = structlog.get_logger(__name__)


def report() -> None:
    """Look, and say so in the log; a database that is away has its own alarms."""
    try:
        found = unopened()
    except DatabaseError:
        return
    finally:
        connection.close()
    if found:
        log.error("secrets_cannot_be_opened", names=found)


def report_aside() -> None:
    """The same in a thread: nobody's first hook waits for it."""
    threading.Thread(target=report, name="secrets", daemon=True).start()
