"""Fixtures for the stages."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sendouts.symplify import client
from sendouts.symplify.client import Ask, Attempt
from tests.stages.rows import Platform
from tests.stages.spool_places import Place, place


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Ask], Attempt]], Platform]:
    """Put an answer in the place of the wire to the platform."""

    def put(answer: Callable[[Ask], Attempt]) -> Platform:
        made = Platform(answer)
        monkeypatch.setattr(client, "reject_many", made)
        monkeypatch.setattr(client, "finish_many", made)
        return made

    return put


@pytest.fixture(params=["disk", "storage"])
def kept_in(
    request: pytest.FixtureRequest, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Keep contact files on a disk, and once more in storage."""
    with place(request.param, settings, tmp_path, monkeypatch) as found:
        yield found
