"""A contact file is downloaded once, kept encrypted until its batch ends, and screened from there."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest
from django.db import connection

from actions.secrets.keys import make_key
from sendouts.models import Batch, Spool
from sendouts.privacy.rotation import reseal
from sendouts.spool import spooled
from sendouts.spool.frames import HEAD
from sendouts.spool.spooled import SpoolWriter
from sendouts.stages.screening import download
from sendouts.symplify import source
from sendouts.verbs import Accept, GiveUp, RunAgain, TryAgain
from tests.acceptance.deployment import wait_until
from tests.gate import Gate, carry_out, reviewer
from tests.lanes import advance_batches, download_files
from tests.outbound.site import Request, Site, reply
from tests.stages.spool_places import OnDisk, Place, small_blocks
from tests.stages.test_fairness import slow_service, worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_in")]


class Files:
    """A platform's contact file; `answer` may be replaced by the test, and `gets` has the requests."""

    def __init__(self) -> None:
        self.rows = b"".join(
            b'{"contactId": "A-%d", "properties": {"consent": true}, "cancelUri": "http://127.0.0.1:9/c/%d"}\n' % (n, n)
            for n in range(300)
        )
        self.mark = {"ETag": '"v1"'}
        self.answer: Callable[[Request], bytes] = lambda request: self.whole()
        self.site = Site(self._reply)

    def _reply(self, request: Request) -> bytes:
        return self.answer(request) if request.method == "GET" else reply()

    @property
    def gets(self) -> list[dict[str, str]]:
        return [request.headers for request in self.site.requests if request.method == "GET"]

    def whole(self, **headers: str) -> bytes:
        return reply(200, self.rows, **self.mark, **headers)

    def cut(self, at: int) -> bytes:
        """The whole file, of which the connection loses the rest."""
        whole = self.whole(Connection="close")
        return whole[: len(whole) - len(self.rows) + at]

    def rest(self, request: Request, at: int) -> bytes:
        assert request.headers["Range"] == f"bytes={at}-"
        place = f"bytes {at}-{len(self.rows) - 1}/{len(self.rows)}"
        return reply(206, self.rows[at:], Content_Range=place, **self.mark)

    def hook(self, finish: str = "f") -> bytes:
        body = {"finishUri": self.site.uri(f"/{finish}"), "itemDownloadUri": self.site.uri(f"/file/{finish}")}
        return json.dumps(body | {"projectName": "Newsletter", "actions": ["consent-check"]}).encode()

    def in_turn(self, *answers: Callable[[Request], bytes]) -> None:
        """Answer each download by the next of these; the last one stays."""
        number = count()
        self.answer = lambda request: answers[min(next(number), len(answers) - 1)](request)


@pytest.fixture
def files() -> Iterator[Files]:
    made = Files()
    with closing(made.site):
        yield made


def planned(gate: Gate, files: Files, **policy: Any) -> Batch:
    gate.project(**policy)
    gate.store(files.hook())
    gate.plan()
    return gate.batch()


def kept(batch: Batch) -> bytes:
    spool = spooled.find(batch.pk)
    assert spool is not None
    with spooled.open_file(spool) as file:
        return b"".join(file.blocks())


def test_one_download_serves_screening_and_every_further_run_and_goes_with_the_batch(
    gate: Gate, files: Files, kept_in: Place
) -> None:
    made = planned(gate, files, review="always")
    gate.work()
    assert kept(made) == files.rows and (gate.batch().status, gate.batch().total) == ("in_review", 300)
    carry_out(RunAgain(), gate.batch(), reviewer("first"))
    gate.work()
    carry_out(Accept(), gate.batch(), reviewer("second"))
    gate.work()
    assert (gate.batch().status, len(files.gets)) == ("finished", 1)
    assert not Spool.objects.exists() and not kept_in.tokens()


def test_nothing_of_a_kept_file_can_be_read_without_its_row(
    gate: Gate, files: Files, kept_in: Place, settings: Any
) -> None:
    settings.ENCRYPTION_KEYS = ()
    planned(gate, files, review="always")
    gate.work()
    (token,) = kept_in.tokens()
    assert b"A-2" not in kept_in.data(token) and b"cancelUri" not in kept_in.data(token)
    if isinstance(kept_in, OnDisk):
        (path,) = kept_in.folder.iterdir()
        assert (path.stat().st_mode & 0o077, kept_in.folder.stat().st_mode & 0o077) == (0, 0)


def test_after_a_cut_the_rest_is_asked_for_and_the_file_is_whole(gate: Gate, files: Files) -> None:
    made = planned(gate, files, review="always")
    files.in_turn(lambda _: files.cut(10_000), lambda request: files.rest(request, 10_000))
    gate.work(rounds=2)
    assert kept(made) == files.rows and (gate.batch().status, gate.batch().attention) == ("in_review", "")
    assert [get.get("If-Range") for get in files.gets] == [None, '"v1"']


@pytest.mark.parametrize("why", ["no range", "changed", "no mark", "other part", "not satisfiable"])
def test_without_a_rest_that_fits_the_file_comes_again_from_the_start(gate: Gate, files: Files, why: str) -> None:
    made = planned(gate, files, review="always")
    if why == "no mark":
        files.mark = {}
    again: dict[str, Callable[[Request], bytes]] = {
        "other part": lambda request: files.rest(request, 10_000).replace(b"bytes 10000", b"bytes 9999"),
        "not satisfiable": lambda request: reply(416),
    }
    files.in_turn(lambda _: files.cut(10_000), again.get(why, lambda _: files.whole()), lambda _: files.whole())
    if why == "changed":
        files.rows = files.rows.replace(b"A-7", b"B-7")
    gate.work(rounds=2)
    assert kept(made) == files.rows and (gate.batch().total, gate.batch().attention) == (300, "")


def test_a_file_may_be_cut_any_number_of_times_while_it_gets_further(gate: Gate, files: Files) -> None:
    made = planned(gate, files, review="always")
    step = 2_000

    def some(request: Request) -> bytes:
        at = int(request.headers.get("Range", "bytes=0-")[6:-1])
        answer = files.rest(request, at) if at else files.whole()
        left = len(files.rows) - at
        return answer if left <= step else answer.replace(b"X\r\n", b"X\r\nConnection: close\r\n")[: step - left]

    files.answer = some
    gate.work(rounds=30)
    assert len(files.gets) > 10 and kept(made) == files.rows
    assert (gate.batch().status, gate.batch().attention) == ("in_review", "")


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_link_that_worked_and_expired_is_told_as_such_and_tried_again_by_a_person(
    gate: Gate, files: Files, status: int
) -> None:
    planned(gate, files)
    files.in_turn(lambda _: files.cut(10_000), lambda _: reply(status, b"<Error>AccessDenied</Error>"))
    gate.work(rounds=2)
    found = gate.batch()
    assert (found.status, found.attention, found.due_at) == ("planned", "no_download", None)
    assert found.attention_data == {"status": status, "expired": True}
    files.answer = lambda _: files.whole()
    carry_out(TryAgain(), found, reviewer())
    gate.work()
    assert gate.batch().status == "finished"


def test_a_first_answer_that_names_an_expired_link_is_told_as_such(gate: Gate, files: Files) -> None:
    planned(gate, files)
    files.answer = lambda _: reply(403, b"<Error><Message>Request has expired</Message></Error>")
    gate.work()
    assert gate.batch().attention_data == {"status": 403, "expired": True}


def test_a_link_may_expire_once_the_file_is_there(gate: Gate, files: Files) -> None:
    made = planned(gate, files, review="always")
    download_files([made.pk])
    files.answer = lambda _: reply(403, b"<Error><Message>Request has expired</Message></Error>")
    gate.work()
    carry_out(RunAgain(), gate.batch(), reviewer())
    gate.work()
    assert (gate.batch().status, gate.batch().total, gate.batch().attention) == ("in_review", 300, "")
    assert len(files.gets) == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_ends_while_a_service_thinks(gate: Gate, files: Files) -> None:
    with slow_service() as (running, go_on):
        project = gate.project()
        gate.define(project, "ask", run="always", kind="consent_check", config={"url": running.url, "timeout": 60})
        gate.store(files.hook())
        (made,) = gate.plan()
        with worker(made):
            wait_until(lambda: running.questions, 60, "the service is asked")
            wait_until(lambda: not files.site.under_way, 60, "the platform has sent all, and waits for nobody")
            assert Spool.objects.get().state == "complete" and gate.batch().status == "planned"
            go_on.set()
        assert gate.batch().status == "finished" and len(files.gets) == 1


@pytest.mark.parametrize("status", [202, 204])
def test_a_file_that_is_not_ready_yet_is_asked_for_again(gate: Gate, files: Files, status: int) -> None:
    planned(gate, files)
    files.in_turn(*[lambda _: reply(status)] * 3, lambda _: files.whole())
    gate.work(rounds=4)
    assert (gate.batch().status, gate.batch().attention, len(files.gets)) == ("finished", "", 4)


def test_a_killed_download_goes_on_behind_its_last_whole_block(
    gate: Gate, files: Files, kept_in: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = planned(gate, files, review="always")
    files.in_turn(lambda _: files.cut(10_000), lambda request: files.rest(request, 10_000))

    def die(claim: Any, row: Spool, writer: SpoolWriter, *_: Any, **__: Any) -> None:
        writer.close()
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        # The process ends before it has stored how the download ended.
        dying.setattr(download, "_end", die)
        with pytest.raises(KeyboardInterrupt):
            download_files([made.pk])
    (token,) = kept_in.tokens()
    kept_in.tear(token)
    gate.work()
    assert kept(made) == files.rows and gate.batch().status == "in_review" and len(files.gets) == 2


def frames(data: bytes) -> list[bytes]:
    found = []
    while data:
        size = HEAD.size + HEAD.unpack_from(data)[0]
        found.append(data[:size])
        data = data[size:]
    return found


DAMAGE: dict[str, Callable[[list[bytes], list[bytes]], list[bytes]] | None] = {
    "swapped": lambda own, other: [own[0], own[2], own[1], *own[3:]],
    "left out": lambda own, other: [own[0], *own[2:]],
    "ends early": lambda own, other: [*own[:3], own[-1]],
    "cut": lambda own, other: own[:-1],
    "of another batch": lambda own, other: other,
    "one bit": lambda own, other: [*own[:-1], own[-1][:-1] + bytes([own[-1][-1] ^ 1])],
    "gone": None,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_noticed_and_downloaded_again(
    gate: Gate,
    files: Files,
    kept_in: Place,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[list[bytes], list[bytes]], list[bytes]] | None,
) -> None:
    small_blocks(monkeypatch)
    made = planned(gate, files, review="always")
    gate.store(files.hook("other"))
    (other,) = gate.plan()
    download_files([made.pk, other])
    tokens = [Spool.objects.get(pk=pk).token for pk in (made.pk, other)]
    data = None if damage is None else b"".join(damage(*(frames(kept_in.data(token)) for token in tokens)))
    kept_in.put(tokens[0], data)
    gate.work(rounds=2)
    assert kept(made) == files.rows and Batch.objects.get(pk=made.pk).total == 300 and len(files.gets) == 3


@pytest.mark.parametrize("gb", [0.0, 0.000_05])
def test_without_room_a_file_is_screened_while_it_comes(
    gate: Gate, files: Files, kept_in: Place, settings: Any, gb: float
) -> None:
    settings.SPOOL_GB = gb
    made = planned(gate, files)
    download_files([made.pk])
    assert (Spool.objects.get().state, files.gets) == ("streamed", [])
    gate.work()
    assert (gate.batch().status, gate.batch().total, len(files.gets)) == ("finished", 300, 1)
    assert not kept_in.tokens()


def test_a_batch_that_ends_takes_its_download_along(gate: Gate, files: Files, kept_in: Place) -> None:
    made = planned(gate, files, review="always")

    def given_up(_: Request) -> bytes:
        return files.cut(10_000)

    files.answer = given_up
    gate.work()
    assert len(kept_in.tokens()) == 1
    gate.work(rounds=4)
    carry_out(GiveUp(), gate.batch(), reviewer())
    advance_batches([made.pk])
    assert not Spool.objects.exists() and not kept_in.tokens()


def test_a_file_that_a_person_put_in_its_place_is_read_and_what_came_is_kept_beside_it(
    gate: Gate, files: Files
) -> None:
    made = planned(gate, files, review="always")
    gate.work()
    spooled.replace(made.pk, [files.rows[:5_000], files.rows[5_000:].replace(b"A-299", b"B-299")], {})
    row = Spool.objects.get()
    assert kept(made) == files.rows.replace(b"A-299", b"B-299") and row.earlier_token
    spooled.replace(made.pk, [b"[]"], {"content-type": "application/json"})
    assert kept(made) == b"[]" and Spool.objects.get().earlier_token == row.earlier_token
    carry_out(RunAgain(), gate.batch(), reviewer())
    gate.work()
    assert (gate.batch().total, len(files.gets)) == (0, 1)


def test_a_rotation_of_keys_leaves_a_kept_file_open(gate: Gate, files: Files, kept_in: Place, settings: Any) -> None:
    made = planned(gate, files, review="always")
    files.in_turn(lambda _: files.cut(10_000), lambda request: files.rest(request, 10_000))
    download_files([made.pk])
    before = {token: kept_in.data(token) for token in kept_in.tokens()}
    (old,) = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = (make_key(), old)
    assert not reseal().shut_batches
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert {token: kept_in.data(token) for token in kept_in.tokens()} == before
    gate.work(rounds=2)
    assert kept(made) == files.rows and gate.batch().status == "in_review"


def test_files_that_no_row_names_are_removed_after_a_while(
    gate: Gate, files: Files, kept_in: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(gate, files, review="always")
    gate.work()
    kept_in.put("0" * 32, b"left by a database that was restored")
    assert spooled.remove_orphans() == 0
    monkeypatch.setattr(spooled, "ORPHAN_SECONDS", -1.0)
    assert spooled.remove_orphans() == 1
    assert kept_in.tokens() == {Spool.objects.get().token}


@pytest.mark.django_db(transaction=True)
def test_screening_begins_while_the_file_comes(
    gate: Gate, files: Files, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHUNK_ROWS = 10
    monkeypatch.setattr(source, "PIECE", 1_000)
    monkeypatch.setattr(spooled, "PATIENCE", 30.0)
    small_blocks(monkeypatch)
    made = planned(gate, files)
    go_on = threading.Event()

    def slowly(request: Request) -> bytes:
        whole = files.whole()
        request.wire.sendall(whole[:-20_000])
        go_on.wait(60)
        return whole[-20_000:]

    files.answer = slowly

    def work(act: Callable[[list[int]], None]) -> threading.Thread:
        def run() -> None:
            try:
                act([made.pk])
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    threads = [work(download_files)]
    try:
        wait_until(lambda: Spool.objects.exclude(token="").exists(), 30, "the download began")
        threads.append(work(advance_batches))
        wait_until(lambda: gate.batch().total > 0, 30, "rows are stored while the rest is on its way")
    finally:
        go_on.set()
        for thread in threads:
            thread.join(60)
    advance_batches([made.pk])
    assert (gate.batch().status, gate.batch().total, len(files.gets)) == ("finished", 300, 1)
