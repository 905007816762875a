"""`manage.py migrate` beside the doors, which do not wait for it."""

import os
import subprocess
import sys
import time
from contextlib import suppress

import structlog
from django.conf import settings
from django.core.management.base import CommandError

from gateway.management.commands.migrate import REFUSED

__all__ = ["CHECK", "COMMAND", "REFUSED", "Migration", "start"]
log = structlog.get_logger(__name__)
RETRY_SECONDS = 15.0
END_SECONDS = 10.0
NICE = 5
_MIGRATE = (sys.executable, "manage.py", "migrate", "--noinput", "-v0")
# What starts it has run Django's checks.
COMMAND = (*_MIGRATE, "--skip-checks")
# Ends with 0 if there is nothing to migrate. It may be another version, whose checks nobody has run.
CHECK = (*_MIGRATE, "--check")


class Migration:
    """Runs the migrations in a process of their own, again and again until they succeed. Never waits."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._next = float("-inf")
        self._done = False

    def look(self) -> bool:
        """Begin, or look how far it is; return whether it has succeeded. Raises CommandError if it never can."""
        if self._done:
            return True
        if self._process is None:
            if time.monotonic() >= self._next:
                self._process = start(*COMMAND)
            return False
        code = self._process.poll()
        if code is None:
            return False
        self._process = None
        self._done = code == 0
        if code == REFUSED:
            why = "This version cannot work on this database. The line above says why."
            raise CommandError(why, returncode=REFUSED)
        if code:
            self._next = time.monotonic() + RETRY_SECONDS
            log.error("migration_failed", code=code, again_in_seconds=RETRY_SECONDS)
        return self._done

    def end(self) -> None:
        """End a migration that runs; the database undoes what it has begun."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
            self._process = None


def start(*command: str) -> subprocess.Popen[bytes]:
    """Start a command of the program that is on the disk, after the doors in priority."""
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, start_new_session=True)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    return process
