"""Fixtures for the stages."""

from collections.abc import Callable

import pytest

from sendouts.symplify import client
from sendouts.symplify.client import Ask, Attempt
from tests.stages.rows import Platform


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Ask], Attempt]], Platform]:
    """Put an answer in the place of the wire to the platform."""

    def put(answer: Callable[[Ask], Attempt]) -> Platform:
        made = Platform(answer)
        monkeypatch.setattr(client, "reject_many", made)
        monkeypatch.setattr(client, "finish_many", made)
        return made

    return put
