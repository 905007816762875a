"""What an address or a form says of a number is read, or passed over; it never fails."""

import pytest

from actions.whole import whole


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("17", 17),
        ("9" * 18, 10**18 - 1),
        ("", None),
        ("-1", None),
        (" 1", None),
        ("1.0", None),
        ("²", None),
        ("٣", None),
        ("9" * 19, None),
        pytest.param("9" * 5_000, None, id="of many digits"),
    ],
)
def test_only_a_whole_number_of_bearable_length_is_one(text: str, number: int | None) -> None:
    assert whole(text) == number
