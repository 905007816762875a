"""The header Retry-After: seconds or a date, and nothing where it says nothing."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from outbound.retry_after import read_retry_after


def test_a_date_becomes_the_seconds_until_then() -> None:
    seconds = read_retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))
    assert seconds is not None
    assert 60 < seconds <= 90


@pytest.mark.parametrize("text", ["", "soon", "-3", "1.5", "²", "0", "Sun, 99 Nov 2026 10:00:00 GMT"])
def test_what_names_no_time_to_come_asks_for_none(text: str) -> None:
    assert read_retry_after(text) is None


def test_spaces_around_and_endless_digits_are_read() -> None:
    assert read_retry_after(" 12 ") == 12.0
    assert read_retry_after("9" * 5_000) == 3_600.0
