"""Django's PostgreSQL backend; after a failover it drops sessions that the server keeps read-only."""

import time
from contextlib import suppress
from typing import Any

import psycopg
from django.db.backends.postgresql import base as django_postgresql

# While the server itself is read-only, renew the sessions no more often than this.
RENEW_SECONDS = 1.0
# Django's own hooks around a connection, which its stubs do not describe.
_Base: Any = django_postgresql.DatabaseWrapper


class RenewedSessions(_Base):
    """Takes a read-only session from the pool only if a new session is read-only too."""

    _renewed = float("-inf")

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        session = super().get_new_connection(conn_params)
        if not self.pool or not _is_read_only(session) or time.monotonic() - self._renewed < RENEW_SECONDS:
            return session
        RenewedSessions._renewed = time.monotonic()
        # The other sessions are of the same age: the pool closes all of them, this one when it is returned.
        self.pool.drain()
        self.pool.putconn(session)
        return super().get_new_connection(conn_params)


# The name by which Django finds a backend.
DatabaseWrapper = RenewedSessions


def _is_read_only(session: Any) -> bool:
    """Return whether this session refuses to write: its server is a standby, or was one when the session began."""
    found = False
    with suppress(psycopg.Error):
        row = session.execute("SHOW transaction_read_only").fetchone()
        found = bool(row and row[0] == "on")
    with suppress(psycopg.Error):
        # Django sets autocommit next, which a transaction that is open refuses.
        session.rollback()
    return found
