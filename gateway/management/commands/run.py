"""Run the whole gateway in the foreground, in one process or in several, as the environment says."""

import os
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gateway.checks import DOOR_HINT, DOOR_TEXT, has_door
from gateway.run.embedded import lock_data_dir, serve
from gateway.run.processes import HANDED_ON, Supervisor, commands


class Command(BaseCommand):
    help = "Run door, screens, workers, sweep and beat; SIGTERM or Ctrl+C ends all of it, SIGHUP replaces it."

    def handle(self, *args: Any, **options: Any) -> None:
        if not has_door() and not settings.DEBUG:
            raise CommandError(f"{DOOR_TEXT} {DOOR_HINT}")
        if settings.EMBEDDED and HANDED_ON in os.environ:
            # Its children end with it.
            raise CommandError("Until now the gateway ran here in several processes. Start it anew.")
        with lock_data_dir() if settings.EMBEDDED else nullcontext():
            self._run()

    def _run(self) -> None:
        where = "one process" if settings.EMBEDDED else "several processes"
        database = "SQLite" if settings.USES_SQLITE else "PostgreSQL"
        self.stdout.write(f"The gateway runs in {where} on {database}: {settings.BASE_URL}/admin/", ending="\n")
        self.stdout.flush()
        if settings.EMBEDDED:
            serve()
        else:
            Supervisor(commands()).run()
