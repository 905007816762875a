"""Pages whose view hangs, fails or streams, over real HTTP through Django."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import requests
import uvicorn
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from gateway.ops import health
from gateway.web.patience import Patience
from tests.servers import free_port

FRENCH = "La passerelle n’accède pas à ses données pour le moment. Réessayez dans quelques secondes."
ENGLISH = "The gateway cannot reach its data at the moment. Try again in some seconds."


class Views:
    """Views that do what a test asks for, and a note of what happened."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.entered = 0
        self.closed = threading.Event()

    def hangs(self, request: HttpRequest) -> HttpResponse:
        self.entered += 1
        self.let_go.wait(30)
        return HttpResponse("at last")

    def session(self, request: HttpRequest) -> HttpResponse:
        request.session = Unstorable()  # type: ignore[assignment]
        return HttpResponse("done")

    def streams(self, request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(self._lines(int(request.GET["lines"])))

    async def _lines(self, count: int) -> AsyncIterator[bytes]:
        try:
            for number in range(count):
                yield b"%d\n" % number
                await asyncio.sleep(0.1)
        finally:
            self.closed.set()


class Unstorable(dict[str, Any]):
    """A session whose table cannot be reached when the answer is ready."""

    accessed = modified = True

    def is_empty(self) -> bool:
        return False

    def get_expire_at_browser_close(self) -> bool:
        return True

    def save(self) -> None:
        raise OperationalError("the server closed the connection")


def failing(error: type[Exception]) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        raise error("couldn't get a connection after 5.00 sec")

    return view


views = Views()
urlpatterns = [
    path("hangs/", lambda request: views.hangs(request)),
    path("api/hangs/", lambda request: views.hangs(request)),
    path("health/ready", lambda request: views.hangs(request)),
    path("health/live", health.live),
    path("away/", failing(OperationalError)),
    path("broken/", failing(InterfaceError)),
    path("wrong/", failing(ZeroDivisionError)),
    path("session/", lambda request: views.session(request)),
    path("streams/", lambda request: views.streams(request)),
]
handler500 = "gateway.web.unavailable.handler500"


@pytest.fixture
def serve(settings: Any) -> Iterator[Callable[..., str]]:
    """Serve Django behind a Patience of its own; gives the URL."""
    global views
    views = Views()
    settings.ROOT_URLCONF = __name__
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    running: list[tuple[Patience, uvicorn.Server, threading.Thread]] = []

    def start(seconds: float = 0.3, **bounds: int) -> str:
        port = free_port()
        application = Patience(get_asgi_application(), seconds=seconds, **bounds)
        server = uvicorn.Server(uvicorn.Config(application, port=port, log_config=None, lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            thread.join(0.01)
        running.append((application, server, thread))
        return f"http://127.0.0.1:{port}"

    yield start
    views.let_go.set()
    for application, server, thread in running:
        until(partial(_is_idle, application))
        server.should_exit = True
        thread.join(10)


def _is_idle(application: Patience) -> bool:
    """Whether no page is left at which Django is at work: what the loop's end cut off would never close its body."""
    return not (application._stuck or application._waiting)


def get(url: str, language: str = "fr", **more: Any) -> requests.Response:
    return requests.request(more.pop("method", "GET"), url, headers={"Accept-Language": language}, timeout=10, **more)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("language", "sentence"), [("en", ENGLISH), ("sv, fr;q=0.5", FRENCH)])
def test_a_page_that_hangs_is_answered_with_a_sentence(serve: Callable[..., str], language: str, sentence: str) -> None:
    answer = get(serve() + "/hangs/", language)
    assert not views.let_go.is_set(), "it still hangs"
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert f"<p>{sentence}</p>" in answer.text


def test_programs_get_json_and_who_changed_something_is_told_that_it_may_still_take_effect(
    serve: Callable[..., str],
) -> None:
    url = serve()
    for page in ("/api/hangs/", "/health/ready"):
        answer = get(url + page, "en")
        assert answer.status_code == 503
        assert answer.json() == {"ok": False, "code": "unavailable", "error": ENGLISH}
    answer = get(url + "/hangs/", "en", method="POST", data={"a": "1"})
    assert answer.status_code == 503
    assert f"{ENGLISH} What you asked for may still take effect: look before" in answer.text
    assert get(url + "/hangs/", method="HEAD").content == b""


def test_so_many_pages_may_hang_and_further_ones_are_refused_at_once_until_the_database_lets_go(
    serve: Callable[..., str],
) -> None:
    url = serve(most_stuck=3)
    with ThreadPoolExecutor(3) as pool:
        assert {answer.status_code for answer in pool.map(get, [url + "/hangs/"] * 3)} == {503}
    assert views.entered == 3
    assert {get(url + "/hangs/").status_code for _ in range(20)} == {503}
    assert views.entered == 3, "nobody else was let in"
    assert get(url + "/health/live").status_code == 200, "restarting the process would help nobody"
    views.let_go.set()
    until(lambda: get(url + "/hangs/").status_code == 200)


def test_a_crowd_is_refused_before_it_takes_all_threads(serve: Callable[..., str]) -> None:
    url = serve(seconds=3, most=4)
    with ThreadPoolExecutor(4) as pool:
        crowd = pool.map(get, [url + "/hangs/"] * 4)
        until(lambda: views.entered == 4)
        assert get(url + "/hangs/").status_code == 503
        assert views.entered == 4
        views.let_go.set()
        assert {answer.status_code for answer in crowd} == {200}


def test_a_person_who_leaves_a_page_that_hangs_takes_nobody_along(serve: Callable[..., str]) -> None:
    url = serve(seconds=5)
    host, port = url.removeprefix("http://").split(":")
    for number in range(3):
        with socket.create_connection((host, int(port))) as leaver:
            leaver.sendall(b"GET /hangs/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            until(lambda number=number: views.entered == number + 1)  # type: ignore[misc]
    # Hooks are taken on the same event loop.
    assert get(url + "/health/live").status_code == 200
    assert not views.let_go.is_set()


def test_a_page_given_up_is_closed_in_order_when_it_ends(serve: Callable[..., str]) -> None:
    closed = threading.Event()

    def note(**of: Any) -> None:
        closed.set()

    url = serve()
    assert get(url + "/hangs/").status_code == 503
    request_finished.connect(note)
    try:
        views.let_go.set()
        assert closed.wait(10), "its connection goes back to the pool"
    finally:
        request_finished.disconnect(note)


def test_an_answer_that_has_begun_may_take_its_time(serve: Callable[..., str]) -> None:
    answer = get(serve(seconds=0.3) + "/streams/?lines=10")
    assert (answer.status_code, len(answer.text.splitlines())) == (200, 10)


def test_a_long_answer_ends_when_nobody_listens_any_more(serve: Callable[..., str]) -> None:
    with requests.get(serve() + "/streams/?lines=100000", stream=True, timeout=10) as answer:
        lines = answer.iter_lines()
        assert next(lines) == b"0"
        assert not views.closed.is_set()
    assert views.closed.wait(10)


def test_a_database_that_is_away_or_has_no_connection_left_is_a_sentence_and_other_errors_stay_errors(
    serve: Callable[..., str],
) -> None:
    url = serve(seconds=10)
    for page in ("/away/", "/broken/", "/session/"):
        answer = get(url + page)
        assert answer.status_code == 503 and FRENCH in answer.text and answer.headers["Retry-After"] == "5"
    answer = get(url + "/wrong/")
    assert answer.status_code == 500 and FRENCH not in answer.text
    # The page of errors needs nothing of the addresses that a deployment has.
    assert answer.headers["Content-Type"].startswith("text/html") and "<h1>" in answer.text
