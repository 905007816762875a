"""What a rule on a field says about every value that a file can hold."""

from typing import Any

import pytest

from actions.catalog.field_rule.kind import FieldRule
from actions.contract import Contact, Word
from tests.actions.helpers import refused_at

REJECT, ACCEPT, UNDECIDED = Word.REJECT, Word.ACCEPT, Word.UNDECIDED
ABSENT = object()


def say(reject_if: dict[str, Any], value: Any, **config: Any) -> Word:
    rule = FieldRule(FieldRule.read_config({"field": "f", "reject_if": reject_if, **config}))
    fields = {} if value is ABSENT else {"f": value}
    # Twice in one page: the second answer comes from what was remembered.
    first, second = rule.check([Contact("A-1", fields), Contact("A-2", fields)], None)  # type: ignore[arg-type]
    assert first == second
    return first.word


CASES: list[tuple[dict[str, Any], dict[Word, list[Any]]]] = [
    (
        {"equals": False},
        {
            REJECT: [False, "false", " FALSE ", "no", "Non", "0", 0, 0.0],
            ACCEPT: [True, "oui", "yes", "1", 1],
            UNDECIDED: ["perhaps", 2, [], {"a": 1}],
        },
    ),
    ({"equals": "no"}, {REJECT: [False]}),
    ({"equals": "FR"}, {REJECT: [" FR "], ACCEPT: ["fr"], UNDECIDED: [1]}),
    ({"equals": "caf\u00e9"}, {REJECT: ["cafe\u0301"]}),
    ({"equals": 17}, {REJECT: ["17", "17,0", 17.0], UNDECIDED: ["seventeen"]}),
    ({"equals": "17"}, {REJECT: [17]}),
    ({"equals": 1}, {REJECT: [True]}),
    ({"not_equals": True}, {ACCEPT: ["oui"], REJECT: ["non"], UNDECIDED: ["perhaps"]}),
    ({"in": ["FR", "BE"]}, {REJECT: ["BE"]}),
    ({"in": ["FR", 33]}, {ACCEPT: ["CH"]}),
    ({"in": [1, 2]}, {UNDECIDED: ["many"]}),
    ({"not_in": ["FR", "BE"]}, {REJECT: ["CH"], ACCEPT: ["FR"]}),
    ({"not_in": [1, 2]}, {UNDECIDED: ["many"]}),
    ({"greater": 3}, {REJECT: ["3,5"], ACCEPT: [3], UNDECIDED: ["1_000", "nan", "1e999", True]}),
    ({"less": 18}, {REJECT: ["17.5", "-1"], ACCEPT: [10**30]}),
    (
        {"missing": True},
        {
            REJECT: [ABSENT, "", None, "NULL", "null", r"\N", "N/A", " None ", "undefined", "NaN", "\u200b", [], {}],
            ACCEPT: [0, False, [0], {"a": None}, "NA"],
            UNDECIDED: [float("nan"), float("-inf")],
        },
    ),
    ({"equals": "FR"}, {UNDECIDED: ["NULL", r"\N", float("nan")]}),
    ({"equals": "none"}, {REJECT: ["none"], UNDECIDED: ["NULL"]}),
    ({"in": ["FR", "None"]}, {REJECT: ["None"]}),
    ({"not_in": ["FR", "None"]}, {ACCEPT: ["None"], REJECT: ["NULL"]}),
    ({"matches": "NULL"}, {REJECT: ["NULL"], UNDECIDED: ["None", float("inf")]}),
    ({"matches": r"@example\.com$"}, {REJECT: ["a@example.com"]}),
    ({"matches": "^33"}, {REJECT: [3312], ACCEPT: ["+3312"]}),
    ({"matches": "true"}, {REJECT: [True]}),
    ({"matches": "a"}, {UNDECIDED: [["a"], "a" * 1001]}),
]


@pytest.mark.parametrize(("reject_if", "wanted"), CASES)
def test_a_rule_says_the_same_of_a_value_in_every_spelling(
    reject_if: dict[str, Any], wanted: dict[Word, list[Any]]
) -> None:
    for word, values in wanted.items():
        assert [say(reject_if, value) for value in values] == [word] * len(values)


@pytest.mark.parametrize(("choice", "word"), [("hold", UNDECIDED), ("accept", ACCEPT), ("reject", REJECT)])
def test_a_missing_field_is_treated_as_the_rule_says(choice: str, word: Word) -> None:
    missing = [ABSENT, None, "", "   ", [], {}]
    assert [say({"equals": False}, value, if_missing=choice) for value in missing] == [word] * len(missing)
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
    assert sum(map(len, rule._known.values())) <= 1024


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
    ({"field": "f", "reject_if": {"equals": 1}, "if_missing": "ignore"}, ("if_missing",)),
    ({"field": "f", "reject_if": {"equals": 1}, "colour": "red"}, ("colour",)),
]
WRONG_OPERANDS: dict[str, list[Any]] = {
    "equals": [None, "", float("nan"), [1]],
    "in": [[], "FR"],
    "missing": [False],
    "greater": ["3"],
    "less": [True],
    "matches": ["("],
    "like": ["x"],
}


def test_a_wrong_rule_is_refused_at_the_place_that_is_wrong() -> None:
    for config, path in WRONG:
        assert path in refused_at(FieldRule, config), config
    for operator, operands in WRONG_OPERANDS.items():
        for operand in operands:
            found = refused_at(FieldRule, {"field": "f", "reject_if": {operator: operand}})
            assert ("reject_if", operator) in found, operand


@pytest.mark.parametrize("operand", [True, False, 1, 1.5, "1", "true", "oui"])
def test_a_configuration_written_out_reads_back_as_itself(operand: Any) -> None:
    written = FieldRule.normal_config({"field": "f", "reject_if": {"equals": operand}})
    again = FieldRule.normal_config(written)
    assert again == written
    assert type(again["reject_if"]["equals"]) is type(operand)
    assert FieldRule.normal_config({"field": "f", "reject_if": {"in": [operand]}})["reject_if"] == {"in": [operand]}


def test_a_word_for_nothing_is_never_judged_less_strictly_than_another_text() -> None:
    for reject_if in ({"equals": True}, {"greater": 3}, {"in": [1, 2]}):
        assert (
            say(reject_if, "NULL", if_missing="accept") == say(reject_if, "perhaps", if_missing="accept") == UNDECIDED
        )
        assert say(reject_if, "NULL", if_missing="reject") == REJECT
    assert say({"not_in": ["FR"]}, "NULL", if_missing="accept") == REJECT
    assert say({"equals": "FR"}, "NULL", if_missing="accept") == ACCEPT
