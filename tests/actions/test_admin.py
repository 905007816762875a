"""Staff set up projects, sendouts and actions on screens whose fields come from the kinds."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from actions import catalog
from actions.models import ActionDefinition, Project, Sendout
from desk.setup.forms import ProjectForm, SendoutForm, action_form
from tests.factories import plain_english

pytestmark = pytest.mark.django_db
ADD = reverse("admin:actions_actiondefinition_add")


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


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


def form_of(kind: str, data: dict[str, Any], **more: Any) -> Any:
    return action_form(catalog.kind(kind))(data, **more)


def errors(response: Any) -> dict[str, Any]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def change_page(row: Any) -> str:
    return reverse(f"admin:actions_{row._meta.model_name}_change", args=[row.pk])


def test_a_new_action_begins_with_the_choice_of_its_kind(staff: Client, project: Project) -> None:
    content = staff.get(ADD, {"project": project.pk}).content.decode()
    assert f"?project={project.pk}&amp;kind=field_rule" in content and "Consent asked of a service" in content
    assert "kind=field_rule" in staff.get(ADD, {"kind": "gone"}).content.decode()
    assert staff.post(f"{ADD}?kind=gone", {}).status_code == 200 and not ActionDefinition.objects.exists()
    content = staff.get(ADD, {"kind": "field_rule", "project": project.pk}).content.decode()
    for name in ("config__field", "config__reject_if__operator", "config__reject_if", "config__if_missing"):
        assert f'name="{name}"' in content
    assert "hold the contact for a person" in content and 'name="config__url"' not in content


def test_what_staff_types_becomes_the_definition_which_keeps_kind_and_place(staff: Client, project: Project) -> None:
    response = staff.post(f"{ADD}?kind=field_rule", rule(project=project.pk))
    assert response.status_code == 302, errors(response)
    row = ActionDefinition.objects.get()
    assert (row.kind, row.project, row.sendout, row.identifier) == ("field_rule", project, None, "consent-check")
    wanted = {"field": "properties.consent", "reject_if": {"equals": False}, "if_missing": "hold"}
    assert row.config == wanted | {"reason": "No consent"}
    other = Project.objects.create(name="Shop")
    response = staff.post(change_page(row) + "?kind=consent_check", rule(project=other.pk, config__reject_if="true"))
    assert response.status_code == 302, errors(response)
    row.refresh_from_db()
    assert (row.kind, row.project, row.config["reject_if"]) == ("field_rule", project, {"equals": True})


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
    project: Project, operator: str, typed: str, stored: dict[str, Any]
) -> None:
    values = {"config__reject_if__operator": operator, "config__reject_if": typed}
    row = form_of("field_rule", rule(project=project.pk, **values)).save()
    assert row.config["reject_if"] == stored
    shown = action_form(catalog.kind("field_rule"))(instance=row).initial
    again = {key: value for key, value in shown.items() if key.startswith("config__")}
    assert form_of("field_rule", rule(project=project.pk, **again), instance=row).save().config["reject_if"] == stored


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
        ({"project": ""}, "__all__"),
        ({"sendout": "S"}, "__all__"),
    ],
)
def test_an_error_stands_at_its_field(project: Project, values: dict[str, str], field: str) -> None:
    sendout = Sendout.objects.create(project=project, journey="Welcome", name="Day 1")
    typed = {name: str(sendout.pk) if name == "sendout" else value for name, value in values.items()}
    found = form_of("field_rule", rule(**{"project": project.pk, **typed})).errors
    assert list(found) == [field]
    assert field != "__all__" or found[field] == ["Choose either a project or a sendout."]


def test_help_and_errors_are_read_out_with_their_field(staff: Client, project: Project) -> None:
    data = rule(project=project.pk, identifier="", config__field="")
    page = staff.post(f"{ADD}?kind=field_rule", data).content.decode()
    described = {each for ids in re.findall('aria-describedby="([^"]+)"', page) for each in ids.split()}
    assert {"id_identifier_error", "id_identifier_helptext", "id_config__field_error"} <= described
    assert described - set(re.findall(' id="([^"]+)"', page)) == set()
    assert page.count("Give an identifier.") == 0 and page.count("This field is required.") == 2


def test_numbers_and_addresses_of_another_kind(project: Project) -> None:
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
    config = form_of("consent_check", values).save().config
    assert (config["url"], config["page_size"], config["parallel"]) == ("http://consent:8000/check", 200, 4)
    assert (config["timeout"], config["reason"]) == (2.5, "No consent")
    assert list(form_of("consent_check", {**values, "config__page_size": "5000"}).errors) == ["config__page_size"]


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
        **values,
    }


def test_a_project_met_in_a_hook_is_marked_until_staff_saves_it(staff: Client, project: Project) -> None:
    overview = reverse("admin:actions_project_changelist")
    before = staff.get(overview).content.decode()
    assert "met in a hook, not set up" in before and "60 min" in before
    assert 'value="60 min"' in staff.get(change_page(project)).content.decode()
    response = staff.post(change_page(project), project_data())
    assert response.status_code == 302, errors(response)
    project.refresh_from_db()
    assert (project.declared, project.review) == (True, "unusual")
    assert project.answer_within == timedelta(minutes=90)
    assert (project.keep_fields, project.show_fields) == (["email", "properties.city"], ["properties.city"])
    assert "met in a hook, not set up" not in staff.get(overview).content.decode()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"show_fields": "phone"}, "show_fields"),
        ({"name": "  Newsletter "}, "name"),
        ({"empty_words": "x" * 41}, "empty_words"),
        ({"empty_words": "\n".join(map(str, range(101)))}, "empty_words"),
        ({"empty_words": "NULL\n\u200b"}, "empty_words"),
        *(({"answer_within": typed}, "answer_within") for typed in ("", "soon", "5 s", "90 d", "-1 min")),
    ],
)
def test_a_project_that_makes_no_sense_is_refused_at_its_field(values: dict[str, str], field: str) -> None:
    Project.objects.create(name="Newsletter")
    assert list(ProjectForm(project_data(**{"name": "Other"} | values)).errors) == [field]


def test_the_form_of_a_project_proposes_words_for_nothing_and_takes_others(staff: Client, project: Project) -> None:
    add = staff.get(reverse("admin:actions_project_add"))
    assert "\n".join(["N/A", "n.a.", "#N/A"]) in add.content.decode()
    assert staff.post(change_page(project), project_data(empty_words="NULL\r\n inconnu \r\n")).status_code == 302
    project.refresh_from_db()
    assert project.empty_words == ["NULL", "inconnu"]


def test_a_sendout_leaves_to_the_project_what_is_empty(project: Project) -> None:
    data = {"project": project.pk, "journey": "Welcome", "name": "Day 1", "review": "", "at_deadline": "reject"}
    sendout = SendoutForm(data).save()
    assert (sendout.review, sendout.at_deadline, sendout.answer_within) == (None, "reject", None)


def test_a_project_leads_to_its_actions_and_to_a_new_one(staff: Client, project: Project) -> None:
    row = ActionDefinition.objects.create(project=project, identifier="<b>", kind="field_rule")
    content = staff.get(change_page(project)).content.decode()
    assert f'href="{change_page(row)}">&lt;b&gt;</a>' in content and "Add an action" in content
    response = staff.get(reverse("admin:actions_project_add_action", args=[project.pk]))
    assert (response.status_code, response["Location"]) == (302, f"{ADD}?project={project.pk}")


def test_nothing_of_the_configuration_can_be_deleted_from_a_list(staff: Client, project: Project) -> None:
    data = {"action": "delete_selected", "_selected_action": [project.pk], "post": "yes"}
    staff.post(reverse("admin:actions_project_changelist"), data)
    assert Project.objects.filter(pk=project.pk).exists()
