"""Files of a journal: held by one process, adopted by one, whole after a write that failed."""

import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from fcntl import flock
from pathlib import Path

import pytest

from sendouts.intake.hook import Received
from sendouts.intake.journal import Journal, JournalFile, orphans
from sendouts.intake.journal import file as journal_file
from tests.servers import temporary_disk


def hooks(count: int, body: bytes = b"{}") -> list[Received]:
    return [Received(body, "application/json", datetime.now(UTC)) for _ in range(count)]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow further: a short write first, then an error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, was)


def test_what_was_appended_is_read_and_nobody_else_may_look(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    file = JournalFile.create(folder)
    groups = [hooks(3), hooks(1, b"x" * 100_000)]
    for group in groups:
        file.append(group)
    assert file.read().hooks == groups[0] + groups[1]
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.path.stat().st_size == file.size
    file.close()


def test_a_file_is_adopted_only_when_its_holder_has_let_go(tmp_path: Path) -> None:
    file = JournalFile.create(tmp_path)
    written = hooks(2)
    file.append(written)
    assert list(orphans(tmp_path)) == []
    file.close()
    [adopted] = orphans(tmp_path)
    assert adopted.read().hooks == written
    assert list(orphans(tmp_path)) == [], "held again"
    adopted.remove()
    assert list(orphans(tmp_path)) == [] == list(tmp_path.iterdir())


def before_the_lock(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Have something happen once, between a process's opening of a file and its lock."""
    acts = [act]

    def late(descriptor: int, how: int) -> None:
        if acts:
            acts.pop()()
        flock(descriptor, how)

    monkeypatch.setattr(journal_file, "flock", late)


def test_a_file_that_is_removed_between_the_look_and_the_lock_is_not_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = JournalFile.create(tmp_path)
    before_the_lock(monkeypatch, file.remove)
    assert JournalFile.adopt(file.path) is None


def test_a_new_file_that_another_process_takes_for_an_orphan_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Path] = []

    def take() -> None:
        for orphan in orphans(tmp_path):
            taken.append(orphan.path)
            orphan.remove()

    before_the_lock(monkeypatch, take)
    file = JournalFile.create(tmp_path)
    written = hooks(1)
    file.append(written)
    assert len(taken) == 1 and [file.path] == list(tmp_path.iterdir())
    file.close()
    [adopted] = orphans(tmp_path)
    assert adopted.read().hooks == written
    adopted.close()


def test_of_processes_that_reach_for_the_same_orphans_each_file_goes_to_one(tmp_path: Path) -> None:
    for _ in range(40):
        file = JournalFile.create(tmp_path)
        file.append(hooks(5))
        file.close()
    together = threading.Barrier(3)

    # A lock belongs to an open file, so threads race for it as processes do.
    def adopt(_: int) -> int:
        together.wait(10)
        found = 0
        for file in orphans(tmp_path):
            found += len(file.read().hooks)
            file.remove()
        return found

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(adopt, range(3))) == 200
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_in_the_middle_leaves_the_records_before_it_and_later_ones_go_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first, too_much, later = hooks(2), hooks(3, b"x" * 10_000), hooks(1)
    journal.append(first)
    [path] = tmp_path.iterdir()
    size = path.stat().st_size
    with largest_file(size + 15_000), pytest.raises(OSError, match="File too large"):
        journal.append(too_much)
    assert path.stat().st_size == size, "cut back to the last good record"
    journal.append(later)
    [file] = journal.take()
    found = file.read()
    assert (found.hooks, found.damaged) == (first + later, 0)
    file.close()


def test_after_a_failed_sync_the_file_is_left_alone_and_the_next_hooks_go_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    first, lost, later = hooks(1), hooks(1), hooks(1)
    journal.append(first)

    def fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails)
        with pytest.raises(OSError, match="Input/output error"):
            journal.append(lost)
    journal.append(later)
    taken = journal.take()
    assert [file.read().hooks for file in taken] == [first, later]
    for file in taken:
        file.close()


def test_a_full_file_makes_room_for_the_next_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path, file_bytes=3_000)
    written = [hooks(1, b"x" * 2_000) for _ in range(5)]
    for group in written:
        journal.append(group)
    assert len(list(tmp_path.iterdir())) == 3
    taken = journal.take()
    assert [hook for file in taken for hook in file.read().hooks] == [hook for group in written for hook in group]
    assert journal.take() == [] and not journal.holds_hooks
    for file in taken:
        file.remove()


def test_a_file_is_ready_before_the_first_hook_and_leaves_no_trace_without_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.prepare()
    [path] = tmp_path.iterdir()
    assert not journal.holds_hooks and journal.take() == []
    written = hooks(1)
    journal.append(written)
    [file] = journal.take()
    assert (file.path, file.read().hooks) == (path, written)
    file.remove()
    journal.prepare()
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_files_of_other_names_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes.journal", "00.journal", "0123456789abcdef0123456789abcdef.txt"):
        (tmp_path / name).write_bytes(b"not ours")
    assert list(orphans(tmp_path)) == []
    assert len(list(tmp_path.iterdir())) == 3


def test_a_full_disk_takes_hooks_in_its_reserve_before_and_after_a_load_that_failed(tmp_path: Path) -> None:
    with temporary_disk(tmp_path, kilobytes=2_048) as disk:
        journal = Journal(disk / "journal", file_bytes=50_000, reserve_bytes=500_000)
        journal.prepare()
        fill(disk / "others")
        written: list[Received] = []

        def append_until(size: int) -> None:
            while sum(len(hook.body) for hook in written) < size:
                group = hooks(1, b"x" * 9_000)
                journal.append(group)
                written.extend(group)

        append_until(200_000)
        taken = journal.take()
        assert len(taken) == 1 and journal.take_back(taken) == [], "the reserve stays in use"
        append_until(450_000)
        with pytest.raises(OSError, match="No space left"):
            append_until(2_000_000)
        (disk / "others").unlink()
        append_until(600_000)
        taken = journal.take()
        assert [hook for file in taken for hook in file.read().hooks] == written
        for file in taken:
            file.remove()
        journal.close()


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4_096))
