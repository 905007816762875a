"""The kind that looks contacts up in a list: who is on it is rejected, and whom it cannot judge is never accepted silently."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from actions.catalog.suppression import Suppression
from actions.contract import Contact, Context, Listed, Permanent, Verdict, Word
from actions.sentences import write
from tests.actions.helpers import make_context, planned, refused_at, run


class Lists:
    """Lists in memory; `asked` is what was looked up in them."""

    def __init__(self, reasons: dict[str, str], unlike: Collection[str] = ()) -> None:
        self.reasons = reasons
        self.unlike = unlike
        self.asked: list[tuple[str, set[str]]] = []

    def __call__(self, name: str, values: Collection[str]) -> Listed:
        self.asked.append((name, set(values)))
        if name != "Opposition":
            raise Permanent(f"No list “{name}” is kept here for this project.")
        return Listed({value: self.reasons[value] for value in values if value in self.reasons}, self.unlike)


def context_of(lists: Lists) -> Context:
    return replace(make_context(), suppressed=lists)


def judge(lists: Lists, contacts: list[Contact], **config: Any) -> list[Verdict]:
    kind = Suppression(Suppression.read_config({"list": "Opposition", **config}))
    return list(kind.check(contacts, context_of(lists)))


def words(verdicts: list[Verdict]) -> list[Word]:
    return [verdict.word for verdict in verdicts]


def with_email(*values: Any) -> list[Contact]:
    return [Contact(f"A-{place}", {"properties": {"email": value}}) for place, value in enumerate(values)]


def test_who_is_on_the_list_is_rejected_with_the_reason_that_the_list_gives() -> None:
    lists = Lists({"A-1": "Complaint", "A-2": ""})
    verdicts = judge(lists, [Contact("A-0", {}), Contact("A-1", {}), Contact("A-2", {})])
    assert words(verdicts) == [Word.ACCEPT, Word.REJECT, Word.REJECT]
    assert [(each.code, write(each.text)) for each in verdicts[1:]] == [
        ("suppressed", "Complaint"),
        ("suppressed", "On the list “Opposition”."),
    ]
    (verdict,) = judge(lists, [Contact("A-1", {})], reason="Asked us to stop")
    assert verdict.text == "Asked us to stop"


def test_of_very_many_reasons_the_first_are_told_and_the_others_in_general() -> None:
    reasons = {f"A-{number}": f"Case {number}" for number in range(500)}
    texts = [verdict.text for verdict in judge(Lists(reasons), [Contact(name, {}) for name in reasons])]
    assert texts[:50] == list(reasons.values())[:50]
    assert set(map(write, texts[50:])) == {"On the list “Opposition”."}


def test_a_page_is_one_question_about_each_value_once() -> None:
    lists = Lists({})
    judge(lists, [Contact("A-1", {}), Contact(" A-1 ", {}), Contact("A-2", {})])
    assert lists.asked == [("Opposition", {"A-1", "A-2"})]


def test_a_field_may_hold_what_is_looked_up_as_text_or_as_a_number() -> None:
    lists = Lists({"33612345678": ""})
    contacts = [
        Contact("A-1", {"phone": 33612345678}),
        Contact("A-2", {"Phone": "33612345678"}),
        Contact("A-3", {"phone": 7}),
    ]
    assert words(judge(lists, contacts, match="properties.phone")) == [Word.REJECT, Word.REJECT, Word.ACCEPT]


@pytest.mark.parametrize("value", [True, 1.5, ["a@example.com"], {"a": 1}, "not an address"])
def test_what_the_list_cannot_hold_is_undecided_whatever_is_said_of_missing_fields(value: Any) -> None:
    lists = Lists({}, unlike={"not an address"})
    (verdict,) = judge(lists, with_email(value), match="email", if_missing="accept")
    assert (verdict.word, verdict.code) == (Word.UNDECIDED, "not_comparable")


MISSING = [("hold", Word.UNDECIDED), ("accept", Word.ACCEPT), ("reject", Word.REJECT)]


@pytest.mark.parametrize(("said", "word"), MISSING)
def test_who_lacks_the_field_is_treated_as_the_configuration_says(said: str, word: Word) -> None:
    contacts = [*with_email(None, "", "  "), Contact("A-9", {})]
    assert set(words(judge(Lists({}), contacts, match="properties.email", if_missing=said))) == {word}


def test_a_word_for_nothing_is_a_missing_field_unless_that_is_less_strict() -> None:
    lists = Lists({"null": "listed"}, unlike={"N/A"})
    contacts = with_email("-", "null", "N/A", "a@example.com")
    found = {said: words(judge(lists, contacts, match="email", if_missing=said)) for said, _word in MISSING}
    reject, accept, hold = Word.REJECT, Word.ACCEPT, Word.UNDECIDED
    assert found == {
        "hold": [hold, reject, hold, accept],
        "reject": [reject, reject, reject, accept],
        "accept": [accept, reject, hold, accept],
    }


def test_who_lacks_the_field_is_held_where_nothing_is_said() -> None:
    (verdict,) = judge(Lists({}), [Contact("A-1", {})], match="properties.email")
    assert (verdict.word, verdict.code) == (Word.UNDECIDED, "missing")


def test_a_list_that_is_gone_is_a_failure_of_the_action() -> None:
    action = planned("suppression", {"list": "Gone"}, on_failure="reject")
    result = run([action], [Contact("A-1", {})], make=lambda action: context_of(Lists({})))
    assert result.verdicts[0].word == "reject"
    assert [write(each.sentence) for each in result.failures] == ["No list “Gone” is kept here for this project."]


def test_without_lists_in_the_context_nobody_is_accepted() -> None:
    kind = Suppression(Suppression.read_config({"list": "Opposition"}))
    with pytest.raises(Permanent):
        kind.check([Contact("A-1", {})], make_context())


def test_a_configuration_that_says_too_little_or_too_much_is_refused() -> None:
    for config in ({}, {"list": ""}, {"list": "x", "match": " "}, {"list": "x", "if_missing": "maybe"}):
        assert refused_at(Suppression, config)
    assert refused_at(Suppression, {"list": "x", "more": 1}) == [("more",)]
