"""The desk's figures against rows made by hand: on which way contacts left, on which day, and why."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db.models import Q

from desk.home.figures.days import days
from desk.home.figures.rejections import LINES, reasons
from desk.home.figures.today import today
from desk.home.figures.week import Ways, week
from sendouts.models import Outcome, Status
from tests.desk.home.desk_cases import ended, timed_out
from tests.factories import batch, sendout

pytestmark = pytest.mark.django_db
PARIS = ZoneInfo("Europe/Paris")
# A Tuesday, in the afternoon.
NOW = datetime(2026, 6, 30, 13, 42, tzinfo=PARIS)
ALL = Q()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


def test_today_begins_at_midnight_where_the_gateway_is_at_home() -> None:
    found = today(ALL, NOW)
    assert (found.released, found.accepted, found.share, found.tightest) == (0, 0, None, None)
    ended(datetime(2026, 6, 29, 21, 59, tzinfo=UTC), accepted=1)  # 23:59 in Paris
    ended(datetime(2026, 6, 29, 22, 1, tzinfo=UTC), accepted=10)  # 00:01
    ended(NOW, accepted=100)
    found = today(ALL, NOW)
    assert (found.released, found.accepted) == (2, 110)


def test_todays_figures_add_up_what_was_released_rejected_and_timed_out() -> None:
    ended(NOW - HOUR, accepted=90, rejected=10, took=timedelta(minutes=49))
    ended(NOW - HOUR, accepted=45, rejected=5, took=timedelta(minutes=20), taken_on=2, confirmed=3)
    ended(NOW - HOUR, rejected=30, outcome=Outcome.REFUSED, took=timedelta(minutes=55))
    timed_out(NOW - HOUR, total=20, confirmed=4)
    batch(Status.IN_REVIEW, accepted=1_000, decisions=False, now=NOW)
    found = today(ALL, NOW)
    assert (found.released, found.accepted, found.rejected, found.timed_out) == (2, 135, 49, 16)
    # The refused batch reached nobody: its margin is no release's.
    assert found.tightest == timedelta(minutes=11)
    assert found.share == pytest.approx(100 * 49 / 200)
    timed_out(NOW - HOUR)
    timed_out(NOW - HOUR, total=500, file_complete=False)
    timed_out(NOW - HOUR, total=500)
    assert (found.uncounted, today(ALL, NOW).uncounted, today(ALL, NOW).timed_out) == (0, 2, 1_016)


def test_the_week_has_seven_days_with_today_last() -> None:
    ended(NOW, accepted=3, rejected=1)
    timed_out(NOW - 4 * DAY, total=412)
    ended(NOW - 6 * DAY, accepted=7)
    ended(NOW - 7 * DAY, accepted=1_000)
    found = week(ALL, NOW)
    assert [ways.date.day for ways in found] == [24, 25, 26, 27, 28, 29, 30]
    assert found[-1] == Ways(date(2026, 6, 30), accepted=3, rejected=1)
    assert (found[2].timed_out, found[0].accepted) == (412, 7)
    assert sum(ways.all for ways in found) == 4 + 412 + 7


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 29, 15, tzinfo=PARIS), 23), (datetime(2026, 10, 25, 15, tzinfo=PARIS), 25)]
)
def test_the_day_of_a_change_of_clocks_has_its_own_length(day: datetime, hours: int) -> None:
    (one,) = days(day, 1)
    assert one.end.astimezone(UTC) - one.start.astimezone(UTC) == timedelta(hours=hours)
    ended(one.start.astimezone(UTC), accepted=1)
    ended(one.end.astimezone(UTC) - timedelta(seconds=1), accepted=10)
    ended(one.start.astimezone(UTC) - timedelta(seconds=1), accepted=100)
    ended(one.end.astimezone(UTC), accepted=1_000)
    later = day + DAY
    before, of_change, after = (ways.accepted for ways in week(ALL, later)[-3:])
    assert (before, of_change, after) == (100, 11, 1_000)


def test_only_what_a_person_sees_is_added_up() -> None:
    mine, other = sendout("Shop"), sendout("Club")
    ended(NOW, accepted=1, rejected=2, where=mine)
    ended(NOW, accepted=10, rejected=20, where=other)
    seen = Q(project__in=[mine.project_id])
    assert today(seen, NOW).accepted == 1
    assert week(seen, NOW)[-1].rejected == 2
    assert [reason.count for reason in reasons(seen, NOW)] == [2]
    assert week(ALL, NOW)[-1].rejected == 22, "what one sees is not kept for the other"


def test_reasons_have_their_share_and_that_of_the_week_before() -> None:
    ended(
        NOW,
        rejected=8,
        accepted=1,
        reasons=[[2, "rule", "No consent", "c", 6], [2, "list", "", "s", 2], [1, "person", "x", "", 1]],
    )
    ended(NOW - 6 * DAY, rejected=2, accepted=1, reasons=[[2, "rule", "No consent", "other", 2]])
    ended(NOW - 8 * DAY, rejected=4, accepted=1, reasons=[[2, "list", "", "s", 3], [2, "gone", "", "", 1]])
    ended(NOW - 15 * DAY, rejected=9, accepted=1, reasons=[[2, "rule", "No consent", "c", 9]])
    found = [(one.code, one.text, one.count, one.share, one.before, one.share_before) for one in reasons(ALL, NOW)]
    assert found == [("rule", "No consent", 8, 80.0, 0, 0.0), ("list", "", 2, 20.0, 3, 75.0)]


def test_what_people_wrote_in_notes_is_one_reason() -> None:
    ended(NOW, rejected=3, accepted=1, reasons=[[2, "person", "wrong price", "", 1], [2, "person", "old stock", "", 2]])
    (one,) = reasons(ALL, NOW)
    assert (one.code, one.text, one.count, one.share_before) == ("person", "", 3, None)


def test_whole_rejected_batches_and_unfinished_ones_are_reasons_of_their_own() -> None:
    # Its reasons are those of the checks, before a person rejected everybody.
    ended(NOW, rejected=30, outcome=Outcome.REFUSED, reasons=[[2, "rule", "No consent", "c", 5]])
    timed_out(NOW, total=20, confirmed=4, reasons=[[2, "rule", "No consent", "c", 7]])
    assert [(one.code, one.count) for one in reasons(ALL, NOW)] == [("refused", 30), ("unfinished", 4)]
    assert sum(one.count for one in reasons(ALL, NOW)) == week(ALL, NOW)[-1].rejected


def test_rare_reasons_are_one_line() -> None:
    many = [[2, f"code-{place:02}", "", "c", 100 - place] for place in range(LINES + 3)]
    ended(NOW, rejected=sum(row[4] for row in many), accepted=1, reasons=many)
    found = reasons(ALL, NOW)
    assert len(found) == LINES + 1
    assert (found[-1].code, found[-1].count) == ("", sum(row[4] for row in many[LINES:]))
    assert found[-1].sentence in {"Other reasons", "Autres motifs"}
    assert sum(one.share for one in found) == pytest.approx(100)
