"""Run the whole gateway in the foreground, in one process or in several, as the environment says."""

import time
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from gateway.checks import DOOR_HINT, DOOR_TEXT, has_door
from gateway.run.embedded import lock_data_dir, serve
from gateway.run.processes import Supervisor, commands

# Wait up to this long for a database that is starting or restarting.
DATABASE_SECONDS = 60.0
PAUSE = 0.5


class Command(BaseCommand):
    help = "Run door, screens, workers, sweep and beat; SIGTERM or Ctrl+C ends all of it, SIGHUP replaces it."

    def handle(self, *args: Any, **options: Any) -> None:
        if not has_door() and not settings.DEBUG:
            raise CommandError(f"{DOOR_TEXT} {DOOR_HINT}")
        with lock_data_dir() if settings.EMBEDDED else nullcontext():
            self._run()

    def _run(self) -> None:
        self._wait_for_database()
        call_command("migrate", verbosity=0, interactive=False)
        where = "one process" if settings.EMBEDDED else "several processes"
        database = "SQLite" if settings.USES_SQLITE else "PostgreSQL"
        self.stdout.write(f"The gateway runs in {where} on {database}: {settings.BASE_URL}/admin/", ending="\n")
        self.stdout.flush()
        if settings.EMBEDDED:
            serve()
        else:
            Supervisor(commands()).run()

    def _wait_for_database(self) -> None:
        until = time.monotonic() + DATABASE_SECONDS
        told = False
        while True:
            try:
                connection.ensure_connection()
                return
            except OperationalError as error:
                if time.monotonic() > until:
                    raise CommandError(f"The database did not answer within {DATABASE_SECONDS:g} s.") from error
            if not told:
                self.stderr.write(f"The database does not answer; it is waited for, {DATABASE_SECONDS:g} s at most.")
                told = True
            time.sleep(PAUSE)
