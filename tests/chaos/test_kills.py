"""Fifteen random kills: whatever dies, every acknowledged hook comes to its end, and nobody is sent to wrongly."""

from pathlib import Path

import pytest

from tests.chaos import kills
from tests.chaos.schedule import short

SEED = 3


@pytest.mark.parametrize(("mode", "count"), [("processes", 11), ("embedded", 4)])
def test_whatever_dies_at_whatever_moment_everything_ends_right(tmp_path: Path, mode: str, count: int) -> None:
    row = kills.run(tmp_path, mode, short(SEED), count)
    assert row.wrong == ()
    assert row.kills == count and row.verdict.acknowledged > 0 and row.verdict.ends["finished"] > 0
