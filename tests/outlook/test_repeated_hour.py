"""A time of day in the hour that the clock repeats in autumn is told with its zone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from sendouts.wording.batch_sentences import column_time, time_of

MOMENT = datetime(2026, 10, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "sentence", "column"),
    [
        (-10, "01:50", "01:50 CEST"),
        (30, "02:30 CEST", "02:30 CEST"),
        (90, "02:30 CET", "02:30 CET"),
        (130, "03:10", "03:10 CET"),
    ],
)
def test_a_time_that_comes_twice_is_told_with_its_zone(settings: Any, minutes: int, sentence: str, column: str) -> None:
    settings.TIME_ZONE = "Europe/Paris"
    moment = MOMENT + timedelta(minutes=minutes)
    with translation.override("en"):
        assert (time_of(moment, moment), column_time(moment, moment)) == (sentence, column)
