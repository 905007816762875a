"""One fixture, `net`: it makes sites, fan-outs and sessions, and closes them at the end of a test."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from outbound.breaker import breakers
from tests.outbound.net import Net


@pytest.fixture(autouse=True)
def _closed_breakers() -> None:
    """What a test's site did is not held against the next one on its port."""
    breakers.forget()


@pytest.fixture
def net() -> Iterator[Net]:
    with ExitStack() as stack:
        yield Net(stack)


@pytest.fixture
def closed_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
