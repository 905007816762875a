"""A short round of the fuzzing that `make fuzz` does at length."""

import pytest

from sendouts.symplify.items import Row
from tests.fuzz.__main__ import run
from tests.fuzz.judging import Breach, _nothing_invented


def test_damaged_inputs_crash_nothing_and_bring_no_contact_that_was_not_there() -> None:
    seen, failed = run(2_000, seed=7)
    assert failed == []
    assert sum(seen.values()) == 2_000 and len(seen) > 15, "all kinds of outcomes, else the inputs are too tame"


def test_the_judge_notices_a_contact_that_is_not_in_the_file() -> None:
    with pytest.raises(Breach):
        _nothing_invented(
            b'[{"contactId":"A","cancelUri":"https://x.example/1"}]', [Row("B", "https://x.example/1", {})]
        )
