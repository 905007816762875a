"""Long work lowers the priority of its own thread, and of nothing else."""

import os
import threading
from typing import Any

import pytest

from sendouts.stages.screening import contact_file
from tests.gate import Gate
from work import priority

pytestmark = pytest.mark.django_db


def here() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def lowered() -> int:
    priority.lower()
    return here()


def test_a_thread_of_its_own_is_lowered_and_the_next_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "_works_on_one_thing", True)
    before = here()
    assert priority.in_own_thread(lowered) == priority.NICE
    assert priority.in_own_thread(here) == here() == before


def test_no_priority_changes_where_threads_share_the_interpreter() -> None:
    before = here()
    assert priority.in_own_thread(lowered) == lowered() == before


def test_what_fails_in_its_own_thread_fails_for_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "_works_on_one_thing", True)
    with pytest.raises(ZeroDivisionError):
        priority.in_own_thread(lambda: 1 // 0)


@pytest.mark.parametrize(("contacts", "is_long"), [(30, True), (10, False)])
def test_a_long_file_lowers_its_priority_and_a_short_one_does_not(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, settings: Any, contacts: int, is_long: bool
) -> None:
    settings.CHUNK_ROWS = 5
    monkeypatch.setattr(contact_file, "LONG_CONTACTS", 15)
    told: list[None] = []
    monkeypatch.setattr(priority, "lower", lambda: told.append(None))
    gate.project()
    gate.fire(contacts=contacts)
    gate.plan()
    gate.work()
    assert gate.batch().total == contacts and bool(told) == is_long
