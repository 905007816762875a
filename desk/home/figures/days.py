"""Days as people count them: from midnight to midnight where the gateway is at home, be they 23 or 25 hours long."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

WEEK = 7


@dataclass(frozen=True, slots=True)
class Day:
    """One day: `start` belongs to it, `end` to the next."""

    date: date
    start: datetime
    end: datetime


def midnight(day: date) -> datetime:
    """The moment at which a day begins."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def days(now: datetime, count: int = WEEK, before: int = 0) -> list[Day]:
    """The last `count` days, today included, oldest first; or those that end `before` days earlier."""
    today = timezone.localtime(now).date() - timedelta(days=before)
    dates = [today - timedelta(days=back) for back in reversed(range(count))]
    return [Day(each, midnight(each), midnight(each + timedelta(days=1))) for each in dates]
