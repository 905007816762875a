"""The database hangs, dies and comes back while hooks arrive: none that was acknowledged is lost, and no page hangs."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from sendouts.intake.journal import depth
from tests.acceptance.deployment import START_SECONDS, Deployment, deployment, wait_until
from tests.acceptance.person import Person, create
from tests.servers import TEST_AUTH, Server, postgresql_server, temporary_folder

PER_SECOND = 50
# The platform would wait for one second. This one waits longer, to tell an answer that is late from none.
ANSWER_SECONDS = 5
PAGE_SECONDS = 1.5
SENTENCE = "cannot reach its data"


class Hooks:
    """Some fifty hooks a second, and what was answered to each."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = ThreadPoolExecutor(64)
        self._sent: list[Future[tuple[int, str]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Hooks":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._pool.shutdown()

    def answered(self) -> list[tuple[int, str]]:
        """Code and id of all that was sent; waits for the answers, and fails where one did not come."""
        return [each.result() for each in list(self._sent)]

    def _run(self) -> None:
        for number in itertools.count():
            self._sent.append(self._pool.submit(self._send, number))
            if self._stop.wait(1 / PER_SECOND):
                return

    def _send(self, number: int) -> tuple[int, str]:
        body = {"event": "Sendout summary", "number": number}
        user, password = TEST_AUTH.split(":")
        answer = requests.post(self._url, json=body, auth=(user, password), timeout=ANSWER_SECONDS)
        return answer.status_code, answer.json().get("id", "")


def all_stored(server: Server, ids: set[str]) -> bool:
    with psycopg.connect(server.url) as connection:
        found = {str(row[0]) for row in connection.execute("SELECT uuid FROM sendouts_webhook")}
    return ids <= found


def tally(answers: list[tuple[int, str]]) -> tuple[Counter[int], set[str]]:
    return Counter(code for code, _ in answers), {uuid for code, uuid in answers if code == 202}


def outage(gateway: Deployment, folder: Path, seconds: float) -> None:
    """Let hooks arrive while the database is not there, and see them in the journal."""
    wait_until(
        lambda: depth(folder).hooks > seconds * PER_SECOND / 2, seconds * 5, "hooks go to the journal", gateway.tail
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with temporary_folder("outage") as folder, postgresql_server(folder) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    settings: dict[str, Any] = {"JOURNAL": "1", "PAGE_SECONDS": str(PAGE_SECONDS), "DATABASE_URL": server.url}
    with deployment(tmp_path_factory.mktemp("outage"), "processes", setup=create, **settings) as (found, _):
        yield found


def test_hooks_outlive_a_database_that_hangs_dies_and_comes_back_and_pages_say_so(
    gateway: Deployment, server: Server
) -> None:
    journals = gateway.folder / "journal"
    # PAGE_SECONDS, and what a busy machine takes.
    person = Person(gateway, within=10)
    wait_until(lambda: person.logs_in().url.endswith("/admin/"), 30, "a person is logged in", gateway.tail)
    with Hooks(gateway.hook_url) as hooks:
        wait_until(lambda: len(hooks.answered()) > PER_SECOND, 20, "hooks are acknowledged", gateway.tail)
        # On a busy machine some go to the journal even so.
        wait_until(lambda: depth(journals).hooks == 0, 20, "hooks are stored", gateway.tail)

        server.pause()
        outage(gateway, journals, 2)
        for path in ("/admin/", "/admin/sendouts/batch/", "/api/batches/", "/health/ready"):
            page = person.looks(path)
            assert page.status_code == 503 and SENTENCE in page.text, path
        # More people than may wait: the later ones hear it at once, and the process is not restarted for it.
        with ThreadPoolExecutor(20) as crowd:
            pages = list(crowd.map(person.looks, ["/admin/"] * 40))
        assert {page.status_code for page in pages} == {503}
        assert person.looks("/health/live").status_code == 200
        server.resume()
        wait_until(lambda: depth(journals).hooks == 0, 20, "the journal is loaded", gateway.tail)
        wait_until(lambda: person.looks("/admin/").status_code == 200, 20, "pages are there again", gateway.tail)

        # Killed while it hangs: those who wait for it hear of it now.
        server.pause()
        outage(gateway, journals, 1)
        server.kill()
        outage(gateway, journals, 2)
        assert person.looks("/admin/").status_code == 503
        server.start()
        wait_until(lambda: depth(journals).hooks == 0, 30, "the journal is loaded", gateway.tail)
        wait_until(lambda: person.looks("/admin/").status_code == 200, 20, "pages are there again", gateway.tail)
        before_the_crash = hooks.answered()

    codes, acknowledged = tally(before_the_crash)
    assert set(codes) <= {202, 503} and codes[202] > codes[503], codes
    assert all_stored(server, acknowledged)
    wait_until(
        lambda: gateway.rows("SELECT count(*) FROM sendouts_webhook WHERE outcome <> 'other'") == [(0,)],
        20,
        "everything was planned",
        gateway.tail,
    )


def test_hooks_in_the_journal_outlive_the_gateway_too(gateway: Deployment, server: Server) -> None:
    journals = gateway.folder / "journal"
    with Hooks(gateway.hook_url) as hooks:
        wait_until(lambda: len(hooks.answered()) > PER_SECOND / 2, 20, "hooks are acknowledged", gateway.tail)
        server.pause()
        outage(gateway, journals, 1)
    answers = hooks.answered()
    waiting = depth(journals)
    gateway.kill()
    assert depth(journals) == waiting, "a fact on the disk, whoever lives"
    server.kill()
    server.start()
    gateway.start()
    wait_until(lambda: depth(journals).hooks == 0, 30, "adopted and loaded, though no hook arrives", gateway.tail)
    _, acknowledged = tally(answers)
    assert waiting.hooks > 0 and all_stored(server, acknowledged)
    assert not any(path.stat().st_size for path in journals.iterdir())


def test_a_gateway_that_starts_before_its_database_waits_for_it(gateway: Deployment, server: Server) -> None:
    gateway.stop()
    server.kill()
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(gateway.start)
        wait_until(
            lambda: "it is waited for" in gateway.log.read_text(), START_SECONDS, "it says that it waits", gateway.tail
        )
        server.start()
        started.result()
    assert gateway.answers()
