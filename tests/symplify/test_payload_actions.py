"""The actions of a hook: every shape is read, and what cannot be read still holds the batch."""

import json

import pytest

from sendouts.symplify.payload import UNREADABLE, AskedAction, parse


def asked(actions):
    return parse(json.dumps({"finishUri": "https://example.com/1", "actions": actions}).encode()).asked


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["consent-check", " vip "], [("consent-check", {}), ("vip", {})]),
        ("consent-check", [("consent-check", {})]),
        (None, []),
        ("", []),
        ([], []),
        ({}, []),
        ({"consent-check": {"level": 2}, "vip": None}, [("consent-check", {"level": 2}), ("vip", {})]),
        ([{"identifier": "a", "id": "b", "x": 1}], [("a", {"id": "b", "x": 1})]),
        ([{"type": "t", "action": "c", "name": "n"}], [("n", {"type": "t", "action": "c"})]),
        ([{"TYPE": "t", "Action": "c"}], [("c", {"TYPE": "t"})]),
        ([{"id": 7}], [("7", {})]),
        ([{"identifier": None, "name": "n"}], [("n", {"identifier": None})]),
        (["a", "a"], [("a", {}), ("a", {})]),
        (["Re\u0301seau"], [("R\u00e9seau", {})]),
        (["a\ud800"], [("a\N{REPLACEMENT CHARACTER}", {})]),
    ],
    ids=repr,
)
def test_every_shape_of_actions_is_read(actions, expected):
    assert asked(actions) == tuple(AskedAction(identifier, details) for identifier, details in expected)


@pytest.mark.parametrize(
    "entry", [7, None, True, [], ["a"], "", " ", {}, {"level": 2}, {"identifier": ""}, {"id": 1.5}, "x" * 256], ids=repr
)
def test_an_entry_that_cannot_be_read_is_kept_so_that_it_holds_the_batch(entry):
    assert asked(["a", entry, "b"]) == (AskedAction("a", {}), AskedAction(UNREADABLE, entry), AskedAction("b", {}))


@pytest.mark.parametrize("actions", [7, True, 1.5])
def test_actions_that_are_no_list_are_kept_so_that_they_hold_the_batch(actions):
    assert asked(actions) == (AskedAction(UNREADABLE, actions),)


def test_an_object_with_a_blank_identifier_keeps_what_stood_under_it():
    assert asked({" ": {"level": 2}}) == (AskedAction(UNREADABLE, {" ": {"level": 2}}),)
