"""What the gateway stands on fails again and again, and recovers: no batch asks for a person while there is time."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from tests.acceptance.deployment import Deployment, deployment, wait_until
from tests.servers import fill, postgresql_server, temporary_disk, temporary_folder

NAMES = {"project": "Newsletter", "journey": "Welcome", "actions": ["consent-check"]}
CUTS = 12
CUT = b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
MEGABYTES = {"processes": 200, "embedded": 12}


def in_need(gateway: Deployment) -> list[tuple[str, int]]:
    return gateway.rows("SELECT attention, deaths FROM sendouts_batch WHERE attention <> '' OR deaths > 0")


def test_a_batch_whose_connections_are_cut_again_and_again_asks_for_nobody(tmp_path: Path) -> None:
    with deployment(tmp_path / "gateway", "processes", CHUNK_ROWS="50") as (gateway, platform):
        platform.faults(latency=0.02, repeat_status=410)
        file = platform.create("batch", contacts=4_000, sendout="File", **NAMES)
        pause = threading.Event()
        for _ in range(CUTS):
            with psycopg.connect(gateway.environment["DATABASE_URL"], autocommit=True) as connection:
                connection.execute(CUT)
            pause.wait(0.5)
        seen = platform.wait_finished(file["id"], within=60)
        assert (seen["released_due"], seen["wrongly_rejected"]) == (0, 0)
        assert in_need(gateway) == []


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Fill the disk to its last byte, and make room again at the end."""
    filler = fill(disk)
    try:
        yield
    finally:
        filler.unlink()


def test_a_disk_that_was_full_and_has_room_again_asks_for_nobody(tmp_path: Path, mode: str) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(
            temporary_disk(stack.enter_context(temporary_folder("disk")), kilobytes=1_000 * MEGABYTES[mode])
        )
        url = f"sqlite:///{disk}/gateway.sqlite3"
        if mode == "processes":
            url = stack.enter_context(postgresql_server(disk)).url
        settings = {"DATABASE_URL": url, "CHUNK_ROWS": "50", "JOURNAL": "1"}
        gateway, platform = stack.enter_context(deployment(tmp_path / "gateway", mode, **settings))
        platform.faults(latency=0.02, repeat_status=410)
        file = platform.create("batch", contacts=20_000, sendout="File", **NAMES)
        wait_until(lambda: gateway.rows("SELECT 1 FROM sendouts_chunk"), 20, "screening has begun", gateway.tail)
        with full(disk):
            singles = platform.create("single", hooks=20, sendout="Singles", wait=False, **NAMES)
            wait_until(
                lambda: "disk is full" in gateway.tail() or "53100" in gateway.tail(), 30, "it is full", gateway.tail
            )
        for sent in (file, singles):
            seen = platform.wait_for(sent["id"], lambda now: now["finished"] == now["acknowledged"], within=60)
            assert (seen["released_due"], seen["wrongly_rejected"]) == (0, 0)
        assert in_need(gateway) == []
        after = platform.create("single", hooks=5, sendout="After", **NAMES)
        assert platform.wait_finished(after["id"], within=30)["acknowledged"] == 5
