"""A sendout that declares how often it is expected raises an alarm when its hook does not come."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from actions.config import apply, file
from actions.models import Sendout
from notices.alarms import traffic
from tests.factories import batch

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
FILE = """
projects:
  - name: Newsletter
    sendouts:
      - {journey: Summer, name: Day 1%s}
"""


def declare(every: str = "1h", *, ago: timedelta = timedelta(0)) -> Sendout:
    """Declare in the file that the sendout is expected, some time ago."""
    apply.apply(file.read(FILE % (f", expect_every: {every}" if every else "")))
    made = Sendout.objects.get()
    last = made.history.latest()
    type(last).objects.filter(pk=last.pk).update(history_date=timezone.now() - ago)
    return made


def came(sendout: Sendout, ago: timedelta) -> None:
    batch(sendout=sendout, received_at=timezone.now() - ago, decisions=False)


def silent() -> list[str]:
    return [finding.subject for finding in traffic.sendout_silent(timezone.now())]


def test_it_is_expected_from_the_declaration_on_where_none_ever_came() -> None:
    made = declare(ago=HOUR)
    assert silent() == [], "a tenth of the time is grace"
    declare("", ago=9 * HOUR)
    assert declare(ago=1.2 * HOUR) == made and silent() == [str(made.pk)]


def test_it_is_expected_since_the_last_that_came() -> None:
    made = declare(ago=24 * HOUR)
    came(made, 2 * HOUR)
    assert silent() == [str(made.pk)]
    came(made, 1.05 * HOUR)
    assert silent() == []


def test_a_sendout_that_rested_for_long_is_not_late_at_once_when_it_is_declared() -> None:
    made = declare("", ago=99 * HOUR)
    came(made, 72 * HOUR)
    declare(ago=timedelta(minutes=1))
    assert silent() == []


def test_a_change_of_the_time_begins_it_anew_and_another_change_does_not() -> None:
    made = declare("2h", ago=99 * HOUR)
    declare("1h", ago=0.5 * HOUR)
    assert silent() == []
    made.refresh_from_db()
    made.review = "always"
    made.save()
    since = timezone.now() - made.expected_since()
    assert timedelta(minutes=29) < since < timedelta(minutes=31)


@pytest.mark.parametrize("where", ["sendout", "project"])
def test_what_is_archived_is_not_expected(where: str) -> None:
    made = declare(ago=9 * HOUR)
    archived: Any = made if where == "sendout" else made.project
    type(archived).objects.filter(pk=archived.pk).update(archived=True)
    assert silent() == []
