"""What a rule on a field says about every value that a file can hold."""

from typing import Any

import pytest
from pydantic import ValidationError

from actions.catalog.field_rule.kind import FieldRule
from actions.config.errors import sentences
from actions.contract import Contact, Word

REJECT, ACCEPT, UNDECIDED = Word.REJECT, Word.ACCEPT, Word.UNDECIDED
ABSENT = object()


def say(reject_if: dict[str, Any], value: Any, **config: Any) -> Word:
    rule = FieldRule(FieldRule.read_config({"field": "f", "reject_if": reject_if, **config}))
    fields = {} if value is ABSENT else {"f": value}
    # Twice in one page: the second answer comes from what was remembered.
    first, second = rule.check([Contact("A-1", fields), Contact("A-2", fields)], None)  # type: ignore[arg-type]
    assert first == second
    return first.word


CASES: list[tuple[dict[str, Any], Any, Word]] = [
    ({"equals": False}, False, REJECT),
    ({"equals": False}, True, ACCEPT),
    ({"equals": False}, "false", REJECT),
    ({"equals": False}, " FALSE ", REJECT),
    ({"equals": False}, "no", REJECT),
    ({"equals": False}, "Non", REJECT),
    ({"equals": False}, "0", REJECT),
    ({"equals": False}, 0, REJECT),
    ({"equals": False}, 0.0, REJECT),
    ({"equals": False}, "oui", ACCEPT),
    ({"equals": False}, "yes", ACCEPT),
    ({"equals": False}, "1", ACCEPT),
    ({"equals": False}, 1, ACCEPT),
    ({"equals": False}, "perhaps", UNDECIDED),
    ({"equals": False}, 2, UNDECIDED),
    ({"equals": False}, [], UNDECIDED),
    ({"equals": False}, {"a": 1}, UNDECIDED),
    ({"equals": "no"}, False, REJECT),
    ({"equals": "FR"}, " FR ", REJECT),
    ({"equals": "FR"}, "fr", ACCEPT),
    ({"equals": "FR"}, 1, UNDECIDED),
    ({"equals": "caf\u00e9"}, "cafe\u0301", REJECT),
    ({"equals": 17}, "17", REJECT),
    ({"equals": 17}, "17,0", REJECT),
    ({"equals": 17}, 17.0, REJECT),
    ({"equals": 17}, "seventeen", UNDECIDED),
    ({"equals": "17"}, 17, REJECT),
    ({"equals": 1}, True, REJECT),
    ({"not_equals": True}, "oui", ACCEPT),
    ({"not_equals": True}, "non", REJECT),
    ({"not_equals": True}, "perhaps", UNDECIDED),
    ({"in": ["FR", "BE"]}, "BE", REJECT),
    ({"in": ["FR", 33]}, "CH", ACCEPT),
    ({"in": [1, 2]}, "many", UNDECIDED),
    ({"not_in": ["FR", "BE"]}, "CH", REJECT),
    ({"not_in": ["FR", "BE"]}, "FR", ACCEPT),
    ({"not_in": [1, 2]}, "many", UNDECIDED),
    ({"greater": 3}, "3,5", REJECT),
    ({"greater": 3}, 3, ACCEPT),
    ({"greater": 3}, "1_000", UNDECIDED),
    ({"greater": 3}, "nan", UNDECIDED),
    ({"greater": 3}, "1e999", UNDECIDED),
    ({"greater": 3}, True, UNDECIDED),
    ({"less": 18}, "17.5", REJECT),
    ({"less": 18}, "-1", REJECT),
    ({"less": 18}, 10**30, ACCEPT),
    ({"missing": True}, ABSENT, REJECT),
    ({"missing": True}, "", REJECT),
    ({"missing": True}, None, REJECT),
    ({"missing": True}, 0, ACCEPT),
    ({"missing": True}, [], ACCEPT),
    ({"matches": r"@example\.com$"}, "a@example.com", REJECT),
    ({"matches": "^33"}, 3312, REJECT),
    ({"matches": "^33"}, "+3312", ACCEPT),
    ({"matches": "true"}, True, REJECT),
    ({"matches": "a"}, ["a"], UNDECIDED),
    ({"matches": "a"}, "a" * 1001, UNDECIDED),
]


@pytest.mark.parametrize(("reject_if", "value", "word"), CASES)
def test_a_rule_says_the_same_of_a_value_in_every_spelling(reject_if: dict[str, Any], value: Any, word: Word) -> None:
    assert say(reject_if, value) == word


@pytest.mark.parametrize("value", [ABSENT, None, "", "   "])
@pytest.mark.parametrize(("choice", "word"), [("hold", UNDECIDED), ("accept", ACCEPT), ("reject", REJECT)])
def test_a_missing_field_is_treated_as_the_rule_says(value: Any, choice: str, word: Word) -> None:
    assert say({"equals": False}, value, if_missing=choice) == word


def test_a_missing_field_holds_unless_somebody_chose_otherwise() -> None:
    assert say({"equals": False}, ABSENT) == UNDECIDED


def test_one_two_and_true_are_told_apart_though_python_calls_them_equal() -> None:
    rule = FieldRule(FieldRule.read_config({"field": "f", "reject_if": {"greater": 0}}))
    values: list[Any] = [1, True, 1.0, True, 1]
    page = [Contact(str(place), {"f": value}) for place, value in enumerate(values)]
    words = [verdict.word for verdict in rule.check(page, None)]  # type: ignore[arg-type]
    assert words == [REJECT, UNDECIDED, REJECT, UNDECIDED, REJECT]


def test_a_million_different_values_are_not_remembered() -> None:
    rule = FieldRule(FieldRule.read_config({"field": "f", "reject_if": {"equals": "x"}}))
    rule.check([Contact(str(place), {"f": f"value {place}"}) for place in range(5000)], None)  # type: ignore[arg-type]
    assert len(rule._known) <= 1024


def test_the_reason_is_shown_and_no_value_is() -> None:
    rule = FieldRule(FieldRule.read_config({"field": "f", "reject_if": {"equals": False}, "reason": "No consent"}))
    said = rule.check([Contact("1", {"f": "non"}), Contact("2", {"f": "secret"})], None)  # type: ignore[arg-type]
    assert (said[0].code, said[0].text) == ("rule", "No consent")
    assert said[1].code == "not_comparable"
    assert "secret" not in said[1].text


WRONG: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"reject_if": {"equals": 1}}, ("field",)),
    ({"field": " ", "reject_if": {"equals": 1}}, ("field",)),
    ({"field": "f"}, ("reject_if",)),
    ({"field": "f", "reject_if": {}}, ("reject_if",)),
    ({"field": "f", "reject_if": {"equals": 1, "less": 2}}, ("reject_if",)),
    ({"field": "f", "reject_if": {"equals": None}}, ("reject_if", "equals")),
    ({"field": "f", "reject_if": {"equals": ""}}, ("reject_if", "equals")),
    ({"field": "f", "reject_if": {"equals": float("nan")}}, ("reject_if", "equals")),
    ({"field": "f", "reject_if": {"equals": [1]}}, ("reject_if", "equals")),
    ({"field": "f", "reject_if": {"in": []}}, ("reject_if", "in")),
    ({"field": "f", "reject_if": {"in": "FR"}}, ("reject_if", "in")),
    ({"field": "f", "reject_if": {"missing": False}}, ("reject_if", "missing")),
    ({"field": "f", "reject_if": {"greater": "3"}}, ("reject_if", "greater")),
    ({"field": "f", "reject_if": {"less": True}}, ("reject_if", "less")),
    ({"field": "f", "reject_if": {"matches": "("}}, ("reject_if", "matches")),
    ({"field": "f", "reject_if": {"like": "x"}}, ("reject_if", "like")),
    ({"field": "f", "reject_if": {"equals": 1}, "if_missing": "ignore"}, ("if_missing",)),
    ({"field": "f", "reject_if": {"equals": 1}, "colour": "red"}, ("colour",)),
]


@pytest.mark.parametrize(("config", "path"), WRONG)
def test_a_wrong_rule_is_refused_at_the_place_that_is_wrong(config: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        FieldRule.read_config(config)
    assert path in [found for found, _ in sentences(caught.value)]


@pytest.mark.parametrize("operand", [True, False, 1, 1.5, "1", "true", "oui"])
def test_a_configuration_written_out_reads_back_as_itself(operand: Any) -> None:
    written = FieldRule.normal_config({"field": "f", "reject_if": {"equals": operand}})
    again = FieldRule.normal_config(written)
    assert again == written
    assert type(again["reject_if"]["equals"]) is type(operand)
    assert FieldRule.normal_config({"field": "f", "reject_if": {"in": [operand]}})["reject_if"] == {"in": [operand]}
