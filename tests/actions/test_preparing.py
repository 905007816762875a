"""In screening effects only prepare: for whom they may still concern, each seeing what those before it gave."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from actions import catalog
from actions.contract import ACCEPT, Contact, Context, Permanent, Phase, reject, undecided
from actions.effect import Applied, Effect, Pending, Rendered
from actions.plan.merge import PlannedAction
from actions.plan.run import Result
from actions.sentences import write
from tests.actions.helpers import Scripted, people, planned, run

VERDICTS = {0: reject("no", "No"), 1: undecided("perhaps", "Perhaps")}


class Judging(Scripted):
    """Rejects the first contact, and cannot judge the second."""

    name, pages = "judging", []  # type: ignore[var-annotated]

    def check(self, page: Sequence[Contact], context: Context) -> Any:
        return [VERDICTS.get(contact.field("place"), ACCEPT) for contact in page]


class Noting(Effect):
    """Prepares a number for each contact; who is at place 2 gets none, and is rejected."""

    name, title = "noting", "Noting"
    page_size = 3

    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        return [self._of(contact.field("place"), contact) for contact in page]

    def _of(self, place: int, contact: Contact) -> Rendered:
        if place == 2:
            return Rendered(verdict=reject("no_number", "No number"))
        return Rendered({"number": place, "before": dict(contact.given)}, given={"number": str(place)})

    def apply(self, page: Sequence[Pending], context: Context) -> Sequence[Applied]:
        raise AssertionError("screening changes nothing outside")


class Telling(Noting):
    name, phase = "telling", Phase.TRANSFER


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = {kind.name: kind for kind in (Judging, Noting, Telling)}
    monkeypatch.setattr(catalog, "kind", everything.__getitem__)


def step(kind: str, phase: str = "check", **more: Any) -> PlannedAction:
    return replace(planned(kind, identifier=kind, **more), phase=phase)


def prepare(*actions: PlannedAction, contacts: int = 5) -> Result:
    return run(actions, people(contacts))


def prepared(result: Result, at: int) -> dict[int, str]:
    return {place: text for place, number, text in result.payloads if number == at}


def test_effects_are_prepared_for_whom_they_may_still_concern() -> None:
    result = prepare(step("judging"), step("noting", "enrich"), step("telling", "transfer"))
    assert [verdict.word for verdict in result.verdicts] == ["reject", "undecided", "reject", "accept", "accept"]
    assert result.action == ["judging", "judging", "noting", "", ""]
    assert set(prepared(result, 1)) == {1, 3, 4}
    assert set(prepared(result, 2)) == {0, 1, 3, 4}, "others are told of the rejected too"


def test_a_later_effect_sees_what_an_earlier_one_gave() -> None:
    result = prepare(step("noting", "enrich"), step("telling", "transfer"))
    assert prepared(result, 0)[4] == '{"before":{},"number":4}'
    assert prepared(result, 1)[4] == '{"before":{"number":"4"},"number":4}'


def test_what_a_later_action_rejects_is_not_prepared() -> None:
    first, second = replace(step("telling", "enrich"), identifier="first"), step("noting", "enrich")
    result = prepare(step("noting", "enrich"), replace(first, kind="noting"), second)
    assert 2 not in {place for place, _, _ in result.payloads}


def test_what_was_prepared_is_dropped_for_who_is_rejected_later() -> None:
    result = prepare(step("noting", "enrich"), step("judging"))
    assert [verdict.word for verdict in result.verdicts[:2]] == ["reject", "undecided"]
    assert set(prepared(result, 0)) == {1, 3, 4}


@pytest.mark.parametrize(("on_failure", "words"), [("hold", "undecided"), ("reject", "reject"), ("accept", "accept")])
def test_what_cannot_be_prepared_is_treated_as_declared(
    monkeypatch: pytest.MonkeyPatch, on_failure: str, words: str
) -> None:
    def no(self: Noting, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        raise Permanent("The template names a field that nobody knows.")

    monkeypatch.setattr(Noting, "render", no)
    result = prepare(step("noting", "enrich", on_failure=on_failure), contacts=2)
    assert [verdict.word for verdict in result.verdicts] == [words, words]
    assert not result.payloads
    assert write(result.failures[0].sentence) == "The template names a field that nobody knows."


@pytest.mark.parametrize("on_failure", ["hold", "reject", "accept"])
def test_a_transfer_that_cannot_be_prepared_leaves_a_rejection_its_reason(
    monkeypatch: pytest.MonkeyPatch, on_failure: str
) -> None:
    def no(self: Telling, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        raise Permanent("The template names a field that nobody knows.")

    monkeypatch.setattr(Telling, "render", no)
    result = prepare(step("judging"), step("telling", "transfer", on_failure=on_failure))
    assert (result.verdicts[0].word, result.verdicts[0].code, result.action[0]) == ("reject", "no", "judging")


def test_who_answers_with_something_else_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Noting, "render", lambda self, page, context: [ACCEPT] * len(page))
    result = prepare(step("noting", "enrich"), contacts=2)
    assert [verdict.word for verdict in result.verdicts] == ["undecided", "undecided"]
