"""Hooks that arrive together are sealed, stored and answered as one group; every way of arriving is answered alike."""

import asyncio
import json
import socket
import threading
from contextlib import closing
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.db import DataError
from django.utils import timezone

from gateway.run import hook_protocol
from sendouts.intake import arrivals as arrivals_of_door
from sendouts.intake import store as intake_store
from sendouts.intake.answer import HookAnswer
from sendouts.intake.arrivals import Arrival, Arrivals
from sendouts.intake.door import Door
from sendouts.intake.hook import Received
from sendouts.intake.journal import Journal, depth
from sendouts.intake.store import Store
from sendouts.intake.watch import DoorWatch
from sendouts.models import Webhook
from tests.gate import body_of
from tests.intake.test_door_without_database import wait_until
from tests.serving import HOOK, Serve

HEAD = f"POST /webhooks/symplify/ HTTP/1.1\r\nHost: x\r\nX-Gate-Token: token-1\r\nContent-Length: {len(HOOK)}\r\n"
WHOLE = HEAD.encode() + b"\r\n" + HOOK


class Wire:
    """One connection to a door."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._wire = socket.create_connection((parts.hostname, parts.port), timeout=10)
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self._wire.sendall(data)

    def close(self) -> None:
        self._wire.close()

    def read(self) -> HTTPResponse:
        answer = HTTPResponse(self._wire)
        answer.begin()
        answer.content = answer.read()  # type: ignore[attr-defined]
        return answer

    def rest(self) -> bytes:
        """Wait until the door closes; returns what came before."""
        return b"".join(iter(lambda: self._wire.recv(65_536), b""))


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_store, "STORE_SECONDS", 10.0)


@pytest.fixture
def asgi(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the requests that took the way of ASGI."""
    went: list[str] = []
    before = Door.__call__

    async def called(door: Door, scope: dict[str, str], receive: object, send: object) -> None:
        went.extend([scope["method"]] if scope["type"] == "http" else [])
        await before(door, scope, receive, send)  # type: ignore[arg-type]

    monkeypatch.setattr(Door, "__call__", called)
    return went


async def answered(store: Store, bodies: list[bytes]) -> list[HookAnswer]:
    """Have these bodies arrive in one turn of the event loop; return their answers."""
    arrivals, loop = Arrivals(store, DoorWatch()), asyncio.get_running_loop()
    answers = [loop.create_future() for _ in bodies]
    for body, answer in zip(bodies, answers, strict=True):
        arrivals.add(Arrival(body, "", timezone.now(), answer.set_result))
    return await asyncio.wait_for(asyncio.gather(*answers), 20)


def test_hooks_of_one_turn_are_written_at_once_and_each_gets_its_own_answer(transactional_db: None) -> None:
    groups: list[int] = []

    def write(hooks: list[Received]) -> list[int]:
        groups.append(len(hooks))
        return intake_store.store(hooks)

    store = Store(write)
    bodies = [json.dumps({"event": number}).encode() for number in range(60)]
    answers = asyncio.run(answered(store, [*bodies, b"no JSON"]))
    store.close()
    assert groups == [61]
    assert [answer.status for answer in answers] == [202] * 60 + [400]
    found = {hook.uuid: body_of(hook) for hook in Webhook.objects.all()}
    assert [found[UUID(json.loads(answer.body)["id"])] for answer in answers] == [*bodies, b"no JSON"]
    assert dict(answers[0].headers)[b"content-length"] == str(len(answers[0].body)).encode()


def test_hooks_that_come_during_a_write_are_the_next_group(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals_of_door, "HOLD_SECONDS", 3_600.0)
    groups: list[int] = []
    go = threading.Event()

    def write(hooks: list[Received]) -> list[int]:
        groups.append(len(hooks))
        go.wait(10)
        return intake_store.store(hooks)

    store = Store(write)

    async def send() -> list[HookAnswer]:
        arrivals, loop = Arrivals(store, DoorWatch()), asyncio.get_running_loop()
        answers = [loop.create_future() for _ in range(21)]
        for answer in answers:
            arrivals.add(Arrival(HOOK, "", timezone.now(), answer.set_result))
            async with asyncio.timeout(20):
                while not groups:
                    await asyncio.sleep(0.001)
            await asyncio.sleep(0)
        go.set()
        return await asyncio.wait_for(asyncio.gather(*answers), 20)

    assert {answer.status for answer in asyncio.run(send())} == {202}
    store.close()
    assert groups == [1, 20]


def test_one_hook_that_the_database_refuses_goes_to_the_journal_alone(transactional_db: None, tmp_path: Path) -> None:
    poison: set[UUID] = set()

    def write(hooks: list[Received]) -> list[int]:
        poison.update(hook.uuid for hook in hooks[3:4] if len(hooks) == 8)
        if poison & {hook.uuid for hook in hooks}:
            raise DataError("a value that the column does not take")
        return intake_store.store(hooks)

    store = Store(write, journal=Journal(tmp_path))
    answers = asyncio.run(answered(store, [HOOK] * 8))
    store.close()
    assert [answer.status for answer in answers] == [202] * 8
    ids = [UUID(json.loads(answer.body)["id"]) for answer in answers]
    assert set(Webhook.objects.values_list("uuid", flat=True)) == set(ids) - poison
    found = depth(tmp_path)
    assert poison == {ids[3]} and (found.hooks, found.damaged) in {(1, 0), (0, 1)}


@pytest.mark.parametrize("name", ["seal_hooks", "answer_to"])
def test_a_group_that_fails_is_answered_and_counted(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    store = Store(lambda hooks: [])

    def fails(*given: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(arrivals_of_door, name, fails)
    assert [answer.status for answer in asyncio.run(answered(store, [HOOK] * 3))] == [500] * 3
    store.close()


def test_an_answer_that_cannot_be_sent_keeps_no_other_back(transactional_db: None) -> None:
    store = Store()

    async def send() -> HookAnswer:
        arrivals, answer = Arrivals(store, DoorWatch()), asyncio.get_running_loop().create_future()
        for reply in (None, answer.set_result, None):
            arrivals.add(Arrival(HOOK, "", timezone.now(), reply))  # type: ignore[arg-type]
        return await asyncio.wait_for(answer, 20)

    assert asyncio.run(send()).status == 202
    store.close()
    assert Webhook.objects.count() == 3


def test_workers_are_told_at_once_and_then_of_many_hooks_together(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[int]] = []
    monkeypatch.setattr(intake_store, "nudge", lambda lane, ids: told.append(list(ids)))
    monkeypatch.setattr(intake_store, "NUDGE_SECONDS", 3_600.0)
    store = Store()

    async def send() -> None:
        for _ in range(6):
            await store.keep(Received(HOOK, "", timezone.now()))

    asyncio.run(send())
    first, *others = Webhook.objects.order_by("pk").values_list("pk", flat=True)
    assert told == [[first]]
    store.close()
    assert told == [[first], others]


@pytest.mark.parametrize(
    ("pieces", "tasks"),
    [
        ((WHOLE,), 0),
        ((HEAD.encode() + b"\r\n", HOOK), 0),
        ((WHOLE[:20], WHOLE[20:90], WHOLE[90:-1], WHOLE[-1:]), 0),
        ((WHOLE.replace(b"token-1", b"token-3"),), 1),
        ((HEAD.encode() + b"Content-Encoding: gzip\r\n\r\n" + HOOK,), 1),
    ],
    ids=["whole", "head and body", "pieces", "refused", "packed"],
)
def test_a_short_hook_needs_no_task_however_it_arrives(
    serve: Serve, asgi: list[str], monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...], tasks: int
) -> None:
    monkeypatch.setattr(hook_protocol, "REST_SECONDS", 60)
    with closing(Wire(serve())) as wire:
        for _ in range(3):
            for piece in pieces:
                wire.send(piece)
            assert wire.read().status == (401 if b"token-3" in pieces[0] else 202)
    assert len(asgi) == 3 * tasks


def test_a_hook_whose_rest_is_late_takes_the_way_with_a_time_out_of_its_own(serve: Serve, asgi: list[str]) -> None:
    with closing(Wire(serve())) as wire:
        wire.send(WHOLE[:-1])
        wait_until(lambda: bool(asgi), "its way begins")
        wire.send(WHOLE[-1:])
        assert wire.read().status == 202
    assert body_of(Webhook.objects.get()) == HOOK


def test_a_sender_that_asks_whether_to_go_on_is_told_so(serve: Serve) -> None:
    with closing(Wire(serve())) as wire:
        wire.send(HEAD.encode() + b"Expect: 100-continue\r\n\r\n")
        assert wire._wire.recv(100).startswith(b"HTTP/1.1 100 ")
        wire.send(HOOK)
        assert wire.read().status == 202


def test_hooks_behind_each_other_on_one_connection_are_answered_in_order(serve: Serve) -> None:
    bodies = [b'{"event": %d}' % number for number in range(10, 20)]
    head = HEAD.encode().replace(str(len(HOOK)).encode(), str(len(bodies[0])).encode())
    with closing(Wire(serve())) as wire:
        wire.send(
            b"".join(
                head + (b"Connection: close\r\n" if body is bodies[-1] else b"") + b"\r\n" + body for body in bodies
            )
        )
        came = wire.rest()
    ids = [UUID(part.partition(b'"')[0].decode()) for part in came.split(b'{"id":"')[1:]]
    assert came.count(b"HTTP/1.1 202 Accepted\r\n") == 10 and came.count(b"connection: close") == 1
    assert [body_of(Webhook.objects.get(uuid=uuid)) for uuid in ids] == bodies


def test_the_old_protocol_and_a_sender_that_wants_it_get_their_connection_closed(serve: Serve) -> None:
    for request in (WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"), WHOLE.replace(b"Host: x", b"Connection: close")):
        with closing(Wire(serve())) as wire:
            wire.send(request)
            came = wire.rest()
        assert came.startswith(b"HTTP/1.1 202 Accepted\r\n") and b"\r\nconnection: close\r\n" in came
        assert b"\r\ndate: " in came and b"\r\ncache-control: no-store\r\n" in came


def test_an_idle_connection_is_closed_and_one_in_use_is_not(serve: Serve) -> None:
    # The timer of the first hook looks again while later ones come.
    with closing(Wire(serve(keep_alive=1))) as wire:
        for _ in range(30):
            wire.send(WHOLE)
            assert wire.read().status == 202
        assert wire.rest() == b""
