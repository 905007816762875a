"""A regular expression of staff finds what it says, and no value makes it run for long."""

import pytest

from actions.catalog.field_rule.pattern import TooLong, searcher

HARMLESS = [
    r"@example\.com$",
    r"^[\w.+-]+@[\w-]+\.[\w.]+$",
    r"^(?:fr|be|ch)$",
    r"^\d{5}$",
    r"^(\d{2} ?){5}$",
    r"(?i)^test",
    r"^\+?33\d{9}$",
    r"colou?r",
    r"^.*\bnews\b.*$",
]
COSTLY = [
    r"(a+)+b",
    r"(a*)*b",
    r"(a|aa)+b",
    r"(.*a){20}",
    r"(a?){50}a{50}",
    "a?" * 30 + "a" * 30,
    r"(\w+\s?)*$",
    r".*.*.*.*.*x",
    r"(x+x+)+y",
    r"(a)\1*",
]


@pytest.mark.parametrize("pattern", HARMLESS)
def test_what_people_write_is_taken(pattern: str) -> None:
    assert searcher(pattern)("no such thing") in (True, False)


@pytest.mark.parametrize("pattern", COSTLY)
def test_a_pattern_that_could_run_for_hours_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="very long"):
        searcher(pattern)


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "[z-a]", "x" * 501, "*"])
def test_what_is_no_pattern_is_refused_with_a_sentence(pattern: str) -> None:
    with pytest.raises(ValueError, match="The pattern"):
        searcher(pattern)


@pytest.mark.parametrize("pattern", HARMLESS)
def test_the_worst_values_within_the_bound_come_to_an_end(pattern: str) -> None:
    found = searcher(pattern)
    for char in "a.@ 3+":
        for length in (50, 100, 500, 1000):
            assert found(char * length) in (True, False, TooLong)


def test_a_value_over_the_bound_is_not_searched() -> None:
    assert searcher("a")("a" * 1000) is True
    assert searcher("a")("a" * 1001) is TooLong
