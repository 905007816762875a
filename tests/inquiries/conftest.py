"""The consent service that trials and probes ask, as the simulator plays it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from outbound.breaker import service_breakers
from sendouts.services import credentials, hosts
from simulator.client import Simulator
from tests.factories import client_of, plain_english


@pytest.fixture(scope="package")
def _service() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture
def service(_service: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The service, which may be called, and has not been yet."""
    plain_english(settings)
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.OUTBOUND_ALLOW_HTTP = True
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 0.0)
    hosts._known.clear()
    service_breakers.forget()
    _service.reset()
    return _service


@pytest.fixture
def manager(db: None) -> Client:
    return client_of("Manager")
