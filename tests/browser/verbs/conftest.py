"""A separate gateway for tests of the verbs: their many batches would fill the first page of the list."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import started


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[tuple[Deployment, Simulator]]:
    folder: Path = tmp_path_factory.mktemp("verbs")
    with started(folder) as found:
        yield found
