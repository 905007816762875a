"""Which services a plan calls before the release: they bound how many batches wait for one at a time."""

import json
from typing import Any

import pytest

from actions.catalog import kinds
from actions.plan.merge import PlannedAction
from actions.plan.services import services_of

PROPERTY = {"url": "https://rest.example.com/v1", "customer_id": "1", "list_id": "2", "credential": "rest"}


def planned(kind: str, **config: Any) -> PlannedAction:
    whole = kinds()[kind].normal_config(config) if kind in kinds() else config
    return PlannedAction(
        "it", kind, json.dumps(whole), "hold", "{}", kinds()[kind].phase if kind in kinds() else "check", ()
    )


ASKS = planned("consent_check", url="https://Consent.example.com/ask")
OTHER = planned("consent_check", url="http://consent.example.com:8080/ask")


@pytest.mark.parametrize(
    ("actions", "key"),
    [
        ((), None),
        ((planned("field_rule", field="a", reject_if={"equals": "https://a.example.com"}),), None),
        ((ASKS,), "consent.example.com:443"),
        ((OTHER, ASKS, ASKS), "consent.example.com:443 consent.example.com:8080"),
        ((planned("promo_code", pool="summer"),), None),
        ((planned("promo_code", pool="summer", property="code", **PROPERTY),), "rest.example.com:443"),
        ((planned("transfer_http", url="https://crm.example.com/in"),), None),
        ((planned("nobody-has-this"), ASKS), "consent.example.com:443"),
    ],
)
def test_it_is_the_hosts_of_what_acts_before_the_release(actions: tuple[PlannedAction, ...], key: str | None) -> None:
    assert services_of(actions) == key


def test_a_kind_without_an_address_in_its_configuration_is_a_service_of_its_own() -> None:
    class Elsewhere(kinds()["consent_check"]):  # type: ignore[misc]
        name = "elsewhere"

        def __init__(self) -> None:
            self.config = kinds()["field_rule"].read_config({"field": "a", "reject_if": {"equals": 1}})

    assert Elsewhere().services() == {"elsewhere"}
