"""Fixtures of the acceptance tests: they need the servers that `make test` starts."""

import os

import pytest

MODES = ("embedded", "processes")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "acceptance" in item.path.parts:
            item.add_marker("acceptance")
            # The tests of a file share a deployment for each mode.
            mode = next((mode for mode in MODES if f"[{mode}]" in item.name), "")
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {mode}"))


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _servers() -> None:
    if not os.environ.get("TEST_BROKER_URL"):
        pytest.fail("These tests need PostgreSQL and Redis. Run them with `make test`, or `python -m tests.run`.")
