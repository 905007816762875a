"""Fixtures of the acceptance tests: they need the servers that `make test` starts."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "acceptance" in item.path.parts:
            item.add_marker("acceptance")


@pytest.fixture(autouse=True)
def _servers() -> None:
    if not os.environ.get("TEST_BROKER_URL"):
        pytest.fail("These tests need PostgreSQL and Redis. Run them with `make test`, or `python -m tests.run`.")
