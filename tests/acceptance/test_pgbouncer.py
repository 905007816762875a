"""Behind PgBouncer in transaction mode, each transaction may run in another session: everything works."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.deployment import deployment, wait_until
from tests.databases import create_database
from tests.servers import free_port, temporary_folder, wait_for_port

BINARY = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
pytestmark = pytest.mark.skipif(not Path(BINARY).exists(), reason="PgBouncer is not installed")


@pytest.fixture
def bouncer() -> Iterator[str]:
    """A PgBouncer with two sessions for all transactions; yields the URL of a database behind it."""
    with temporary_folder("bouncer") as folder:
        yield from _bouncer(folder)


def _bouncer(folder: Path) -> Iterator[str]:
    url = urlsplit(create_database(os.environ["DATABASE_URL"]))
    port = free_port()
    users, config, log = folder / "users.txt", folder / "pgbouncer.ini", folder / "log"
    users.write_text(f'"{url.username}" ""\n')
    config.write_text(
        f"[databases]\n* = host={url.hostname} port={url.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\npool_mode = transaction\n"
        "default_pool_size = 2\nmax_client_conn = 200\n"
    )
    command = [BINARY, str(config)]
    if getpass.getuser() == "root":
        # PgBouncer refuses to run as root.
        for path in (users, config):
            path.chmod(0o644)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            wait_for_port(port, process, log)
            yield f"postgres://{url.username}@127.0.0.1:{port}{url.path}"
        finally:
            process.terminate()


def test_everything_works_behind_pgbouncer_in_transaction_mode(bouncer: str, tmp_path: Path) -> None:
    with deployment(tmp_path / "gateway", "processes", DATABASE_URL=bouncer, CHUNK_ROWS="100") as (gateway, platform):
        names = {"project": "Newsletter", "journey": "Welcome", "actions": ["consent-check"]}
        file = platform.create("batch", contacts=3_000, sendout="File", **names)
        singles = platform.create("single", hooks=60, sendout="Singles", **names)
        for sent in (file, singles):
            seen = platform.wait_finished(sent["id"], within=60)
            assert (seen["violations"], seen["released_due"]) == ([], 0)
        wait_until(
            lambda: gateway.rows("SELECT count(*) FROM sendouts_batch WHERE status <> 'finished'") == [(0,)],
            20,
            "everything is finished",
            gateway.tail,
        )
        log = gateway.log.read_text()
        assert "Traceback" not in log and "_failed" not in log, gateway.tail()
