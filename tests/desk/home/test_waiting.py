"""What waits and what is in work, as lines: in which order, with which numbers, and until when."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.utils import timezone

from desk.home.figures import in_review as waiting_lines
from desk.home.figures.in_progress import Working, WorkInProgress, working
from desk.home.figures.in_review import ReviewLine, Waiting, waiting
from sendouts import deadlines
from sendouts.models import Batch, Status
from sendouts.models.batch import Chunk
from sendouts.outlook import forecast
from sendouts.outlook.forecast import Lately
from tests.desk.home.desk_cases import ended
from tests.factories import batch, sendout

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
KNOWN = Lately(rate=100.0, cautious=100.0, silent_until=None)
NOW = datetime(2026, 6, 30, 11, 42, 40, tzinfo=timezone.get_default_timezone())


def waits(seen: Q | None = None, known: Lately = KNOWN) -> Waiting:
    return waiting(seen or Q(), known, NOW)


def only(found: Waiting) -> ReviewLine:
    (line,) = found.lines
    return line


def works(known: Lately = KNOWN) -> Working:
    return working(Q(), known, NOW)


def made(*args: Any, **more: Any) -> Batch:
    return batch(*args, **({"now": NOW, "decisions": False} | more))


def test_the_clock_counts_to_the_last_moment_at_which_the_rejections_still_leave() -> None:
    # 9,657 rejections at 252 a second are 39 seconds; with two minutes of reserve and whole minutes: 14:01.
    deadline = datetime(2026, 6, 30, 14, 4, tzinfo=NOW.tzinfo)
    received = deadline - timedelta(hours=1)
    assert deadlines.decide_before(received, deadline, 9_657, 252.0) == deadline - 3 * MINUTE
    assert deadlines.decide_before(received, deadline, 0, 252.0) == deadline - 2 * MINUTE
    assert deadlines.decide_before(received, deadline, 0, 252.0, 5 * MINUTE) == deadline - 7 * MINUTE


def test_in_a_short_window_seconds_are_told_and_the_reserve_is_a_tenth() -> None:
    received = NOW
    deadline = received + timedelta(seconds=60)
    assert deadlines.decide_before(received, deadline, 100, 100.0) == deadline - timedelta(seconds=7)
    assert deadlines.decide_before(received, deadline, 10**9, 1e-9) < received, "nothing overflows"


def test_where_the_gateway_acts_by_itself_a_decision_must_come_before_that() -> None:
    left = made(rejected=100, accepted=1, left=30 * MINUTE)
    acting = made(rejected=100, accepted=1, left=30 * MINUTE, at_deadline="accept")
    assert forecast.decide_before(left, KNOWN, NOW) == datetime(2026, 6, 30, 12, 10, tzinfo=NOW.tzinfo)
    assert forecast.decide_before(acting, KNOWN, NOW) == forecast.acts_at(acting, KNOWN, NOW) == NOW + 25 * MINUTE


def test_the_most_urgent_comes_first_whoever_has_the_later_deadline() -> None:
    slow = made(rejected=120_000, accepted=1, left=40 * MINUTE)  # 20 minutes of sending
    soon = made(accepted=5, left=30 * MINUTE)
    assert [line.batch for line in waits().lines] == [slow.pk, soon.pk]


def test_what_needs_attention_waits_too_whatever_its_status() -> None:
    stuck = made(Status.ACCEPTED, rejected=5, accepted=1, attention="unconfirmed", attention_data={"rejections": 5})
    made(Status.ACCEPTED, rejected=5, accepted=1)
    made(Status.EXPIRED, accepted=1, attention="unread_rows")
    made(accepted=1, left=-MINUTE)
    line = only(waits())
    assert (line.batch, line.troubled, line.total, line.accepted, line.not_getting) == (stuck.pk, 1, 6, 1, 5)
    assert line.trouble


def test_singles_are_one_line_for_each_sendout() -> None:
    sms, mail = sendout(name="SMS"), sendout(name="Mail")
    for place in range(3):
        made(accepted=1, source="single", sendout=sms, left=(20 + place) * MINUTE)
    made(rejected=1, source="single", sendout=sms, left=15 * MINUTE, at_deadline="accept", due_at=NOW + 10 * MINUTE)
    made(accepted=1, source="single", sendout=sms, left=25 * MINUTE, attention="unconfirmed")
    made(undecided=1, source="single", sendout=mail, left=30 * MINUTE)
    found = waits()
    first, second = found.lines
    assert (first.key, first.batch, first.count, first.troubled) == (f"s{sms.pk}", None, 5, 1)
    assert (first.total, first.accepted, first.rejected, first.deadline) == (5, 4, 1, NOW + 15 * MINUTE)
    assert (first.accepting, first.rejecting, first.acts_at) == (1, 0, NOW + 10 * MINUTE)
    assert first.decide_before == NOW + 10 * MINUTE
    assert (second.key, second.count, second.undecided) == (f"s{mail.pk}", 1, 1)
    assert (found.batches, found.singles) == (0, 6)


def test_only_so_many_batches_have_a_line_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_lines, "LINES", 2)
    for _ in range(5):
        made(accepted=1)
    found = waits()
    assert (len(found.lines), found.batches, found.hidden) == (2, 5, 3)


def in_work() -> WorkInProgress:
    (line,) = works().lines
    return line


def test_a_file_that_is_read_is_foreseen_from_its_pace_and_the_usual_size() -> None:
    where = sendout(name="Often")
    for place in range(3):
        ended(NOW - timedelta(days=place + 1), accepted=50_000, where=where)
    found = made(Status.PLANNED, accepted=30_000, sendout=where, left=40 * MINUTE)
    chunks(found, ago=[100, 80, 40, 21, 11, 1])
    line = in_work()
    # 10,000 rows within 20 seconds; 20,000 are left.
    assert (line.stage, line.done, line.of, line.guessed, line.percent) == ("screening", 30_000, 50_000, True, 60)
    assert line.ready_at == NOW + timedelta(seconds=40)
    assert line.spare == 40 * MINUTE - timedelta(seconds=40)


@pytest.mark.parametrize(
    ("columns", "ago", "done", "of", "ready"),
    [
        ({"read_share": 0.5}, [21, 11, 1], 30_000, 60_000, 60),
        ({}, [20, 10], 10_000, None, None),
        ({"read_share": 0.5}, [3, 3], 10_000, 20_000, None),
    ],
    ids=["by how much was read", "nobody knows the size", "stored within one moment"],
)
def test_a_file_without_earlier_ones(
    columns: dict[str, Any], ago: list[int], done: int, of: int | None, ready: int | None
) -> None:
    found = made(Status.PLANNED, accepted=done, **columns)
    chunks(found, ago=ago)
    line = in_work()
    at = None if ready is None else NOW + timedelta(seconds=ready)
    assert (line.done, line.of, line.guessed, line.early, line.ready_at) == (done, of, of is None, False, at)


def test_a_file_is_received_and_in_the_first_seconds_there_is_no_forecast() -> None:
    found = made(Status.PLANNED)
    assert (in_work().stage, in_work().percent) == ("received", None)
    received = NOW - timedelta(seconds=9)
    Batch.objects.filter(pk=found.pk).update(received_at=received, total=10_000, accepted=10_000)
    chunks(found, ago=[5, 1])
    line = in_work()
    assert (line.early, line.ready_at, line.done, line.of, line.percent) == (True, None, 10_000, None, None)


def test_rejections_that_are_sent_are_foreseen_from_the_pace_of_the_platform() -> None:
    made(Status.ACCEPTED, rejected=3_000, accepted=9, confirmed=1_000, taken_on=500, left=20 * MINUTE, due_at=NOW)
    line = in_work()
    assert (line.stage, line.done, line.of, line.percent) == ("sending", 1_500, 3_000, 50)
    assert line.ready_at == NOW + timedelta(seconds=15)
    assert line.spare == 20 * MINUTE - timedelta(seconds=15)


def test_what_is_confirmed_is_being_released_and_what_is_written_is_said() -> None:
    made(Status.DELIVERED, rejected=3, confirmed=3, accepted=9, left=10 * MINUTE)
    made(Status.ACCEPTED, rejected=3, confirmed=3, accepted=9, enrichments=1, left=20 * MINUTE)
    made(Status.ACCEPTED, accepted=1, source="single")
    assert [(line.stage, line.done, line.count) for line in works().lines] == [
        ("releasing", 9, 1),
        ("writing", 9, 1),
        ("singles", 0, 1),
    ]


def chunks(of: Batch, ago: list[int]) -> None:
    """Chunks of 5,000 rows, stored so many seconds ago."""
    for number, seconds in enumerate(ago):
        Chunk.objects.create(
            batch=of,
            number=number,
            rows=5_000,
            accepted=5_000,
            rejected=0,
            undecided=0,
            unread=0,
            digest=b"",
            stored_at=NOW - timedelta(seconds=seconds),
        )
