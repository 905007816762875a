"""A sentence is stored as a code with parameters, fits its column whatever these hold, and is written when it is read."""

import json

import pytest

from actions.catalog.shared.http import ServiceFailure
from actions.contract import Permanent, Sentences, reject
from actions.plan.failures import PlanFailure
from actions.sentences import LONGEST, write

ANSWERED = ServiceFailure.ANSWERED(host="crm.example.com", code=503)


def test_code_and_parameters_are_stored_and_nothing_else() -> None:
    assert json.loads(ANSWERED) == {"code": "service.answered", "params": {"host": "crm.example.com", "code": 503}}
    assert write(ANSWERED) == "crm.example.com answered 503."


def test_a_sentence_may_stand_in_another() -> None:
    both = PlanFailure.NO_TIME_AGAIN(why=ANSWERED)
    assert write(both) == "crm.example.com answered 503. No time was left to ask again."
    assert write(PlanFailure.NO_TIME_AGAIN(why="Busy.")) == "Busy. No time was left to ask again."


@pytest.mark.parametrize(
    "free",
    ["", "No consent", "{", '{"code":', '{"code":"service.answered"}', '{"code":1,"params":[]}', "50 % off", "[1]"],
)
def test_what_people_and_other_kinds_wrote_stays_as_it_is(free: str) -> None:
    assert write(free) == free


@pytest.mark.parametrize("host", ["h" * 10_000, '"' * 10_000, "\x00\x01" * 5_000, "\ud800" * 5_000, "é" * 5_000])
def test_whatever_a_parameter_holds_it_fits_and_can_be_stored(host: str) -> None:
    for text in (ServiceFailure.ANSWERED(host=host, code=503), PlanFailure.NO_TIME_AGAIN(why=host)):
        assert len(text) <= LONGEST and text.encode()
        assert "\x00" not in write(text) and write(text) != text
    nested = PlanFailure.NO_TIME_AGAIN(why=ServiceFailure.ANSWERED(host=host, code=503))
    assert len(nested) <= LONGEST and write(nested).endswith("… answered 503. No time was left to ask again.")


def test_a_code_whose_kind_is_gone_is_shown_with_its_parameters() -> None:
    assert write('{"code":"gone.no_answer","params":{"host":"a.example.com"}}') == "gone.no_answer (a.example.com)"
    assert write('{"code":"gone.no_answer","params":{}}') == "gone.no_answer"
    # Said otherwise by a later version.
    assert write('{"code":"service.answered","params":{"name":"a"}}') == "service.answered (a)"


def test_a_code_has_one_sentence() -> None:
    with pytest.raises((ValueError, TypeError), match=r"service\.answered"):

        class Other(Sentences):
            AGAIN = "service.answered", "Something else."


def test_kinds_say_free_text_or_what_they_declared() -> None:
    assert (Permanent("Broken.").text, str(Permanent("Broken."))) == ("Broken.", "Broken.")
    assert (Permanent(ANSWERED).text, str(Permanent(ANSWERED))) == (ANSWERED, "crm.example.com answered 503.")
    assert reject("no", ANSWERED).text == ANSWERED and reject("no", "No consent").text == "No consent"
    assert Permanent().text == Permanent.__doc__
