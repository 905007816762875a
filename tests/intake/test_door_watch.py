"""The door's answers are counted as the platform's breaker sees them, without a query on their way."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
import requests
import uvicorn
from django.db import OperationalError, connection
from django.utils import timezone

from notices.alarms import traffic
from sendouts.intake import store
from sendouts.intake.door import Door
from sendouts.intake.watch import KEPT_WINDOWS, WINDOW_SECONDS, DoorWatch
from sendouts.models import DoorWindow
from tests.servers import free_port
from work.models import Pulse


@dataclass(frozen=True)
class Depth:
    """What a journal tells."""

    hooks: int = 0
    oldest: datetime | None = None


HOOK = b'{"finishUri": "https://symplify.example.com/f/1", "projectName": "P", "items": [], "actions": []}'


@pytest.fixture
def serve(transactional_db: None) -> Iterator[Callable[..., tuple[str, Callable[[], None]]]]:
    """Serve a door; gives its URL, and what stops it."""
    stops: list[Callable[[], None]] = []

    def start(**more: Any) -> tuple[str, Callable[[], None]]:
        port = free_port()
        door = Door(None, basic=(("hook", "secret"),), header="", tokens=(), max_bytes=10_000, **more)
        server = uvicorn.Server(uvicorn.Config(door, port=port, log_config=None, lifespan="on", ws="none"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            thread.join(0.01)

        def stop() -> None:
            server.should_exit = True
            thread.join(10)

        stops.append(stop)
        return f"http://127.0.0.1:{port}/webhooks/symplify/", stop

    yield start
    for stop in stops:
        stop()


def post(url: str, body: bytes = HOOK, password: str = "secret") -> int:
    return requests.post(url, data=body, auth=("hook", password), timeout=10).status_code


def counted() -> dict[str, int]:
    # An hour, so that a clock at the border of a window changes nothing.
    return traffic.answers(timezone.now(), traffic.TOLD_SPAN)


def test_stored_unreadable_and_turned_away_hooks_are_told_apart(serve: Any) -> None:
    url, stop = serve()
    assert [post(url), post(url), post(url, b"no JSON"), post(url, password="x")] == [202, 202, 400, 401]
    stop()
    assert counted() == {"stored": 3, "slow": 0, "refused": 0, "turned_away": 1}


def test_a_hook_that_cannot_be_stored_in_time_is_counted_as_refused(serve: Any) -> None:
    go_on = threading.Event()

    def hangs(hooks: list[store.Received]) -> list[int]:
        go_on.wait(10)
        return []

    url, stop = serve(store=store.Store(hangs))
    assert post(url) == 503
    go_on.set()
    stop()
    assert counted() == {"stored": 0, "slow": 0, "refused": 1, "turned_away": 0}


@pytest.mark.django_db
def test_an_answer_over_half_a_second_is_slow() -> None:
    watch = DoorWatch()
    with patch.object(watch, "_begin"):
        for seconds in (0.01, 0.5, 0.501, 3.0):
            watch.note(202, seconds)
    watch.flush(all_of_it=True)
    assert counted() == {"stored": 4, "slow": 2, "refused": 0, "turned_away": 0}


@pytest.mark.django_db
def test_a_window_is_written_when_it_is_over_and_added_to_where_the_clock_went_back() -> None:
    watch = DoorWatch()
    with patch.object(watch, "_begin"), patch("sendouts.intake.watch.time") as clock:
        clock.time.return_value = 1_000_000.0
        watch.note(202, 0.1)
        watch.flush()
        assert not DoorWindow.objects.exists()
        clock.time.return_value += WINDOW_SECONDS
        watch.flush()
        clock.time.return_value -= WINDOW_SECONDS
        watch.note(503, 0.4)
        watch.flush(all_of_it=True)
    row = DoorWindow.objects.get()
    assert (row.at, row.stored, row.refused) == (datetime.fromtimestamp(1_000_000, UTC), 1, 1)


@pytest.mark.django_db
def test_windows_are_kept_while_the_database_is_away_and_only_the_last_of_them() -> None:
    watch = DoorWatch()
    with patch.object(threading.Thread, "start"), patch("sendouts.intake.watch.time") as clock:
        for number in range(KEPT_WINDOWS + 40):
            clock.time.return_value = float(number * WINDOW_SECONDS)
            watch.note(503, 0.4)
        with patch.object(watch, "_write", side_effect=OperationalError), patch.object(connection, "close"):
            watch._try(all_of_it=True)
        assert not DoorWindow.objects.exists()
        watch._try(all_of_it=True)
    assert DoorWindow.objects.count() == KEPT_WINDOWS
    assert min(DoorWindow.objects.values_list("at", flat=True)) == datetime.fromtimestamp(40 * WINDOW_SECONDS, UTC)


@pytest.mark.django_db
def test_counting_asks_the_database_nothing(django_assert_num_queries: Any) -> None:
    watch = DoorWatch()
    with django_assert_num_queries(0), patch.object(threading.Thread, "start"):
        for _ in range(1_000):
            watch.note(202, 0.01)


@pytest.mark.django_db
def test_the_depth_of_the_journal_is_told_and_once_more_when_it_is_empty() -> None:
    depths = [Depth(), Depth(3, timezone.now()), Depth(), Depth()]
    with patch.object(threading.Thread, "start") as start:
        watch = DoorWatch(lambda: depths.pop(0))
        watch.start()
    assert start.called, "before the first hook"
    watch.flush()
    assert not Pulse.objects.exists()
    watch.flush()
    assert Pulse.objects.get().data["journal"] == 3
    watch.flush()
    assert Pulse.objects.get().data["journal"] == 0
    Pulse.objects.all().delete()
    watch.flush()
    assert not Pulse.objects.exists()
