"""What would run is what would run: the page shows the plan of the hook, in its order, with where each action comes from."""

from typing import Any

import pytest
from django.urls import reverse

from actions.config.preview import preview
from actions.models import ActionDefinition, Project, Sendout
from actions.plan.merge import Asked
from sendouts.models import Batch
from tests.factories import client_of, plain_english
from tests.gate import CONSENT, Gate

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def sendout() -> Sendout:
    project = Project.objects.create(name="Newsletter", review="always", at_deadline="accept")
    made = Sendout.objects.create(project=project, journey="Welcome", name="Day 1", at_deadline="leave")
    define(project=project, identifier="consent-check", config=CONSENT, position=2)
    told = {"kind": "transfer_http", "config": {"url": "https://crm.example.com/"}, "run": "always"}
    define(project=project, identifier="tell", **told)
    define(project=project, identifier="adults", config={"field": "age", "reject_if": {"less": 18}}, position=1)
    define(sendout=made, identifier="consent-check", config=CONSENT)
    return made


def define(**values: Any) -> None:
    ActionDefinition.objects.create(**{"kind": "field_rule", **values})


def url(owner: Any) -> str:
    return reverse(f"plan_of_{owner._meta.model_name}", args=[owner.pk])


def shown(owner: Any, **query: Any) -> Any:
    return client_of("Viewer").get(url(owner), query).context


def test_the_order_the_origins_the_parameters_and_the_policies_are_told(sendout: Sendout) -> None:
    found = shown(sendout)["preview"]
    assert [step.identifier for step in found.steps] == ["adults", "consent-check", "tell"]
    assert [origin.level for origin in found.steps[1].origins] == ["project", "sendout"]
    assert ("Reject if the field", "is less than 18") in found.steps[0].parameters
    assert [step.origins[0].asked for step in found.steps] == [True, True, False]
    rules = {name: (value, source) for name, value, source in found.rules}
    assert rules["Review"] == ("every batch", "from the project")
    assert rules["At the deadline"] == ("let it time out", "from the sendout")
    assert "reaches nobody" in found.caution and preview(sendout.project, None, []).caution == ""


def test_only_what_the_hook_names_runs_and_what_nobody_defined_is_told(sendout: Sendout) -> None:
    context = shown(sendout, chosen="1", ask="ADULTS", also="vip-2026, ")
    assert [step.identifier for step in context["preview"].steps] == ["adults", "tell"]
    assert context["preview"].unknown == ("vip-2026",)
    assert context["also"] == "vip-2026"


def test_the_page_of_the_project_and_of_the_sendout_show_it_too(sendout: Sendout) -> None:
    viewer = client_of("Viewer")
    for row in (sendout, sendout.project):
        page = reverse(f"admin:actions_{row._meta.model_name}_change", args=[row.pk])
        content = viewer.get(page).content.decode()
        assert "What would run" in content and url(row) in content and "is less than 18" in content


def test_it_is_the_plan_that_the_next_hook_gets(gate: Gate) -> None:
    project = gate.project(consent=False)
    gate.define(project)
    gate.define(
        project, "adults", config={"field": "age", "reject_if": {"less": 18}, "if_missing": "accept"}, run="always"
    )
    gate.fire(actions=["consent-check", {"identifier": "vip-2026", "level": 3}])
    gate.plan()
    batch = Batch.objects.select_related("plan", "sendout").get()
    context = shown(batch.sendout, last="1")
    assert context["as_last"] and context["last"] == batch.received_at
    found = context["preview"]
    planned = batch.plan.content
    assert [step.identifier for step in found.steps] == [each["identifier"] for each in planned["actions"]]
    assert found.unknown == ("vip-2026",)
    assert preview(project, batch.sendout, [Asked.of("consent-check")]).steps == found.steps
