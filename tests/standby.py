"""A PostgreSQL server with a standby that follows it, takes its place at the same address, and is promoted later."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.acceptance.deployment import wait_until
from tests.servers import Server, free_port, postgresql_server

PROMOTED_SECONDS = 30.0


class ReplicatedServer(Server):
    """The primary, of which every COMMIT waits for the standby.

    After fail_over() the standby answers under the primary's address and reads only; after promote() it writes.
    """

    def __init__(self, primary: Server, standby: Path) -> None:
        super().__init__(primary.url, primary.command, primary.log, primary.environment, primary.answers)
        self._primary: Server | None = primary
        self._folder = standby
        self._following = self._standby(free_port())
        self._following.start()
        with psycopg.connect(self.url, autocommit=True) as connection:
            # Not in the copy: the standby would wait for a standby of its own.
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            wait_until(lambda: _is_followed(connection), PROMOTED_SECONDS, "the standby follows")

    def _standby(self, port: int, *more: str) -> Server:
        """Return the standby as a server on this port; a later setting replaces an earlier one."""
        command = list(self.command)
        command[command.index("-D") + 1] = str(self._folder)
        options = [part for setting in (f"port={port}", *more) for part in ("-c", setting)]
        url = f"postgres://gateway@127.0.0.1:{port}/postgres"
        return Server(url, [*command, *options], self.log, self.environment, self.answers)

    def fail_over(self) -> None:
        """End the primary at once, and have the standby answer in its place."""
        assert self._primary is not None
        self._primary.stop(signal.SIGQUIT)
        self._primary = None
        self._following.stop(signal.SIGINT)
        self._following = self._standby(psycopg.conninfo.conninfo_to_dict(self.url)["port"], "primary_conninfo=")
        self._following.start()

    def promote(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def end(self) -> None:
        """Stop both, as far as they run."""
        for server in filter(None, (self._primary, self._following)):
            server.stop(signal.SIGINT)


def _is_followed(connection: "psycopg.Connection[tuple[str]]") -> bool:
    return connection.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'").fetchone() is not None


@contextmanager
def replicated_server(folder: Path) -> Iterator[ReplicatedServer]:
    """Both servers in `folder`."""
    with postgresql_server(folder) as primary:
        standby = folder / "standby"
        at = primary.command.index("-D") - 1
        binary = Path(primary.command[at]).with_name("pg_basebackup")
        options = ["-D", str(standby), "-d", primary.url, "--checkpoint=fast", "--write-recovery-conf", "--no-sync"]
        subprocess.run([*primary.command[:at], str(binary), *options], check=True, env=primary.environment)
        made = ReplicatedServer(primary, standby)
        try:
            yield made
        finally:
            made.end()
            shutil.rmtree(standby, ignore_errors=True)
