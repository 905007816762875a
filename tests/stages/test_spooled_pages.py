"""The pages that follow the first one of a contact file are downloaded once each, and kept beside it."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client

from sendouts.models import Batch, Spool
from sendouts.spool import spooled
from sendouts.spool.pages import KeptPages
from sendouts.verbs import Accept, RunAgain
from tests.gate import Gate, carry_out, reviewer
from tests.outbound.site import Request, Site, reply
from tests.stages.spool_places import Place

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_in")]
PAGES, ROWS = 3, 40


class PagedFile:
    """A platform's file in pages, each of which names the next one."""

    def __init__(self) -> None:
        self.expired: set[str] = set()
        # Those whose next answer is cut.
        self.cut: set[str] = set()
        self.site = Site(self._reply)

    def _reply(self, request: Request) -> bytes:
        if request.method != "GET":
            return reply()
        if request.path in self.expired:
            return reply(403, b"Request has expired")
        number = int(request.path.removeprefix("/file/"))
        rows = [{"contactId": f"{number}-{n}", "cancelUri": self.site.uri(f"/c/{number}-{n}")} for n in range(ROWS)]
        more = {"next": f"/file/{number + 1}"} if number < PAGES else {}
        body = reply(200, json.dumps({"rows": rows, **more}).encode(), Connection="close")
        if request.path in self.cut:
            self.cut.remove(request.path)
            return body[:-300]
        return body

    @property
    def gets(self) -> Counter[str]:
        return Counter(request.path for request in self.site.requests if request.method == "GET")

    def hook(self) -> bytes:
        body = {"finishUri": self.site.uri("/f"), "itemDownloadUri": self.site.uri("/file/1")}
        return json.dumps(body | {"projectName": "Newsletter", "actions": []}).encode()


@pytest.fixture
def paged() -> Iterator[PagedFile]:
    made = PagedFile()
    with closing(made.site):
        yield made


@pytest.fixture
def stored(gate: Gate, paged: PagedFile) -> Gate:
    gate.project(review="always", consent=False)
    gate.store(paged.hook())
    return gate


ONCE = {f"/file/{number}": 1 for number in range(1, PAGES + 1)}


def test_each_page_is_downloaded_once_for_all_runs_and_goes_with_the_batch(
    stored: Gate, paged: PagedFile, kept_in: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.work()
    assert (stored.batch().status, stored.batch().total, paged.gets) == ("in_review", PAGES * ROWS, ONCE)
    assert all(
        b"cancelUri" not in kept_in.data(token) and b"file" not in kept_in.data(token) for token in kept_in.tokens()
    )
    paged.expired = set(ONCE)
    carry_out(RunAgain(), stored.batch(), reviewer("first"))
    stored.work()
    assert (stored.batch().status, stored.batch().total, paged.gets) == ("in_review", PAGES * ROWS, ONCE)
    monkeypatch.setattr(spooled, "ORPHAN_SECONDS", -1.0)
    assert spooled.remove_orphans() == 0
    carry_out(Accept(), stored.batch(), reviewer("second"))
    stored.work()
    assert not Spool.objects.exists() and not kept_in.tokens()


def test_a_person_takes_all_pages_that_came(stored: Gate, paged: PagedFile, admin_client: Client) -> None:
    stored.work()
    Batch.objects.update(status="planned", attention="no_proven_end", file_complete=False)
    taken = admin_client.post(f"/admin/sendouts/batch/{stored.batch().pk}/file/", {"take": "1"})
    assert taken["Content-Type"] == "application/zip"
    with ZipFile(BytesIO(b"".join(taken.streaming_content))) as came:
        pages = [json.loads(came.read(name)) for name in came.namelist()]
    assert [page["rows"][0]["contactId"] for page in pages] == ["1-0", "2-0", "3-0"]
    assert {len(page["rows"]) for page in pages} == {ROWS}


@pytest.mark.parametrize("moment", ["_write", "_point"])
def test_a_kill_costs_the_page_that_comes_and_none_before_it(
    stored: Gate, paged: PagedFile, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = getattr(KeptPages, moment)
    calls: list[Any] = []

    def die(self: KeptPages, *given: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return usual(self, *given)

    with monkeypatch.context() as dying:
        dying.setattr(KeptPages, moment, die)
        # A killed process removes nothing.
        dying.setattr(spooled, "discard", lambda token, **_: None)
        with pytest.raises(KeyboardInterrupt):
            stored.work()
    paged.expired = {"/file/1", "/file/2"}
    stored.work()
    assert (stored.batch().status, stored.batch().total) == ("in_review", PAGES * ROWS)
    assert paged.gets == {"/file/1": 1, "/file/2": 1, "/file/3": 2}


def test_a_page_that_was_cut_is_not_taken_for_a_whole_one(stored: Gate, paged: PagedFile) -> None:
    paged.cut = {"/file/2"}
    stored.work(rounds=3)
    assert (stored.batch().status, stored.batch().total) == ("in_review", PAGES * ROWS)
    assert paged.gets["/file/2"] == 2


def test_without_room_pages_are_read_from_the_platform(
    stored: Gate, paged: PagedFile, kept_in: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = iter([True, False, False, False])
    monkeypatch.setattr(KeptPages, "has_room", lambda self: next(rooms))
    stored.work()
    assert (stored.batch().status, stored.batch().total) == ("in_review", PAGES * ROWS)
    # The room ended within page 2.
    assert paged.gets == {"/file/1": 1, "/file/2": 2, "/file/3": 1}
    assert kept_in.tokens() == {Spool.objects.get().token}
