"""Calendar days from midnight to midnight in the gateway's time zone, 23 or 25 hours long at a clock change."""

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
    """Return the moment at which a day begins."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def days(now: datetime, count: int = WEEK, before: int = 0) -> list[Day]:
    """Return `count` days, oldest first. The last one is today, or `before` days earlier."""
    today = timezone.localtime(now).date() - timedelta(days=before)
    dates = [today - timedelta(days=back) for back in reversed(range(count))]
    return [Day(each, midnight(each), midnight(each + timedelta(days=1))) for each in dates]
