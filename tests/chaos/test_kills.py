"""Processes die, at each named point of a batch's way and at any moment; every hook that was acknowledged ends right."""

from pathlib import Path

import pytest

from tests.chaos import door, kills, points
from tests.chaos.arming import POINTS
from tests.chaos.scene import scene
from tests.chaos.schedule import short

# Starting the embedded mode again takes most of the time: there, the points at which the most is at stake.
EMBEDDED = ("stored", "after_chunk", "answer_read", "effect_answered", "finish_answered", "transfer_answered")


@pytest.mark.parametrize(("mode", "names", "count"), [("processes", tuple(POINTS), 11), ("embedded", EMBEDDED, 4)])
def test_whatever_dies_at_whatever_moment_everything_ends_right(
    tmp_path: Path, mode: str, names: tuple[str, ...], count: int
) -> None:
    assert set(names) <= set(POINTS)
    with scene(tmp_path, mode, short(3)) as made:
        row = points.run(made, names)
        assert row.wrong == ()
        assert row.kills == len(names)
        row = kills.run(made, count)
    assert row.wrong == ()
    assert row.kills == count and row.verdict.acknowledged > 0 and row.verdict.ends["finished"] > 0


def test_whatever_dies_or_is_replaced_no_hook_meets_a_closed_door(tmp_path: Path) -> None:
    with scene(tmp_path, "processes", short(5), JOURNAL="1") as made:
        row = door.run(made, 8, 1, prompt=False)
    assert row.wrong == ()
    assert row.verdict.acknowledged > 100
