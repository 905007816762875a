"""Staff set up projects, sendouts and actions on screens whose fields come from the kinds."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from actions.models import ActionDefinition, Project, Sendout

pytestmark = pytest.mark.django_db
ADD = reverse("admin:actions_actiondefinition_add")


@pytest.fixture(autouse=True)
def _english_without_static_files(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("whitenoise.")]


@pytest.fixture
def project() -> Project:
    return Project.objects.create(name="Newsletter", declared=False)


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("reviewer.lyon"))
    return client


def rule(**values: Any) -> dict[str, Any]:
    """Return what a browser sends for a rule on a field."""
    return {
        "identifier": "consent-check",
        "run": "asked",
        "on_failure": "hold",
        "position": "0",
        "config__field": "properties.consent",
        "config__reject_if__operator": "equals",
        "config__reject_if": "false",
        "config__if_missing": "hold",
        "config__reason": "No consent",
        **values,
    }


def add(client: Client, kind: str, data: dict[str, Any]) -> Any:
    return client.post(f"{ADD}?kind={kind}", data)


def errors(response: Any) -> dict[str, Any]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def change_page(row: Any) -> str:
    return reverse(f"admin:actions_{row._meta.model_name}_change", args=[row.pk])


def test_a_new_action_begins_with_the_choice_of_its_kind(staff: Client, project: Project) -> None:
    page = staff.get(ADD, {"project": project.pk})
    assert page.status_code == 200
    content = page.content.decode()
    assert f"?project={project.pk}&amp;kind=field_rule" in content
    assert "Consent asked of a service" in content


def test_a_name_of_no_kind_leads_back_to_the_choice(staff: Client) -> None:
    assert "kind=field_rule" in staff.get(ADD, {"kind": "gone"}).content.decode()
    assert add(staff, "gone", {}).status_code == 200
    assert not ActionDefinition.objects.exists()


def test_the_page_of_a_new_action_has_the_fields_of_its_kind(staff: Client, project: Project) -> None:
    content = staff.get(ADD, {"kind": "field_rule", "project": project.pk}).content.decode()
    for name in ("config__field", "config__reject_if__operator", "config__reject_if", "config__if_missing"):
        assert f'name="{name}"' in content
    assert "hold the contact for a person" in content
    assert 'name="config__url"' not in content


def test_what_staff_types_becomes_the_definition(staff: Client, project: Project) -> None:
    response = add(staff, "field_rule", rule(project=project.pk))
    assert response.status_code == 302, errors(response)
    row = ActionDefinition.objects.get()
    assert (row.kind, row.project, row.sendout, row.identifier) == ("field_rule", project, None, "consent-check")
    assert row.config == {
        "field": "properties.consent",
        "reject_if": {"equals": False},
        "if_missing": "hold",
        "reason": "No consent",
    }


TYPED = [
    ("equals", "false", {"equals": False}),
    ("equals", "17", {"equals": 17}),
    ("equals", '"17"', {"equals": "17"}),
    ("equals", "FR", {"equals": "FR"}),
    ("equals", "NaN", {"equals": "NaN"}),
    ("in", "FR, BE", {"in": ["FR", "BE"]}),
    ("in", '["FR", 33]', {"in": ["FR", 33]}),
    ("in", "FR", {"in": ["FR"]}),
    ("missing", "", {"missing": True}),
    ("greater", "17.5", {"greater": 17.5}),
    ("matches", "123", {"matches": "123"}),
    ("matches", "^true$", {"matches": "^true$"}),
]


@pytest.mark.parametrize(("operator", "typed", "stored"), TYPED)
def test_a_value_is_understood_and_the_form_gives_it_back(
    staff: Client, project: Project, operator: str, typed: str, stored: dict[str, Any]
) -> None:
    values = {"config__reject_if__operator": operator, "config__reject_if": typed}
    response = add(staff, "field_rule", rule(project=project.pk, **values))
    assert response.status_code == 302, errors(response)
    row = ActionDefinition.objects.get()
    assert row.config["reject_if"] == stored
    shown = staff.get(change_page(row)).context["adminform"].form.initial
    again = {key: value for key, value in shown.items() if key.startswith("config__")}
    response = staff.post(change_page(row), rule(**again))
    assert response.status_code == 302, errors(response)
    row.refresh_from_db()
    assert row.config["reject_if"] == stored


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"config__field": ""}, "config__field"),
        ({"config__reject_if__operator": ""}, "config__reject_if__operator"),
        ({"config__reject_if__operator": "like"}, "config__reject_if__operator"),
        ({"config__reject_if": ""}, "config__reject_if"),
        ({"config__reject_if__operator": "less", "config__reject_if": "x"}, "config__reject_if"),
        ({"config__reject_if__operator": "matches", "config__reject_if": r"(a)\1"}, "config__reject_if"),
        ({"config__reject_if__operator": "in", "config__reject_if": " , "}, "config__reject_if"),
        ({"config__if_missing": "ignore"}, "config__if_missing"),
        ({"config__reason": "x" * 201}, "config__reason"),
        ({"identifier": " "}, "identifier"),
        ({"on_failure": "ignore"}, "on_failure"),
    ],
)
def test_an_error_stands_at_its_field(staff: Client, project: Project, values: dict[str, str], field: str) -> None:
    assert list(errors(add(staff, "field_rule", rule(project=project.pk, **values)))) == [field]
    assert not ActionDefinition.objects.exists()


def test_help_and_errors_are_read_out_with_their_field(staff: Client, project: Project) -> None:
    page = add(staff, "field_rule", rule(project=project.pk, identifier="", config__field="")).content.decode()
    described = {each for ids in re.findall('aria-describedby="([^"]+)"', page) for each in ids.split()}
    assert {"id_identifier_error", "id_identifier_helptext", "id_config__field_error"} <= described
    assert described - set(re.findall(' id="([^"]+)"', page)) == set()
    assert page.count("Give an identifier.") == 0 and page.count("This field is required.") == 2


def test_an_action_on_nothing_or_on_both_is_refused(staff: Client, project: Project) -> None:
    sendout = Sendout.objects.create(project=project, journey="Welcome", name="Day 1")
    for values in ({}, {"project": project.pk, "sendout": sendout.pk}):
        found = errors(add(staff, "field_rule", rule(**values)))
        assert found == {"__all__": ["Choose either a project or a sendout."]}


def test_numbers_and_addresses_of_another_kind(staff: Client, project: Project) -> None:
    values = {
        "identifier": "live",
        "run": "always",
        "on_failure": "reject",
        "position": "1",
        "project": project.pk,
        "config__url": "http://consent:8000/check",
        "config__page_size": "200",
        "config__parallel": "",
        "config__timeout": "2.5",
        "config__credential": "",
        "config__reason": "",
    }
    response = add(staff, "consent_check", values)
    assert response.status_code == 302, errors(response)
    config = ActionDefinition.objects.get().config
    assert (config["url"], config["page_size"], config["parallel"]) == ("http://consent:8000/check", 200, 4)
    assert (config["timeout"], config["reason"]) == (2.5, "No consent")
    assert list(errors(add(staff, "consent_check", {**values, "config__page_size": "5000"}))) == ["config__page_size"]


def test_kind_and_place_stay_when_an_action_is_changed(staff: Client, project: Project) -> None:
    add(staff, "field_rule", rule(project=project.pk))
    row = ActionDefinition.objects.get()
    other = Project.objects.create(name="Shop")
    response = staff.post(change_page(row) + "?kind=consent_check", rule(project=other.pk, config__reject_if="true"))
    assert response.status_code == 302, errors(response)
    row.refresh_from_db()
    assert (row.kind, row.project, row.config["reject_if"]) == ("field_rule", project, {"equals": True})


def test_an_action_of_a_kind_that_is_gone_is_shown_and_keeps_its_configuration(staff: Client, project: Project) -> None:
    row = ActionDefinition.objects.create(project=project, identifier="x", kind="gone", config={"a": [1]})
    page = staff.get(change_page(row))
    assert "No such kind is installed." in page.content.decode()
    data = {"identifier": "x", "run": "asked", "on_failure": "hold", "position": "0", "archived": "on"}
    assert staff.post(change_page(row), data).status_code == 302
    row.refresh_from_db()
    assert (row.kind, row.config, row.archived) == ("gone", {"a": [1]}, True)


def project_data(**values: Any) -> dict[str, Any]:
    return {
        "name": "Newsletter",
        "review": "unusual",
        "at_deadline": "leave",
        "answer_within": "90 min",
        "keep_contacts": "rejected",
        "keep_fields": "email\r\n\r\n properties.city ",
        "show_fields": "properties.city",
        "actions-TOTAL_FORMS": "0",
        "actions-INITIAL_FORMS": "0",
        **values,
    }


def test_a_project_met_in_a_hook_is_marked_until_staff_saves_it(staff: Client, project: Project) -> None:
    overview = reverse("admin:actions_project_changelist")
    assert "met in a hook, not set up" in staff.get(overview).content.decode()
    response = staff.post(change_page(project), project_data())
    assert response.status_code == 302, errors(response)
    project.refresh_from_db()
    assert (project.declared, project.review) == (True, "unusual")
    assert project.answer_within == timedelta(minutes=90)
    assert (project.keep_fields, project.show_fields) == (["email", "properties.city"], ["properties.city"])
    assert "met in a hook, not set up" not in staff.get(overview).content.decode()


def test_only_what_is_kept_can_be_shown(staff: Client, project: Project) -> None:
    response = staff.post(change_page(project), project_data(show_fields="phone"))
    assert "Only fields that are kept can be shown." in response.content.decode()


def test_durations_are_shown_in_minutes(staff: Client, project: Project) -> None:
    assert 'value="60 min"' in staff.get(change_page(project)).content.decode()
    assert "60 min" in staff.get(reverse("admin:actions_project_changelist")).content.decode()


@pytest.mark.parametrize("typed", ["", "soon", "5 s", "90 d", "-1 min"])
def test_a_duration_that_makes_no_sense_is_refused_at_its_field(staff: Client, project: Project, typed: str) -> None:
    assert list(errors(staff.post(change_page(project), project_data(answer_within=typed)))) == ["answer_within"]
    project.refresh_from_db()
    assert project.declared is False


def test_a_name_with_spaces_around_is_the_name(staff: Client, project: Project) -> None:
    found = errors(staff.post(reverse("admin:actions_project_add"), project_data(name="  Newsletter ")))
    assert list(found) == ["name"]


def test_a_sendout_leaves_to_the_project_what_is_empty(staff: Client, project: Project) -> None:
    data = {
        "project": project.pk,
        "journey": "Welcome",
        "name": "Day 1",
        "review": "",
        "at_deadline": "reject",
        "answer_within": "",
        "actions-TOTAL_FORMS": "0",
        "actions-INITIAL_FORMS": "0",
    }
    response = staff.post(reverse("admin:actions_sendout_add"), data)
    assert response.status_code == 302, errors(response)
    sendout = Sendout.objects.get()
    assert (sendout.review, sendout.at_deadline, sendout.answer_within) == (None, "reject", None)


def test_every_page_of_the_configuration_opens(staff: Client, project: Project) -> None:
    sendout = Sendout.objects.create(project=project, journey="Welcome", name="Day 1")
    add(staff, "field_rule", rule(project=project.pk))
    add(staff, "field_rule", rule(sendout=sendout.pk))
    rows: list[Any] = [project, sendout, *ActionDefinition.objects.all()]
    assert len(rows) == 4
    for row in rows:
        model = row._meta.model_name
        for page in (
            reverse(f"admin:actions_{model}_changelist"),
            reverse(f"admin:actions_{model}_add"),
            change_page(row),
            reverse(f"admin:actions_{model}_history", args=[row.pk]),
            reverse(f"admin:actions_{model}_simple_history", args=[row.pk, row.history.first().pk]),
        ):
            assert staff.get(page).status_code == 200, page


def test_the_history_says_who_changed_what(staff: Client, project: Project) -> None:
    staff.post(change_page(project), project_data())
    newest = project.history.first()
    assert (newest.review, newest.history_user.username) == ("unusual", "reviewer.lyon")
    page = staff.get(reverse("admin:actions_project_history", args=[project.pk])).content.decode()
    assert "reviewer.lyon" in page


def test_nothing_of_the_configuration_can_be_deleted(staff: Client, project: Project) -> None:
    assert staff.post(reverse("admin:actions_project_delete", args=[project.pk]), {"post": "yes"}).status_code == 403
    staff.post(
        reverse("admin:actions_project_changelist"),
        {"action": "delete_selected", "_selected_action": [project.pk], "post": "yes"},
    )
    assert Project.objects.filter(pk=project.pk).exists()


def test_a_project_leads_to_its_actions(staff: Client, project: Project) -> None:
    row = ActionDefinition.objects.create(project=project, identifier="<b>", kind="field_rule")
    content = staff.get(change_page(project)).content.decode()
    assert f'href="{change_page(row)}">&lt;b&gt;</a>' in content


def test_add_an_action_leads_from_the_project_to_the_choice(staff: Client, project: Project) -> None:
    assert "Add an action" in staff.get(change_page(project)).content.decode()
    response = staff.get(reverse("admin:actions_project_add_action", args=[project.pk]))
    assert response.status_code == 302
    assert response["Location"] == f"{ADD}?project={project.pk}"


def test_staff_without_the_permission_changes_nothing(project: Project) -> None:
    client = Client()
    client.force_login(User.objects.create_user("reviewer.nantes", is_staff=True))
    assert client.get(ADD).status_code == 403
    assert add(client, "field_rule", rule(project=project.pk)).status_code == 403
    assert client.post(change_page(project), project_data()).status_code == 403
