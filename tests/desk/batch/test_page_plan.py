"""The plan on the page of a batch: how each action is set, in words and without a secret, and who is left after it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client

from desk.batch.parts.parameters import details, parameters
from sendouts.models import Batch, Status
from tests.factories import CONSENT, SECRET, batch, page_url, plan, text_of

pytestmark = pytest.mark.django_db


def action(name: str, kind: str = "field_rule", config: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {**CONSENT, "identifier": name, "kind": kind, "config": json.dumps(config or {}), **more}


def checks_of(client: Client, made: Batch) -> Any:
    return client.get(page_url(made)).context["page"].checks


RULE = {"field": "properties.consent", "reject_if": {"equals": False}, "if_missing": "reject", "reason": "No consent"}


@pytest.mark.parametrize(
    ("kind", "config", "shown"),
    [
        (
            "field_rule",
            RULE,
            [
                ("Field", "properties.consent"),
                ("Reject if the field", "equals no"),
                ("If the field is missing", "reject the contact"),
                ("Reason", "No consent"),
            ],
        ),
        (
            "field_rule",
            {"field": "age", "reject_if": {"in": [1, 2_000]}},
            [("Field", "age"), ("Reject if the field", "is one of 1, 2,000")],
        ),
        (
            "field_rule",
            {"field": "x", "reject_if": {"missing": True}},
            [("Field", "x"), ("Reject if the field", "is missing")],
        ),
        (
            "transfer_http",
            {"url": "https://user:pw@crm.example.com/a?key=abc", "whom": "rejected", "credential": "crm"},
            [("URL", "https://crm.example.com/…"), ("Whom", "those who did not get it"), ("Credential", "crm")],
        ),
        ("gone", {"colour": "red", "api_key": "abc", "n": 3}, [("colour", "red"), ("api_key", "•••"), ("n", "3")]),
        ("field_rule", {}, []),
    ],
)
def test_a_configuration_is_told_in_the_words_of_its_form(
    kind: str, config: dict[str, Any], shown: list[tuple[str, str]]
) -> None:
    found = dict(parameters(kind, json.dumps(config)))
    # What a kind calls one of its own fields is its affair; that it is there is ours.
    assert found == dict(shown) or (kind == "transfer_http" and set(found.values()) >= {shown[0][1], shown[2][1]})
    assert "pw" not in str(found) and "abc" not in str(found)


def test_what_is_as_it_always_is_is_left_out() -> None:
    config = {"field": "age", "reject_if": {"less": 18}, "if_missing": "hold", "reason": ""}
    assert [name for name, _value in parameters("field_rule", json.dumps(config))] == ["Field", "Reject if the field"]


def test_details_of_the_hook_are_shown_without_its_addresses(viewer: Client) -> None:
    told = json.dumps({"list": "vip", "url": f"https://{SECRET}/x", "nested": {"token": "abc"}})
    assert details(told) == [("list", "vip"), ("url", "…"), ("nested", "token = •••")]
    made = batch(accepted=1, plan=plan(action("consent-check", config=RULE, details=told), unknown=["vip"]))
    text = text_of(viewer.get(page_url(made)))
    assert "From the hook, for this batch alone:" in text and "Reject if the field" in text
    assert SECRET not in text and "abc" not in text


def test_each_action_sees_what_the_ones_above_it_left_and_the_last_leaves_who_gets_it(viewer: Client) -> None:
    first, second = action("consent-check"), action("pressure")
    reasons = [
        [2, "rule", "No consent", "consent-check", 30],
        [0, "missing", "?", "consent-check", 5],
        [2, "rule", "Pressure", "pressure", 15],
        [0, "no_id", "", "", 10],
    ]
    made = batch(
        accepted=940,
        rejected=45,
        undecided=5,
        unread=10,
        decisions=False,
        reasons=reasons,
        plan=plan(first, second, action("crm", "transfer_http", phase="transfer")),
    )
    shown = checks_of(viewer, made)
    assert [(check.identifier, check.left) for check in shown] == [
        ("consent-check", "955"),
        ("pressure", "940"),
        ("crm", ""),
    ]
    assert shown[1].effects == ("rejected 15",)


def test_what_people_changed_stands_between_the_last_action_and_who_gets_it(viewer: Client) -> None:
    reasons = [
        [2, "rule", "No consent", "consent-check", 8],
        [1, "person", "VIP", "", 2],
        [2, "person", "Asked", "", 3],
    ]
    made = batch(accepted=89, rejected=11, decisions=False, reasons=reasons)
    check, people = checks_of(viewer, made)
    assert check.left == "92"
    assert (people.identifier, people.effects, people.left) == ("people", ("put back 2", "rejected 3"), "89")


def test_two_actions_of_one_name_are_told_apart_by_nobody(viewer: Client) -> None:
    twice = [action("consent-check"), action("consent-check", config={"field": "b", "reject_if": {"missing": True}})]
    made = batch(accepted=90, rejected=10, decisions=False, plan=plan(*twice))
    assert [(check.effects, check.left) for check in checks_of(viewer, made)] == [((), "–"), ((), "90")]


def test_nothing_is_claimed_of_a_plan_whose_checks_are_not_through(viewer: Client) -> None:
    made = batch(Status.PLANNED, decisions=False)
    Batch.objects.filter(pk=made.pk).update(total=500)
    (check,) = checks_of(viewer, made)
    assert (check.effects, check.left) == ((), "")
