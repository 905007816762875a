"""The door's answers are counted as the platform's breaker sees them, without a query on their way."""

import threading
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.db.models import Sum
from django.utils import timezone

from notices.alarms import traffic
from sendouts.intake import store
from sendouts.intake.journal import Depth
from sendouts.intake.watch import KEPT_WINDOWS, WINDOW_SECONDS, DoorWatch
from sendouts.models import DoorWindow
from tests.serving import post, serving
from work.models import Pulse


def counted() -> dict[str, int]:
    # An hour, so that a clock at the border of a window changes nothing.
    return traffic.answers(timezone.now(), traffic.TOLD_SPAN)


def test_stored_unreadable_and_turned_away_hooks_are_told_apart(transactional_db: None) -> None:
    with serving() as serve:
        url = serve()
        answers = [post(url), post(url), post(url, b"no JSON"), post(url, X_Other="1")]
    assert [answer.status_code for answer in answers] == [202, 202, 400, 401]
    assert counted() == {"stored": 3, "slow": 0, "refused": 0, "turned_away": 1}


def test_a_hook_that_cannot_be_stored_in_time_is_refused_and_counted_as_such(transactional_db: None) -> None:
    let_go = threading.Event()

    def hangs(hooks: list[store.Received]) -> list[int]:
        let_go.wait(20)
        return []

    with serving() as serve:
        answer = post(serve(store=store.Store(hangs)))
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert not let_go.is_set(), "the answer came while the database still hung"
        let_go.set()
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
            watch._flush_or_log(all_of_it=True)
        assert not DoorWindow.objects.exists()
        watch._flush_or_log(all_of_it=True)
    assert DoorWindow.objects.count() == KEPT_WINDOWS
    assert min(DoorWindow.objects.values_list("at", flat=True)) == datetime.fromtimestamp(40 * WINDOW_SECONDS, UTC)
    refused = DoorWindow.objects.aggregate(all=Sum("refused"))["all"]
    assert refused == KEPT_WINDOWS + 40, "every refused hook is counted"


@pytest.mark.django_db
def test_counting_asks_the_database_nothing(django_assert_num_queries: Any) -> None:
    watch = DoorWatch()
    with django_assert_num_queries(0), patch.object(threading.Thread, "start"):
        for _ in range(1_000):
            watch.note(202, 0.01)


@pytest.mark.django_db
def test_the_depth_of_the_journal_is_told_and_once_more_when_it_is_empty() -> None:
    empty = Depth(0, None)
    depths = [empty, Depth(3, timezone.now()), empty, empty]
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
