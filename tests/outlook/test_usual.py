"""What is usual for a sendout is the middle of what its last batches were, and nothing where these are too few."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sendouts.models import Batch, Status
from sendouts.outlook.usual import DAYS, FILES, REVIEWED, Horizon, Usual, UsualRange, usual_in, usual_of
from tests.factories import batch, sendout

pytestmark = pytest.mark.django_db


def past(rejected: int, *, ago: int, total: int = 1000, **columns: Any) -> Batch:
    now = timezone.now() - timedelta(days=ago)
    values = {"outcome": "released", "finish_sent_at": now, "ended_at": now, "confirmed": rejected} | columns
    return batch(Status.FINISHED, accepted=total - rejected, rejected=rejected, decisions=False, now=now, **values)


def test_the_middle_of_the_last_eight_is_usual() -> None:
    for ago, rejected in enumerate((40, 42, 32, 44, 50, 38, 36, 40), start=1):
        past(rejected, ago=ago)
    past(999, ago=20)
    usual = usual_of(batch(accepted=900, rejected=100, decisions=False))
    assert usual is not None
    assert usual.shares == (4.0, 3.6, 3.8, 5.0, 4.4, 3.2, 4.2, 4.0)
    assert usual.range == UsualRange(3.2, 5.0, 4.0, 8, FILES)
    assert usual.total == 1000
    assert usual.reasons == {("rule", "consent-check"): 4.0}


def test_what_people_rejected_what_nobody_answered_and_what_came_later_is_not_usual() -> None:
    for ago in (1, 2):
        past(40, ago=ago)
    past(1000, ago=3, outcome="refused")
    now = timezone.now() - timedelta(days=1)
    batch(Status.EXPIRED, accepted=900, rejected=100, decisions=False, now=now, ended_at=now)
    past(40, ago=1, sendout=sendout(name="Another"))
    past(1, ago=1, total=1, source="single")
    made = batch(accepted=900, rejected=100, decisions=False, now=timezone.now() - timedelta(hours=2))
    past(40, ago=0)
    assert usual_of(made) is None, "two batches are not compared with"
    past(40, ago=3)
    assert usual_of(made) is not None


def test_many_sendouts_are_looked_up_at_once_each_with_its_own_last_batches() -> None:
    often, seldom = sendout(name="Often"), sendout(name="Seldom")
    for ago, rejected in enumerate((40, 42, 32, 44, 50, 38, 36, 40, 990), start=1):
        past(rejected, ago=ago, sendout=often)
    past(1000, ago=0, outcome="refused", sendout=often)
    past(1, ago=0, total=1, source="single", sendout=often)
    for ago in (1, 2):
        past(40, ago=ago, sendout=seldom)
    with CaptureQueriesContext(connection) as queries:
        found = usual_in([often.pk, seldom.pk, often.pk])
    assert len(queries) == 1
    shares = (4.0, 3.6, 3.8, 5.0, 4.4, 3.2, 4.2, 4.0)
    assert found == {often.pk: Usual(shares, UsualRange(3.2, 5.0, 4.0, 8, FILES), 1000, {})}
    assert usual_in([]) == {}


def test_a_single_is_compared_with_nothing() -> None:
    for ago in (1, 2, 3):
        past(40, ago=ago)
    with CaptureQueriesContext(connection) as queries:
        assert usual_of(batch(accepted=1, source="single", decisions=False)) is None
    assert not any("ORDER BY" in query["sql"] for query in queries)


def test_a_reason_that_most_batches_did_not_know_is_usually_nobody() -> None:
    for ago in (1, 2, 3, 4):
        past(40, ago=ago)
    past(
        50,
        ago=5,
        reasons=[
            [2, "rule", "No consent", "consent-check", 40],
            [2, "listed", "x", "lists", 10],
            [0, "missing", "", "", 9],
        ],
    )
    usual = usual_of(batch(accepted=900, rejected=100, decisions=False))
    assert usual is not None
    assert usual.reasons == {("rule", "consent-check"): 4.0, ("listed", "lists"): 0.0}


@pytest.mark.parametrize(
    ("values", "horizon", "value", "word"),
    [
        ((3.2, 4.0, 5.0), FILES, 6.8, 1),
        ((3.2, 4.0, 5.0), FILES, 5.1, 1),
        ((3.2, 4.0, 5.0), FILES, 5.0, 0),
        ((3.2, 4.0, 5.0), FILES, 3.2, 0),
        ((3.2, 4.0, 5.0), FILES, 2.0, -1),
        ((4.0, 4.0, 4.1), FILES, 4.3, 0),
        ((4.0,) * 5, DAYS, 6.0, 1),
        ((4.0,) * 5, DAYS, 5.9, 0),
        ((12.0,) * 5, DAYS, 8.0, -1),
        ((12.0,) * 5, DAYS, 8.1, 0),
        ((4.0, 4.0, 4.0, 4.0, 7.0), DAYS, 6.5, 0),
    ],
)
def test_a_value_stands_out_beyond_the_range_and_well_away_from_the_middle(
    values: tuple[float, ...], horizon: Horizon, value: float, word: int
) -> None:
    found = UsualRange.of(values, horizon)
    assert found is not None and found.stands_out(value) == word


def test_the_two_ends_are_left_out_of_ten_values_and_of_no_fewer() -> None:
    ten = UsualRange.of([0, *range(4, 12), 99], REVIEWED)
    nine = UsualRange.of([0, *range(4, 11), 99], REVIEWED)
    assert ten and nine and ((ten.low, ten.high), (nine.low, nine.high)) == ((4, 11), (0, 99))
    assert UsualRange.of([1.0] * 4, REVIEWED) is None


@pytest.mark.parametrize(("total", "word"), [(2000, 1), (1999, 0), (501, 0), (500, -1)])
def test_a_size_stands_out_at_double_and_at_half(total: int, word: int) -> None:
    assert Usual((), UsualRange(4.0, 4.0, 4.0, 3, FILES), 1000, {}).size_stands_out(total) == word
