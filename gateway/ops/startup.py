"""Report at the start the stored secrets that no key decrypts; only work that needs them waits for a person."""

import threading

import structlog
from django.db import DatabaseError, connection

from actions.secrets.encrypted import unopened

log = structlog.get_logger(__name__)


def report() -> None:
    """Check the stored secrets and log the result; a database outage has its own alarms."""
    try:
        found = unopened()
    except DatabaseError:
        return
    finally:
        connection.close()
    if found:
        log.error("secrets_cannot_be_opened", names=found)


def report_aside() -> None:
    """Run the report in a thread, so that it delays no hook."""
    threading.Thread(target=report, name="secrets", daemon=True).start()
