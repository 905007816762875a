"""A process dies once at each named point of a batch's way; the next one goes on there."""

from pathlib import Path

import pytest

from tests.chaos import points
from tests.chaos.arming import POINTS
from tests.chaos.schedule import short

# Starting the embedded mode again takes most of the time: there, the points at which the most is at stake.
EMBEDDED = ("stored", "after_chunk", "answer_read", "effect_answered", "finish_answered", "transfer_answered")


@pytest.mark.parametrize(("mode", "names"), [("processes", tuple(POINTS)), ("embedded", EMBEDDED)])
def test_at_each_crash_point_somebody_dies_and_everything_ends_right(
    tmp_path: Path, mode: str, names: tuple[str, ...]
) -> None:
    assert set(names) <= set(POINTS)
    row = points.run(tmp_path, mode, short(1), names)
    assert row.wrong == ()
    assert row.kills == len(names)
