"""Django's `migrate`, which waits for the database and refuses one that another version made."""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connection

from gateway.ops import schema

# Wait up to this long for a database that is starting or restarting.
DATABASE_SECONDS = 60.0
PAUSE = 0.5
# The code of the process if no migration may ever run on this database.
REFUSED = 3
# The code with --check if there is something to migrate; 1 means that this version does not start.
PENDING = 4


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        self._wait_for_database()
        if why := schema.refusal():
            raise CommandError(why, returncode=REFUSED)
        try:
            super().handle(*args, **options)
        except SystemExit as ended:
            raise SystemExit(PENDING if ended.code and options["check_unapplied"] else ended.code) from None

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
