"""Times in which the door was closed are noted on the disk, and told from the database for a day."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from sendouts.intake import closures
from work.models import Pulse

pytestmark = pytest.mark.django_db
OPEN, CLOSED = 1_800_000_000.0, 1_800_000_060.0


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(moment(CLOSED), tick=False):
        yield


def leave_trace(folder: Path, at: float) -> None:
    closures.trace(folder)
    os.utime(folder / closures.TRACE, (at, at))


def test_the_time_since_the_last_trace_is_told_for_a_day(tmp_path: Path) -> None:
    leave_trace(tmp_path, OPEN)
    closures.note(tmp_path, 3)
    closures.report(tmp_path)
    told = [closures.Closure(moment(OPEN), moment(CLOSED))]
    assert closures.recent(moment(CLOSED) + timedelta(hours=23)) == told
    assert closures.recent(moment(CLOSED) + timedelta(hours=24)) == []
    Pulse.objects.all().delete()
    closures.report(tmp_path)
    assert not Pulse.objects.exists(), "written once"


def test_a_first_start_and_a_short_closure_are_not_told(tmp_path: Path) -> None:
    closures.note(tmp_path, 3)
    leave_trace(tmp_path, CLOSED - 2)
    closures.note(tmp_path, 3)
    closures.report(tmp_path)
    assert closures.recent(moment(CLOSED)) == []


@pytest.mark.parametrize("text", ["", "[1]", '["x", 2]', "[1e30, 1e30]"])
def test_a_damaged_note_is_dropped(tmp_path: Path, text: str) -> None:
    (tmp_path / closures.NOTE).write_text(text)
    closures.report(tmp_path)
    assert closures.recent(moment(CLOSED)) == [] and not (tmp_path / closures.NOTE).exists()
