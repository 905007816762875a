"""Fixtures for sites, fan-outs and sessions that close at the end of a test."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from outbound.breaker import breakers
from outbound.fanout import Fanout, FanoutAnswer, FanoutCall
from outbound.guard import AllowList
from outbound.session import GuardedSession
from tests.outbound.kinds import Fanouts, Send, Sessions, Sites
from tests.outbound.site import Request, Site, reply


@pytest.fixture(autouse=True)
def _closed_breakers() -> None:
    """What a test's site did is not held against the next one on its port."""
    breakers.forget()


@pytest.fixture
def site() -> Iterator[Sites]:
    """Makes sites: site(answer), where no answer means 200."""
    with ExitStack() as stack:

        def make(answer: Callable[[Request], bytes] = lambda request: reply(), **options: Any) -> Site:
            return stack.enter_context(closing(Site(answer, **options)))

        yield make


@pytest.fixture
def fanout() -> Iterator[Fanouts]:
    """Makes fan-outs: fanout(*entries, **settings), for http too."""
    yield from _closing(Fanout)


@pytest.fixture
def session() -> Iterator[Sessions]:
    """Makes sessions: session(*entries, **settings), for http too."""
    yield from _closing(GuardedSession)


def _closing(kind: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    with ExitStack() as stack:

        def make(*entries: str, **settings: Any) -> Any:
            return stack.enter_context(closing(kind(AllowList.parse(entries, allow_http=True), **settings)))

        yield make


@pytest.fixture
def closed_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def send() -> Send:
    """Sends URIs, keyed by their place, and gives the answers by key; fails where a key is answered twice."""

    def run(fanout: Fanout, *uris: str, **options: Any) -> dict[Any, FanoutAnswer]:
        answers: dict[Any, FanoutAnswer] = {}
        for some in fanout.send([FanoutCall(place, uri) for place, uri in enumerate(uris)], **options):
            for answer in some:
                assert answer.key not in answers
                answers[answer.key] = answer
        return answers

    return run
