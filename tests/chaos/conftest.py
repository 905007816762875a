"""Fixtures for the short round of `make chaos`: it needs the servers that `make test` starts."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "chaos" in item.path.parent.parts:
            item.add_marker("acceptance")


@pytest.fixture(autouse=True)
def _servers() -> None:
    if not os.environ.get("TEST_BROKER_URL"):
        pytest.fail("These tests need PostgreSQL and Redis. Run them with `make test`, or `python -m tests.run`.")
