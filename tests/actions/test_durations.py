"""Durations are read and written the way people say them."""

from datetime import timedelta

import pytest

from actions.config import durations

TEXTS = [("30s", 30), ("60m", 3600), ("90s", 90), ("2h", 7200), ("1d", 86400), ("5m", 300), ("36h", 129600)]


@pytest.mark.parametrize(("text", "seconds"), TEXTS)
def test_the_form_of_the_file_reads_back_as_written(text: str, seconds: int) -> None:
    assert durations.read(text) == timedelta(seconds=seconds)
    assert durations.write(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize("text", ["", "60", "m", "1.5h", "-5m", "5 m", "5w", "1h30m", "٣m"])
def test_the_file_takes_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        durations.read(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60", 3600), ("60 min", 3600), ("60m", 3600), (" 2 H ", 7200), ("1 jour", 86400), ("45 s", 45)],
)
def test_a_form_takes_what_people_type(text: str, seconds: int) -> None:
    assert durations.read_typed(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [10, 60, 3600, 5400, 7200, 86400])
def test_what_a_form_shows_it_also_reads(seconds: int) -> None:
    shown = durations.show(timedelta(seconds=seconds))
    assert durations.read_typed(shown) == timedelta(seconds=seconds)


def test_an_hour_is_shown_in_minutes() -> None:
    assert durations.show(timedelta(hours=1)) == "60 min"
