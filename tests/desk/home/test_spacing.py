"""How long a project's answers take, and how far apart two steps must be."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from desk.home.figures.step_gap import StepGap, spacing
from tests.desk.home.desk_cases import ended, timed_out
from tests.factories import sendout

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


def answered(project: str, *minutes: float) -> None:
    for each in minutes:
        ended(timezone.now() - timedelta(hours=1), accepted=1, took=each * MINUTE, where=sendout(project))


def test_half_and_95_percent_are_times_that_were_measured() -> None:
    answered("Shop", *range(1, 21))
    (found,) = spacing(Q(), timezone.now())
    assert (found.name, found.batches, found.half, found.most) == ("Shop", 20, 10 * MINUTE, 19 * MINUTE)


def test_each_project_has_its_line_the_quickest_first() -> None:
    answered("Club", 30, 47)
    answered("Shop", 2, 4)
    assert [(one.name, one.most) for one in spacing(Q(), timezone.now())] == [
        ("Shop", 4 * MINUTE),
        ("Club", 47 * MINUTE),
    ]
    mine = sendout("Club").project_id
    cache.clear()
    assert [one.project for one in spacing(Q(project__in=[mine]), timezone.now())] == [mine]


def test_only_releases_of_the_last_30_days_count_and_time_outs_are_told() -> None:
    answered("Shop", 4)
    now = timezone.now()
    ended(now - timedelta(days=31), accepted=1, took=50 * MINUTE, where=sendout("Shop"))
    ended(now, rejected=1, outcome="refused", took=50 * MINUTE, where=sendout("Shop"))
    timed_out(now, total=1, where=sendout("Shop"))
    (found,) = spacing(Q(), now)
    assert (found.batches, found.half, found.most, found.late) == (1, 4 * MINUTE, 4 * MINUTE, 1)


@pytest.mark.parametrize(
    ("seconds", "needed", "apart"),
    [
        (1, 1, 1),
        (48, 1, 1),
        (49, 2, 2),
        (245, 6, 6),
        (570, 12, 12),
        (47 * 60, 59, 59),
        (48 * 60, 60, 60),
        (60 * 60, 75, 60),
    ],
)
def test_the_advice_is_a_quarter_more_in_whole_minutes_and_at_most_an_hour(
    seconds: int, needed: int, apart: int
) -> None:
    pace = StepGap(1, "Shop", "never", 1, 0, timedelta(), timedelta(seconds=seconds))
    assert (pace.needed, pace.apart) == (needed, apart)
