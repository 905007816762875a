"""Doors are killed, replaced and started again while hooks are on their way: each hook is answered."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from gateway.run.keeper import PIECE_BYTES
from gateway.run.web import MOST_KEPT_BYTES
from sendouts.intake import closures
from tests.databases import copy_file
from tests.servers import TEST_AUTH, common_environment, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = b64encode(TEST_AUTH.encode()).decode()
KEEPER = "run/keeper.py"


class Doors:
    """`manage.py serve --door`, its doors and its keeper."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.database = copy_file(folder / "gateway.sqlite3")
        given = {"DATABASE_URL": self.database, "PORT": str(self.port)}
        self.environment = {**os.environ, **common_environment(folder), **given, "DOORS_UNDER_TEST": str(folder)}
        self.log = folder / "doors.log"
        self._started: list[subprocess.Popen[bytes]] = []
        self.senders: list[Sender] = []

    def start(self) -> psutil.Process:
        """Start a master, and wait until two doors of its own serve."""
        with self.log.open("ab") as out:
            command = [sys.executable, "manage.py", "serve", "--door"]
            started = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=out, stderr=out)
        self._started.append(started)
        master = psutil.Process(started.pid)
        self.wait_for_doors(master)
        return master

    def wait_for_doors(self, master: psutil.Process) -> None:
        wait_until(lambda: len(self.doors(master)) == 2 and self.doors() == self.doors(master), self.log)

    def doors(self, master: psutil.Process | None = None) -> set[int]:
        """The processes that have accepted from the socket: all, or those of this master."""
        return {
            each.pid
            for each in self.processes("manage.py serve")
            if any(wire.status == psutil.CONN_LISTEN for wire in connections(each))
            and (each.ppid() == master.pid if master else self.is_door(each))
        }

    def is_door(self, process: psutil.Process) -> bool:
        return process.num_threads() > 1

    def processes(self, part: str) -> list[psutil.Process]:
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                mine = each.environ().get("DOORS_UNDER_TEST") == self.environment["DOORS_UNDER_TEST"]
                if mine and part in " ".join(each.cmdline()) and each.status() != psutil.STATUS_ZOMBIE:
                    found.append(each)
        return found

    def stored(self) -> int:
        return self.ask("SELECT count(*) FROM sendouts_webhook")

    def ask(self, query: str) -> int:
        with closing(sqlite3.connect(self.database.removeprefix("sqlite:///"))) as connection:
            return int(connection.execute(query).fetchone()[0])

    def end(self) -> None:
        for each in self.processes("manage.py serve") + self.processes(KEEPER):
            with suppress(psutil.Error):
                each.kill()
        for started in self._started:
            started.wait(10)


class Sender:
    """One connection of the platform, on which a hook can be sent piece by piece."""

    def __init__(self, doors: Doors) -> None:
        self.wire = socket.create_connection(("127.0.0.1", doors.port), timeout=10)
        self._near = self.wire.getsockname()
        self._doors = doors
        doors.senders.append(self)

    def send(self, size: int) -> bytes:
        """Send the first half of a hook of so many bytes; returns the other half."""
        body = b'{"event": "' + b"x" * (size - 13) + b'"}'
        head = f"POST /webhooks/symplify/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {KEY}\r\nContent-Length: {size}\r\n\r\n"
        whole = head.encode() + body
        half = len(whole) // 2
        self.wire.sendall(whole[:half])
        return whole[half:]

    def door(self) -> psutil.Process:
        """The door that has this connection, once it has read what was sent."""

        def found() -> list[psutil.Process]:
            wires = [(each, wire) for each in self._doors.processes("manage.py serve") for wire in connections(each)]
            return [each for each, wire in wires if wire.raddr == self._near]

        return wait_until(found, self._doors.log)[0]  # type: ignore[no-any-return]

    def answer(self, rest: bytes) -> str:
        """Send the rest; returns the status line."""
        self.wire.sendall(rest)
        with HTTPResponse(self.wire) as answer:
            answer.begin()
            answer.read()
            return f"{answer.status} {answer.reason}"

    def hang_up(self) -> None:
        self.wire.close()


def connections(process: psutil.Process) -> list[Any]:
    try:
        return list(process.net_connections("tcp"))
    except psutil.Error:
        return []


def wait_until(condition: Callable[[], Any], log: Path, within: float = 60) -> Any:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(log.read_text()[-3_000:])


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    made = Doors(tmp_path_factory.mktemp("doors"))
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def master(doors: Doors) -> Iterator[psutil.Process]:
    """The master of the doors, which an earlier test may have killed."""
    living = [each for each in doors.processes("manage.py serve") if not doors.is_door(each)]
    if living:
        doors.wait_for_doors(living[0])
    yield living[0] if living else doors.start()
    while doors.senders:
        doors.senders.pop().hang_up()


@pytest.mark.parametrize("size", [2_000, 5 * PIECE_BYTES])
def test_a_hook_that_a_killed_door_had_read_is_answered_by_another(
    doors: Doors, master: psutil.Process, size: int
) -> None:
    before = doors.stored()
    sender = Sender(doors)
    rest = sender.send(size)
    first = sender.door()
    first.kill()
    assert sender.answer(rest) == "202 Accepted"
    assert doors.stored() == before + 1
    doors.wait_for_doors(master)
    assert first.pid not in doors.doors()


def test_hooks_that_were_answered_together_are_not_repeated_when_their_doors_are_killed(
    doors: Doors, master: psutil.Process
) -> None:
    before = doors.stored()
    senders = [Sender(doors) for _ in range(40)]
    assert {sender.answer(sender.send(100)) for sender in senders} == {"202 Accepted"}
    frozen = [psutil.Process(pid) for pid in doors.doors()]
    for each in frozen:
        each.suspend()
    for sender in senders:
        sender.wire.sendall(sender.send(500))
    for each in frozen:
        each.resume()
    assert {sender.answer(b"") for sender in senders} == {"202 Accepted"}
    # A door that answers once more has told the keeper of its answers before.
    assert {requests.get(url(doors), timeout=10).status_code for _ in range(30)} == {200}
    for each in frozen:
        each.kill()
    doors.wait_for_doors(master)
    assert {sender.answer(sender.send(100)) for sender in senders} == {"202 Accepted"}
    assert doors.stored() == before + 120


def test_an_open_connection_outlives_the_door_that_is_replaced(doors: Doors, master: psutil.Process) -> None:
    sender = Sender(doors)
    assert sender.answer(sender.send(100)) == "202 Accepted"
    old = sender.door()
    old.terminate()
    wait_until(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE, doors.log)
    assert sender.answer(sender.send(100)) == "202 Accepted"


def test_an_open_connection_outlives_its_door_though_the_keeper_was_killed_a_moment_before(
    doors: Doors, master: psutil.Process
) -> None:
    sender = Sender(doors)
    assert sender.answer(sender.send(100)) == "202 Accepted"
    old = sender.door()
    [keeper] = doors.processes(KEEPER)
    keeper.kill()
    old.terminate()
    wait_until(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE, doors.log)
    assert sender.answer(sender.send(100)) == "202 Accepted"
    doors.wait_for_doors(master)


def test_a_hook_too_long_to_be_kept_ends_with_its_door_and_nothing_else_does(
    doors: Doors, master: psutil.Process
) -> None:
    other, sender = Sender(doors), Sender(doors)
    rest = sender.send(3 * MOST_KEPT_BYTES)
    sender.door().kill()
    with pytest.raises((OSError, HTTPException)):
        sender.answer(rest)
    assert other.answer(other.send(100)) == "202 Accepted"


def test_a_killed_keeper_is_replaced_and_told_what_the_doors_hold(doors: Doors, master: psutil.Process) -> None:
    [keeper] = doors.processes(KEEPER)
    idle = Sender(doors)
    assert idle.answer(idle.send(100)) == "202 Accepted"
    keeper.kill()
    assert requests.post(url(doors), json={"event": "x"}, auth=auth(), timeout=10).status_code == 202
    wait_until(lambda: [each.pid for each in doors.processes(KEEPER)] not in ([], [keeper.pid]), doors.log)
    doors.wait_for_doors(master)
    # The new one is of use as soon as the doors have found it.
    time_out = time.monotonic() + 30
    while True:
        sender = Sender(doors)
        rest = sender.send(500)
        sender.door().kill()
        with suppress(OSError, HTTPException):
            if sender.answer(rest) == "202 Accepted":
                break
        doors.wait_for_doors(master)
        assert time.monotonic() < time_out
    assert idle.answer(idle.send(100)) == "202 Accepted"


def test_doors_outlive_their_killed_master_until_the_next_one_has_its_own(doors: Doors, master: psutil.Process) -> None:
    old = doors.doors()
    sender = Sender(doors)
    rest = sender.send(500)
    master.kill()
    assert requests.post(url(doors), json={"event": "x"}, auth=auth(), timeout=10).status_code == 202
    sender.door().kill()
    assert sender.answer(rest) == "202 Accepted"
    idle = Sender(doors)
    assert idle.answer(idle.send(100)) == "202 Accepted"
    doors.start()
    assert old.isdisjoint(doors.doors())
    assert idle.answer(idle.send(100)) == "202 Accepted"


def test_the_next_master_takes_over_though_the_keeper_was_killed_too(doors: Doors, master: psutil.Process) -> None:
    old = doors.doors()
    idle = Sender(doors)
    assert idle.answer(idle.send(100)) == "202 Accepted"
    [keeper] = doors.processes(KEEPER)
    master.kill()
    keeper.kill()
    doors.start()
    assert old.isdisjoint(doors.doors())
    assert idle.answer(idle.send(100)) == "202 Accepted"


def test_doors_that_the_keeper_learns_of_late_are_replaced(doors: Doors, master: psutil.Process) -> None:
    old = doors.doors()
    frozen = [psutil.Process(pid) for pid in old]
    for each in frozen:
        each.suspend()
    [keeper] = doors.processes(KEEPER)
    keeper.kill()
    master.send_signal(signal.SIGHUP)
    wait_until(lambda: len(doors.doors(master) - old) == 2, doors.log)
    for each in frozen:
        each.resume()
    doors.wait_for_doors(master)
    assert old.isdisjoint(doors.doors())


def test_sighup_replaces_the_doors_and_refuses_nobody(doors: Doors, master: psutil.Process) -> None:
    old = doors.doors()
    master.send_signal(signal.SIGHUP)
    codes = []

    def replaced() -> bool:
        codes.append(requests.post(url(doors), json={"event": "x"}, auth=auth(), timeout=10).status_code)
        return old.isdisjoint(doors.doors()) and len(doors.doors()) == 2

    wait_until(replaced, doors.log)
    assert set(codes) == {202}


def test_a_hook_whose_sender_has_hung_up_is_stored_all_the_same(doors: Doors, master: psutil.Process) -> None:
    before = doors.stored()
    frozen = [psutil.Process(pid) for pid in doors.doors()]
    for each in frozen:
        each.suspend()
    sender = Sender(doors)
    rest = sender.send(500)
    sender.wire.sendall(rest)
    sender.hang_up()
    for each in frozen:
        each.resume()
    wait_until(lambda: doors.stored() == before + 1, doors.log)


def test_sigterm_ends_the_doors_and_their_keeper(doors: Doors, master: psutil.Process) -> None:
    master.terminate()
    wait_until(lambda: not doors.processes("manage.py serve") and not doors.processes(KEEPER), doors.log)
    with pytest.raises(requests.ConnectionError):
        requests.post(url(doors), json={"event": "x"}, auth=auth(), timeout=10)


def test_a_full_stop_is_told_at_the_next_start(doors: Doors, master: psutil.Process) -> None:
    master.terminate()
    wait_until(lambda: not doors.processes("manage.py serve"), doors.log)
    folder = Path(doors.environment["DATA_DIR"])
    assert not (folder / closures.NOTE).exists()
    an_hour_ago = time.time() - 3_600
    os.utime(folder / closures.TRACE, (an_hour_ago, an_hour_ago))
    doors.start()
    begun = datetime.fromtimestamp(an_hour_ago, UTC).isoformat(timespec="minutes")[:16]
    told = f"SELECT count(*) FROM sendouts_pulse WHERE name LIKE 'closed@%' AND data LIKE '%{begun}%'"
    wait_until(lambda: doors.ask(told) == 1 and not (folder / closures.NOTE).exists(), doors.log)


def url(doors: Doors) -> str:
    return f"http://127.0.0.1:{doors.port}/webhooks/symplify/"


def auth() -> tuple[str, str]:
    user, password = TEST_AUTH.split(":")
    return user, password
