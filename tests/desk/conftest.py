"""What all tests of the screens need: English, and people who look."""

from typing import Any

import pytest
from django.test import Client

from tests.factories import client_of, plain_english


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def viewer() -> Client:
    return client_of("Viewer")


@pytest.fixture
def reviewer() -> Client:
    return client_of("Reviewer")


@pytest.fixture
def manager() -> Client:
    return client_of("Manager")
