"""Two hosts share a database and a storage, and no disk: one screens what the other downloads, and takes over from it."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.deployment import Deployment, wait_until
from tests.buckets import CREDENTIALS, Storage
from tests.databases import create_database
from tests.outbound.site import Request
from tests.stages.test_spool import Files

PLAN = """
from tests.gate import Gate
gate = Gate(None, [])
gate.project()
gate.store({hook!r})
(found,) = gate.plan()
"""
WORK = """
from sendouts.symplify import source
from tests.lanes import {act} as act
source.PIECE = 1_000
act([{batch}])
"""
CONTACTS, STEP = 6_000, 2_000


@pytest.fixture
def storage() -> Iterator[Storage]:
    with closing(Storage()) as made:
        yield made


@pytest.fixture
def files() -> Iterator[Files]:
    made = Files()
    made.rows *= CONTACTS // 300
    with closing(made.site):
        yield made


@pytest.fixture
def hosts(storage: Storage, tmp_path: Path) -> Iterator[tuple[Deployment, Deployment]]:
    """Two hosts, each with a disk of its own."""
    environment = {
        **CREDENTIALS,
        "DATABASE_URL": create_database(os.environ["DATABASE_URL"]),
        "CELERY_BROKER_URL": "",
        "SPOOL_URL": "s3://spool/gateway",
        "AWS_ENDPOINT_URL": storage.url,
        "CLAIM_SECONDS": "3",
        "CHUNK_ROWS": "100",
    }
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        made.append(Deployment(tmp_path / name, environment))
        environment["ENCRYPTION_KEYS"] = made[0].environment["ENCRYPTION_KEYS"]
    yield made[0], made[1]
    for each in made:
        each.stop()


def test_another_host_screens_behind_the_writer_and_takes_over_when_it_is_killed(
    hosts: tuple[Deployment, Deployment], storage: Storage, files: Files
) -> None:
    first, second = hosts
    killed = threading.Event()

    def slowly(request: Request) -> bytes:
        if at := int(request.headers.get("Range", "bytes=0-")[6:-1]):
            return files.rest(request, at)
        whole = files.whole()
        half = len(whole) // 2
        request.wire.sendall(whole[:half])
        # Quick enough not to be given up, and slow enough to be killed meanwhile.
        for start in range(half, len(whole) - STEP, STEP):
            if killed.wait(0.2):
                break
            request.wire.sendall(whole[start : start + STEP])
        return b""

    files.answer = slowly
    second.within("found = 1")
    batch = first.within(PLAN.format(hook=files.hook()))
    work = [threading.Thread(target=_end_with, args=(first, WORK.format(act="download_files", batch=batch)))]
    work[0].start()
    try:
        wait_until(lambda: storage.objects, 60, "the first host stores what has come")
        work.append(threading.Thread(target=second.within, args=(WORK.format(act="advance_batches", batch=batch),)))
        work[1].start()
        wait_until(lambda: second.rows("SELECT 1 FROM sendouts_batch WHERE total > 0"), 60, "the second host screens")
        assert second.rows("SELECT state FROM sendouts_spool") == [("loading",)] and first.kill() > 0
    finally:
        killed.set()
        for each in work:
            each.join(60)

    def goes_on() -> bool:
        second.within(WORK.format(act="download_files", batch=batch))
        return second.rows("SELECT state FROM sendouts_spool") == [("complete",)]

    wait_until(goes_on, 60, "the second host has the whole file")
    second.within(WORK.format(act="advance_batches", batch=batch))
    assert second.rows("SELECT status, total, restarts FROM sendouts_batch") == [("finished", CONTACTS, 0)]
    assert [int(get.get("Range", "bytes=0-")[6:-1]) > 10_000 for get in files.gets] == [False, True]
    assert not storage.objects and not list(first.folder.glob("spool")) + list(second.folder.glob("spool"))


def _end_with(host: Deployment, code: str) -> None:
    """Work on a host until it is killed."""
    with pytest.raises((AssertionError, BrokenPipeError)):
        host.within(code)
