"""Fixtures for sites, fan-outs and sessions that close at the end of a test."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from outbound.breaker import breakers
from outbound.fanout import Fanout, FanoutAnswer, FanoutCall
from outbound.guard import AllowList
from outbound.session import GuardedSession
from tests.outbound.site import Request, Site, reply


@pytest.fixture(autouse=True)
def _closed_breakers() -> None:
    """What a test's site did is not held against the next one on its port."""
    breakers.forget()


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    """Makes sites: site(answer), where no answer means 200."""
    made: list[Site] = []

    def make(answer: Callable[[Request], bytes] = lambda request: reply(), **options: Any) -> Site:
        made.append(Site(answer, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def fanout() -> Iterator[Callable[..., Fanout]]:
    """Makes fan-outs: fanout(*entries, **settings), for http too."""
    made: list[Fanout] = []

    def make(*entries: str, **settings: Any) -> Fanout:
        made.append(Fanout(AllowList.parse(entries, allow_http=True), **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def session() -> Iterator[Callable[..., GuardedSession]]:
    """Makes sessions: session(*entries, **settings), for http too."""
    made: list[GuardedSession] = []

    def make(*entries: str, **settings: Any) -> GuardedSession:
        made.append(GuardedSession(AllowList.parse(entries, allow_http=True), **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def closed_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def send() -> Callable[..., dict[Any, FanoutAnswer]]:
    """Sends URIs, keyed by their place, and gives the answers by key; fails where a key is answered twice."""

    def run(fanout: Fanout, *uris: str, **options: Any) -> dict[Any, FanoutAnswer]:
        answers: dict[Any, FanoutAnswer] = {}
        for some in fanout.send([FanoutCall(place, uri) for place, uri in enumerate(uris)], **options):
            for answer in some:
                assert answer.key not in answers
                answers[answer.key] = answer
        return answers

    return run
