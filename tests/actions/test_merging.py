"""Definitions and what a hook asks for become one plan: nothing lost, nothing overwritten, always in the same order."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.contract import Phase
from actions.plan import merge as plan_merge
from actions.plan.merge import Asked, Definition, Merged, Origin, merge

PHASES = {"rule": Phase.CHECK, "ask": Phase.CHECK, "add": Phase.ENRICH, "send": Phase.TRANSFER}
ORDER = [Phase.CHECK, Phase.ENRICH, Phase.TRANSFER]

IDENTIFIERS = st.sampled_from(
    ["a", "A ", "b", "\u00e9", "E\u0301", "consent-check", " Consent-Check", "STRASSE", "straße"]
)
DETAILS = st.sampled_from(["{}", '{"level":1}', '{"level":2}'])


def definitions_strategy() -> Any:
    one = st.builds(
        Definition,
        id=st.integers(1, 10**6),
        identifier=IDENTIFIERS,
        kind=st.sampled_from(["rule", "ask", "add", "send", "gone"]),
        config=st.sampled_from(["{}", '{"x":1}']),
        on_failure=st.sampled_from(["hold", "reject"]),
        run=st.sampled_from(["asked", "always"]),
        level=st.sampled_from(["project", "sendout"]),
        position=st.integers(0, 3),
    )
    return st.lists(one, max_size=8, unique_by=lambda definition: definition.id)


DEFINITIONS = definitions_strategy()
ASKED = st.lists(st.builds(Asked, identifier=IDENTIFIERS, details=DETAILS), max_size=6)


def define(number: int, identifier: str, **other: Any) -> Definition:
    values = {"kind": "rule", "config": "{}", "on_failure": "hold", "run": "asked", "level": "project", "position": 0}
    return Definition(id=number, identifier=identifier, **{**values, **other})


@given(DEFINITIONS, ASKED)
def test_every_definition_that_takes_part_is_there_once_for_each_of_its_details(
    definitions: list[Definition], asked: list[Asked]
) -> None:
    expected = set()
    for each in definitions:
        named = {a.details for a in asked if plan_merge.folded(a.identifier) == plan_merge.folded(each.identifier)}
        expected |= {(each.id, details) for details in named or ({"{}"} if each.run == "always" else set())}
    merged = merge(definitions, asked, PHASES)
    found = [(origin.definition_id, action.details) for action in merged.actions for origin in action.origins]
    assert len(found) == len(set(found))
    assert set(found) == expected
    # Nothing is overwritten, and equal actions run once.
    by_id = {each.id: each for each in definitions}
    keys = [(action.kind, action.config, action.details, action.on_failure) for action in merged.actions]
    assert len(keys) == len(set(keys))
    for action in merged.actions:
        for origin in action.origins:
            source = by_id[origin.definition_id]
            assert (action.kind, action.config, action.on_failure) == (source.kind, source.config, source.on_failure)
            assert origin.level == source.level


@given(DEFINITIONS, ASKED)
def test_actions_run_by_phase_then_project_then_position(definitions: list[Definition], asked: list[Asked]) -> None:
    by_id = {each.id: each for each in definitions}
    places = []
    for action in merge(definitions, asked, PHASES).actions:
        first = by_id[action.origins[0].definition_id]
        places.append((ORDER.index(Phase(action.phase)), first.level, first.position, first.id))
    assert places == sorted(places)


@given(DEFINITIONS, ASKED, st.randoms(use_true_random=False))
def test_the_order_of_definitions_and_doubled_questions_change_nothing(
    definitions: list[Definition], asked: list[Asked], shuffler: random.Random
) -> None:
    plan = merge(definitions, asked, PHASES)
    shuffled = definitions[:]
    shuffler.shuffle(shuffled)
    assert merge(shuffled + definitions, asked + asked, PHASES) == plan


@given(DEFINITIONS, ASKED)
def test_what_nobody_defined_is_kept_in_order(definitions: list[Definition], asked: list[Asked]) -> None:
    defined = {plan_merge.folded(each.identifier) for each in definitions}
    unknown = merge(definitions, asked, PHASES).unknown
    wanted = {
        (plan_merge.folded(a.identifier), a.details) for a in asked if plan_merge.folded(a.identifier) not in defined
    }
    assert {(plan_merge.folded(a.identifier), a.details) for a in unknown} == wanted
    assert len(unknown) == len(wanted)
    firsts = [[plan_merge.folded(a.identifier) for a in asked].index(plan_merge.folded(a.identifier)) for a in unknown]
    assert firsts == sorted(firsts)


@given(DEFINITIONS, ASKED)
def test_a_frozen_plan_reads_back_as_itself(definitions: list[Definition], asked: list[Asked]) -> None:
    plan = merge(definitions, asked, PHASES)
    frozen = plan_merge.to_json(plan)
    assert plan_merge.from_data(json.loads(frozen)) == plan
    assert plan_merge.to_json(plan_merge.from_data(json.loads(frozen))) == frozen


@given(st.text())
def test_a_folded_identifier_folds_to_itself(text: str) -> None:
    assert plan_merge.folded(plan_merge.folded(text)) == plan_merge.folded(text)


def test_one_identifier_on_project_and_sendout_runs_both() -> None:
    project = define(1, "consent-check", config='{"x":1}')
    sendout = define(2, "Consent-Check ", config='{"x":2}', level="sendout")
    plan = merge([sendout, project], [Asked("CONSENT-CHECK")], PHASES)
    assert [action.config for action in plan.actions] == ['{"x":1}', '{"x":2}']


def test_two_equal_definitions_run_once_and_keep_both_origins() -> None:
    plan = merge([define(1, "a"), define(2, "b", level="sendout", run="always")], [Asked("a")], PHASES)
    (action,) = plan.actions
    assert action.origins == (Origin("project", 1, True, "a"), Origin("sendout", 2, False, "b"))
    assert action.identifier == "a"


def test_equal_but_for_on_failure_is_not_equal() -> None:
    plan = merge([define(1, "a"), define(2, "a", on_failure="reject")], [Asked("a")], PHASES)
    assert [action.on_failure for action in plan.actions] == ["hold", "reject"]


def test_asked_twice_with_different_details_runs_once_for_each() -> None:
    plan = merge([define(1, "a")], [Asked("a", '{"n":2}'), Asked("A", '{"n":1}'), Asked("a", '{"n":2}')], PHASES)
    assert [action.details for action in plan.actions] == ['{"n":2}', '{"n":1}']


def test_an_action_that_always_runs_takes_the_details_it_is_asked_with() -> None:
    always = define(1, "a", run="always")
    assert [action.details for action in merge([always], [], PHASES).actions] == ["{}"]
    assert [action.details for action in merge([always], [Asked("a", '{"n":1}')], PHASES).actions] == ['{"n":1}']


def test_a_kind_that_is_not_installed_stays_in_the_plan_among_the_checks() -> None:
    (action,) = merge([define(1, "a", kind="gone")], [Asked("a")], PHASES).actions
    assert (action.kind, action.phase) == ("gone", "check")


def test_equal_plans_have_one_digest_and_different_plans_have_two() -> None:
    one, same, other = ([define(1, "a", config=config)] for config in ('{"x":1}', '{"x":1}', '{"x":2}'))
    digests = [plan_merge.digest(plan_merge.to_json(merge(each, [Asked("a")], PHASES))) for each in (one, same, other)]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 64


def test_details_are_told_apart_by_content_and_not_by_spelling() -> None:
    assert Asked.of(" a ", {"x": 1, "y": [2]}) == Asked.of("a", {"y": [2], "x": 1})
    assert Asked.of("a", None).details == Asked.of("a").details == Asked.of("a", {}).details == "{}"
    assert Asked.of("a", [1]).details != Asked.of("a", [True]).details


HOSTILE: list[Any] = [float("inf"), float("nan"), "\x00", "\ud800", {"\ud800": "\x00"}, 10**300, [[]], "x" * 100_000]


@pytest.mark.parametrize("details", HOSTILE)
def test_details_that_no_database_could_store_are_made_storable(details: Any) -> None:
    text = plan_merge.to_json(Merged(unknown=(Asked.of("\x00\ud800", details),)))
    assert text.isascii()
    assert "\\u0000" not in text
    assert "\\ud800" not in text
    assert len(plan_merge.from_data(json.loads(text)).unknown) == 1


def test_details_nested_too_deeply_do_not_stop_the_plan() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    asked = Asked.of("a", deep)
    assert asked.details == '"(nested too deeply)"'


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"actions":[{}],"unknown":[]}', '{"actions":[1],"unknown":[]}'])
def test_what_is_no_frozen_plan_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        plan_merge.from_data(json.loads(text))
