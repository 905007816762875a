"""Hooks that arrive while the database refuses, hangs, and comes back: kept in the journal, loaded once, or refused."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import requests
from django.db import DataError, OperationalError
from django.utils import timezone

from sendouts.intake import store as intake_store
from sendouts.intake.hook import Received
from sendouts.intake.journal import Journal, JournalFile, depth
from sendouts.intake.store import NotStored, Store
from sendouts.models import Webhook
from tests.gate import body_of
from tests.servers import temporary_disk
from tests.serving import HOOK, Serve, post

BUSY = 10.0


class Database:
    """The way into the real table, with a switch: it answers, refuses, or hangs until it is let go."""

    def __init__(self) -> None:
        self.refuses = False
        self.calls: list[int] = []
        self._answers = threading.Event()
        self._answers.set()

    def write(self, hooks: list[Received]) -> list[int]:
        self.calls.append(len(hooks))
        self._answers.wait(60)
        if self.refuses:
            raise OperationalError("the server closed the connection")
        return intake_store.store(hooks)

    def hang(self) -> None:
        self._answers.clear()

    def go_on(self) -> None:
        self._answers.set()


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of a machine that runs tests may take longer than a hook would wait; where the limit is meant, a test says so."""
    monkeypatch.setattr(intake_store, "JOURNAL_SECONDS", BUSY)


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.refuses = False
    database.go_on()


def journaled(database: Database, folder: Path) -> Store:
    return Store(database.write, journal=Journal(folder))


def wait_until(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.01)


def ids(answers: list[requests.Response]) -> set[UUID]:
    return {UUID(answer.json()["id"]) for answer in answers}


def stored() -> set[UUID]:
    return set(Webhook.objects.values_list("uuid", flat=True))


def test_hooks_that_the_database_refuses_are_journaled_acknowledged_and_loaded_when_it_is_back(
    serve: Serve, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_store, "STORE_SECONDS", BUSY)
    store = journaled(database, tmp_path)
    url = serve(store=store)
    database.refuses = True
    before, began = timezone.now(), time.monotonic()
    answers = [post(url) for _ in range(30)]
    after, looks = timezone.now(), 2 + (time.monotonic() - began) / intake_store.LOOK_SECONDS
    assert {answer.status_code for answer in answers} == {202}
    assert len(database.calls) <= looks, "one thread knocks, and not every hook"
    assert not store.database_answers and stored() == set()
    found = depth(tmp_path)
    assert found.hooks == 30 and found.oldest is not None and before <= found.oldest <= after
    database.refuses = False
    wait_until(lambda: depth(tmp_path).hooks == 0, "loaded by itself")
    assert stored() == ids(answers)
    for hook in Webhook.objects.all():
        assert before <= hook.received_at == hook.due_at <= after, "the deadline runs from when it was received"
        assert (body_of(hook), hook.source) == (HOOK, "http")
    wait_until(lambda: store.database_answers, "a look finds it back")
    assert ids([post(url)]) <= stored(), "later hooks go straight into it"
    assert not any(path.stat().st_size for path in tmp_path.iterdir())


def test_a_database_that_hangs_costs_the_first_hooks_some_time_and_the_others_none(
    serve: Serve, database: Database, tmp_path: Path
) -> None:
    store = journaled(database, tmp_path)
    url = serve(store=store)
    database.hang()
    first = post(url)
    calls = len(database.calls)
    with ThreadPoolExecutor(16) as pool:
        answers = [first, *pool.map(lambda _: post(url), range(200))]
    assert {answer.status_code for answer in answers} == {202}
    assert len(database.calls) == calls, "nobody else asked the database that hangs"
    assert store.queued == 0, "nothing piles up before it"
    assert depth(tmp_path).hooks == 201
    database.go_on()
    wait_until(lambda: depth(tmp_path).hooks == 0, "loaded when it goes on")
    # The first one was in the hands of the database and in the journal: it is there once.
    assert stored() == ids(answers) and Webhook.objects.count() == 201


def test_where_neither_takes_the_hook_it_is_refused_and_later_ones_try_again(
    serve: Serve, database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "journal"
    # A file stands where the folder belongs: no journal can be made.
    folder.write_bytes(b"")
    url = serve(store=journaled(database, folder))
    database.refuses = True
    refused = [post(url) for _ in range(3)]
    assert {answer.status_code for answer in refused} == {503}
    assert all(answer.headers["Retry-After"] and answer.json()["error"] for answer in refused)
    folder.unlink()
    taken = post(url)
    assert taken.status_code == 202
    database.refuses = False
    wait_until(lambda: ids([taken]) <= stored(), "loaded")
    assert stored() == ids([taken])


def test_a_full_disk_refuses_hooks_keeps_those_it_has_and_takes_more_when_there_is_room(
    serve: Serve, database: Database, tmp_path: Path
) -> None:
    with temporary_disk(tmp_path, kilobytes=64) as disk:
        store = journaled(database, disk / "journal")
        url = serve(store=store, max_bytes=20_000)
        database.refuses = True
        large = b'{"event": "' + b"x" * 9_000 + b'"}'
        answers = [post(url, large) for _ in range(12)]
        codes = [answer.status_code for answer in answers]
        assert set(codes) == {202, 503} and codes == sorted(codes), "as many as there is room for, then none"
        small = [post(url) for _ in range(3)]
        database.refuses = False
        wait_until(lambda: depth(disk / "journal").hooks == 0, "loaded")
        database.refuses = True
        more = post(url, large)
        assert more.status_code == 202, "there is room again"
        acknowledged = [answer for answer in [*answers, *small, more] if answer.status_code == 202]
        database.refuses = False
        wait_until(lambda: depth(disk / "journal").hooks == 0, "loaded")
        assert stored() == ids(acknowledged)
        store.close()


def test_without_a_journal_nothing_is_acknowledged_and_nothing_piles_up(serve: Serve, database: Database) -> None:
    store = Store(database.write)
    url = serve(store=store)
    database.hang()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: post(url), range(30)))
    assert {answer.status_code for answer in answers} == {503}
    assert store.queued == 0


def test_what_the_database_takes_after_all_while_the_disk_fails_is_acknowledged(
    transactional_db: None, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = journaled(database, tmp_path)
    monkeypatch.setattr(intake_store, "STORE_SECONDS", 0.01)

    def fails(hooks: list[Received]) -> None:
        database.go_on()
        raise OSError(28, "No space left on device")

    assert store._journal is not None
    monkeypatch.setattr(store._journal.journal, "append", fails)
    database.hang()
    asyncio.run(store.keep(Received(HOOK, "", timezone.now())))
    store.close()
    assert Webhook.objects.count() == 1


def test_a_disk_that_hangs_as_well_as_the_database_is_not_waited_for(
    transactional_db: None, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = journaled(database, tmp_path)
    monkeypatch.setattr(intake_store, "JOURNAL_SECONDS", 0.1)
    let_go = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: let_go.wait(20))
    database.hang()

    async def send() -> None:
        for _ in range(3):
            with pytest.raises(NotStored):
                await store.keep(Received(HOOK, "", timezone.now()))

    try:
        asyncio.run(send())
    finally:
        let_go.set()
        database.go_on()
        store.close()
    # Refused, though stored in the end: that loses nobody.
    assert Webhook.objects.count() <= 3


def test_journals_of_processes_that_are_gone_are_loaded_at_the_start_though_no_hook_arrives(
    serve: Serve, database: Database, tmp_path: Path
) -> None:
    earlier = timezone.now() - timedelta(minutes=7)
    left = [Received(HOOK, "application/json", earlier) for _ in range(450)]
    intake_store.store(left[:100])
    # Killed after a part of its file was loaded, before the file was removed.
    dead = JournalFile.create(tmp_path)
    dead.append(left)
    dead.close()
    serve(store=Store(database.write, folder=tmp_path))
    wait_until(lambda: depth(tmp_path).hooks == 0, "adopted and loaded, also without JOURNAL")
    assert stored() == {hook.uuid for hook in left}
    assert set(Webhook.objects.values_list("received_at", flat=True)) == {earlier}


def test_damaged_and_refused_hooks_keep_no_other_out_and_their_file_is_kept_for_a_person(
    serve: Serve, database: Database, tmp_path: Path
) -> None:
    left = [Received(HOOK, "", timezone.now()) for _ in range(9)]
    poison = left[2].uuid

    def write(hooks: list[Received]) -> list[int]:
        if poison in {hook.uuid for hook in hooks}:
            raise DataError("a value that the column does not take")
        return database.write(hooks)

    dead = JournalFile.create(tmp_path)
    dead.append(left)
    broken = bytearray(dead.path.read_bytes())
    # In the middle of the fifth record.
    broken[len(broken) // 2] ^= 1
    dead.path.write_bytes(broken)
    dead.close()
    serve(store=Store(write, folder=tmp_path))
    wait_until(lambda: depth(tmp_path).damaged == 1, "set aside")
    assert stored() == {hook.uuid for hook in left} - {poison, left[4].uuid}
    [kept] = tmp_path.iterdir()
    assert kept.read_bytes() == broken


def test_what_still_waits_at_the_end_goes_to_the_journal_and_is_found_at_the_next_start(
    serve: Serve, database: Database, tmp_path: Path
) -> None:
    store = journaled(database, tmp_path)
    database.hang()
    hooks = [Received(HOOK, "", timezone.now()) for _ in range(5)]

    async def send() -> list[bool]:
        promises = [store.put(hooks[0])]
        while not database.calls:
            await asyncio.sleep(0.001)
        # One is in the hands of the database, four wait behind it, and the process is told to end.
        promises += [store.put(hook) for hook in hooks[1:]]
        await asyncio.to_thread(store.close, 0.1)
        return await asyncio.gather(*promises)

    assert asyncio.run(send()) == [True] * 5
    assert depth(tmp_path).hooks == 5
    database.go_on()
    serve(store=Store(database.write, folder=tmp_path))
    wait_until(lambda: depth(tmp_path).hooks == 0, "loaded at the next start")
    assert stored() == {hook.uuid for hook in hooks}


def test_a_dead_connection_after_a_restart_of_the_database_is_replaced_and_the_hook_stored(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def write(hooks: list[Received]) -> list[int]:
        calls.append(len(hooks))
        if len(calls) == 2:
            raise OperationalError("server closed the connection unexpectedly")
        return intake_store.store(hooks)

    store = Store(write)

    async def send() -> None:
        for _ in range(2):
            await store.keep(Received(HOOK, "", timezone.now()))

    asyncio.run(send())
    store.close()
    assert calls == [1, 1, 1]
    assert Webhook.objects.count() == 2
