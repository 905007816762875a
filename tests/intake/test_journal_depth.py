"""How many hooks wait in the journals, as any process sees it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sendouts.intake.hook import Received
from sendouts.intake.journal import Depth, Journal, depth

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def hooks(count: int, minute: int) -> list[Received]:
    return [Received(b'{"a": 1}', "", START + timedelta(minutes=minute, seconds=number)) for number in range(count)]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert depth(tmp_path / "journal") == Depth(0, None)


def test_hooks_of_all_files_are_counted_and_the_oldest_is_told(tmp_path: Path) -> None:
    living, dead = Journal(tmp_path), Journal(tmp_path)
    living.append(hooks(3, minute=5))
    assert depth(tmp_path) == Depth(3, START + timedelta(minutes=5))
    dead.append(hooks(2, minute=2))
    dead.close()
    living.append(hooks(4, minute=6))
    assert depth(tmp_path) == Depth(9, START + timedelta(minutes=2))
    assert depth(tmp_path) == Depth(9, START + timedelta(minutes=2)), "asking again changes nothing"
    for file in living.take():
        file.remove()
    assert depth(tmp_path) == Depth(2, START + timedelta(minutes=2))


def test_a_hook_that_is_being_written_counts_once_it_is_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(hooks(1, minute=0))
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    assert depth(tmp_path).hooks == 1
    path.write_bytes(whole + whole)
    assert depth(tmp_path).hooks == 2
    path.write_bytes(whole)
    assert depth(tmp_path).hooks == 1, "cut back after a write that failed"


def test_damage_hides_neither_what_waits_behind_it_nor_the_files_kept_for_a_person(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(hooks(3, minute=0))
    [path] = tmp_path.iterdir()
    broken = bytearray(path.read_bytes())
    broken[2] ^= 1
    path.write_bytes(broken)
    assert depth(tmp_path) == Depth(2, START + timedelta(seconds=1))
    [file] = journal.take()
    file.set_aside()
    assert depth(tmp_path) == Depth(0, None, damaged=1)
