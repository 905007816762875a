"""Who acts in tests of verbs, and in which language they are told."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.factories import plain_english
from tests.gate import reviewer


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def anna(db: None) -> User:
    return reviewer("anna")


@pytest.fixture
def ben(db: None) -> User:
    return reviewer("ben")
