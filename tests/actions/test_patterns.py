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
    r"(?P<year>\d{4})-\d\d",
]
# What takes a search with backtracking hours.
REPEATING = [
    r"(a+)+b",
    r"(a*)*b",
    r"(a|aa)+b",
    r"(.*a){20}",
    r"(a?){50}a{50}",
    "a?" * 30 + "a" * 30,
    r"(\w+\s?)*$",
    r".*.*.*.*.*x",
    r"(x+x+)+y",
    r"(?:(?i:A){3}[ab]{1,8}\w{0,3}\w{3}){2}$",
    r"(a|b)+@{3}",
]
UNKNOWN = [
    r"(a)\1*",
    r"(?P<one>a)(?P=one)",
    r"(?=a)b",
    r"(?!a)b",
    r"(?<=a)b",
    r"(?<!a)b",
    r"(?>a+)b",
    r"a++",
    r"(?x)a b",
    r"(a)?(?(1)b|c)",
    r"[\W_]",
    r"\bété\b",
    r"a{1001}",
    "\ud800",
]


@pytest.mark.parametrize("pattern", UNKNOWN)
def test_what_linear_searches_do_not_know_is_refused_with_a_sentence(pattern: str) -> None:
    with pytest.raises(ValueError, match="back-references, lookahead"):
        searcher(pattern)


@pytest.mark.parametrize("pattern", [r"\w{900}x", r"(?:\w{1,30}){30}", r"((a{1,9}){1,90}){1,90}", r"(?:\w{1,99}){9}"])
def test_a_pattern_that_repeats_too_much_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"very long|do not know"):
        searcher(pattern)


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "[z-a]", "x" * 501, "*", r"\p{L}", r"\C"])
def test_what_is_no_pattern_is_refused_with_a_sentence(pattern: str) -> None:
    with pytest.raises(ValueError, match="The pattern"):
        searcher(pattern)


@pytest.mark.parametrize("pattern", HARMLESS + REPEATING)
def test_what_people_write_is_taken_and_the_worst_values_come_to_an_end(pattern: str) -> None:
    found = searcher(pattern)
    assert found("no such thing") in (True, False)
    for char in "a.@ 3+":
        for length in (50, 100, 500, 1000):
            assert found(char * length) in (True, False, TooLong)


@pytest.mark.parametrize(
    ("pattern", "value", "wanted"),
    [
        (r"^\w+$", "Zoé", True),
        (r"^\w+$", "Ελλάδα", True),
        (r"^\w+$", "東京", True),
        (r"^\w+$", "Zoé!", False),
        (r"^[\w-]+$", "Noël-Ève", True),
        (r"\W", "Zoé", False),
        (r"^\W$", "€", True),
        (r"^\d+$", "٣٤", True),
        (r"^[^\d]+$", "Zoé", True),
        (r"a\sb", "a\u00a0b", True),
        (r"^\S+$", "a\u2003b", False),
        (r"(?i)^ÉTÉ$", "été", True),
        ("^É$", "é", False),
        (r"^\u00e9\x41$", "éA", True),
        (r"a$", "a\n", True),
        (r"a\Z", "a\n", False),
        (r"a$", "a\nb", False),
        (r"(?m)a$", "a\nb", True),
        (r"a.b", "a\nb", False),
        (r"(?s)a.b", "a\nb", True),
        (r"^[]$]$", "]", True),
        (r"^[^]$]$", "]", False),
        (r"^[a[]$", "[", True),
        (r"^a[\]$]b$", "a$b", True),
        (r"\$5", "$5", True),
        (r"^a{,2}$", "aaa", False),
        (r"^a{,}$", "aaa", True),
        (r"^[{,2}]$", ",", True),
        (r"^a{x}$", "a{x}", True),
        ("b", "a\ud800b", True),
    ],
)
def test_a_pattern_means_what_it_means_elsewhere(pattern: str, value: str, wanted: bool) -> None:
    assert searcher(pattern)(value) is wanted


def test_a_value_over_the_bound_is_not_searched() -> None:
    assert searcher("a")("a" * 1000) is True
    assert searcher("a")("a" * 1001) is TooLong


def test_a_long_program_searches_shorter_values() -> None:
    found = searcher(r"^\w{2,99}@")
    assert found("a" * 99 + "@") is True
    assert found("a" * 1000) is TooLong
