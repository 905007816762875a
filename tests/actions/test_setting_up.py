"""From what a hook brought to what is set up: one click for a project, a form that knows the name for an action."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from actions.models import UNATTENDED, ActionDefinition, Project, Sendout
from desk.setup.projects import _UNUSUAL
from sendouts.outlook import anomalies
from sendouts.outlook.usual import REVIEWED
from tests.factories import client_of, plain_english

pytestmark = pytest.mark.django_db
ADD = reverse("admin:actions_actiondefinition_add")
RULE = {
    "identifier": "vip-2026",
    "run": "asked",
    "on_failure": "hold",
    "position": "0",
    "config__field": "consent",
    "config__reject_if__operator": "equals",
    "config__reject_if": "false",
    "config__if_missing": "hold",
    "config__reason": "",
}


@pytest.fixture
def manager(settings: Any) -> Client:
    plain_english(settings)
    return client_of("Manager")


@pytest.fixture
def met() -> Project:
    return Project.objects.create(name="Boutique", declared=False)


def test_one_click_sets_a_project_up(manager: Client, met: Project) -> None:
    page = reverse("admin:actions_project_change", args=[met.pk])
    declare = reverse("admin:actions_project_declare", args=[met.pk])
    assert declare in manager.get(page).content.decode()
    assert "The project “Boutique” is set up." in manager.post(declare, follow=True).content.decode()
    met.refresh_from_db()
    assert met.declared and met.history.first().history_user.username == "manager.lyon"
    assert declare not in manager.get(page).content.decode()
    manager.post(declare)
    assert met.history.count() == 2


def test_several_are_set_up_from_the_list(manager: Client, met: Project) -> None:
    data = {"action": "declare_selected", "_selected_action": [met.pk]}
    manager.post(reverse("admin:actions_project_changelist"), data)
    assert Project.objects.get().declared


def test_the_name_and_the_place_are_kept_from_the_link_to_the_form(manager: Client, met: Project) -> None:
    query = f"identifier=vip-2026&project={met.pk}&next=/admin/sendouts/batch/9/run-again/"
    choice = manager.get(f"{ADD}?{query}").content.decode()
    assert "kind=field_rule" in choice and "identifier=vip-2026" in choice and "run-again" in choice
    page = manager.get(f"{ADD}?{query}&kind=field_rule")
    initial = page.context["adminform"].form.initial
    assert (initial["identifier"], initial["project"]) == ("vip-2026", str(met.pk))
    assert "you come back to the batch" in page.content.decode()


def test_saving_leads_back_to_where_one_came_from(manager: Client, met: Project) -> None:
    back = "/admin/sendouts/batch/9/run-again/"
    answer = manager.post(f"{ADD}?kind=field_rule&next={back}", RULE | {"project": met.pk})
    assert (answer.status_code, answer["Location"]) == (302, back)
    assert ActionDefinition.objects.get().identifier == "vip-2026"


@pytest.mark.parametrize("elsewhere", ["https://evil.example.com/", "//evil.example.com/", "javascript:alert(1)", ""])
def test_nobody_is_led_to_another_site(manager: Client, met: Project, elsewhere: str) -> None:
    answer = manager.post(f"{ADD}?kind=field_rule&next={elsewhere}", RULE | {"project": met.pk})
    assert answer.status_code == 302 and "evil" not in answer["Location"] and "alert" not in answer["Location"]
    answer = manager.post(f"{reverse('admin:actions_project_declare', args=[met.pk])}?next={elsewhere}")
    assert answer["Location"].startswith("/admin/")


def project_form(**values: Any) -> dict[str, Any]:
    return {
        "name": "Boutique",
        "review": "always",
        "at_deadline": "leave",
        "answer_within": "60 min",
        "keep_contacts": "none",
        "keep_fields": "",
        **values,
    }


def test_an_unattended_night_is_warned_of_when_it_is_saved(manager: Client, met: Project) -> None:
    page = reverse("admin:actions_project_change", args=[met.pk])
    assert UNATTENDED in manager.post(page, project_form(), follow=True).content.decode()
    assert UNATTENDED not in manager.post(page, project_form(review="unusual"), follow=True).content.decode()


def test_a_sendout_is_warned_of_with_what_it_takes_from_its_project(manager: Client, met: Project) -> None:
    Project.objects.update(review="always", at_deadline="accept")
    sendout = Sendout.objects.create(project=met, name="Day 1")
    page = reverse("admin:actions_sendout_change", args=[sendout.pk])
    data = {"journey": "", "name": "Day 1", "review": "", "at_deadline": "leave", "answer_within": ""}
    assert UNATTENDED in manager.post(page, data, follow=True).content.decode()
    assert UNATTENDED not in manager.post(page, data | {"at_deadline": ""}, follow=True).content.decode()


def test_a_file_is_warned_of_as_well(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "projects:\n  - name: Night\n    review: always\n    sendouts:\n"
        "      - {journey: A, name: B, at_deadline: reject}\n      - {journey: A, name: C, review: always}\n"
    )
    for _ in range(2):
        said = StringIO()
        call_command("apply_config", str(file), stdout=StringIO(), stderr=said)
        lines = said.getvalue().splitlines()
        assert [line.split(": ")[1] for line in lines] == ["project Night", "project Night, sendout A / C"]
        assert all(UNATTENDED in line for line in lines)


def test_the_form_explains_the_thresholds_that_hold() -> None:
    with translation.override("en"):
        text = str(_UNUSUAL)
    for number in (anomalies.CONTACTS, REVIEWED.remembered, REVIEWED.fewest):
        assert f" {number} " in text or f" {number}." in text
    assert anomalies.FACTOR == 2 and "more than twice, or less than half, as large" in text


def test_the_list_leads_to_a_test_of_each_action(manager: Client, met: Project) -> None:
    row = ActionDefinition.objects.create(project=met, identifier="x", kind="field_rule")
    gone = ActionDefinition.objects.create(project=met, identifier="y", kind="field_rule", archived=True)
    for page in (
        reverse("admin:actions_actiondefinition_changelist"),
        reverse("admin:actions_project_change", args=[met.pk]),
    ):
        content = manager.get(page).content.decode()
        assert (
            reverse("test_action", args=[row.pk]) in content and reverse("test_action", args=[gone.pk]) not in content
        )
