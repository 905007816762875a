"""Staff type properties one a line, and are told what is wrong with one."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions.models import ActionDefinition, Project
from tests.factories import client_of, plain_english

pytestmark = pytest.mark.django_db
ADD = reverse("admin:actions_actiondefinition_add") + "?kind=contact_update"


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def manager() -> Client:
    return client_of("Manager")


def typed(properties: str, **more: str) -> dict[str, str]:
    """What a browser sends."""
    project = Project.objects.get_or_create(name="Newsletter")[0]
    return {
        "identifier": "write",
        "run": "asked",
        "on_failure": "hold",
        "position": "0",
        "project": str(project.pk),
        "config__url": "https://eu-proxy-1.symplifymail.com/rest",
        "config__customer_id": "7",
        "config__list_id": "3",
        "config__credential": "symplify",
        "config__properties": properties,
        "config__tag_value": "true",
        "config__if_missing": "hold",
        "config__import_from": "0",
        "config__import_seconds": "900",
        "config__parallel": "8",
        **more,
    }


def test_properties_are_lines_of_names_and_values(manager: Client) -> None:
    text = "points = {contact.points}\r\n\r\ngreeting = Hello {contact.properties.first_name} = {code}"
    assert manager.post(ADD, typed(text, config__tags="vip, in-{batch}")).status_code == 302
    config = ActionDefinition.objects.get().config
    wanted = {"points": "{contact.points}", "greeting": "Hello {contact.properties.first_name} = {code}"}
    assert (config["properties"], config["tags"]) == (wanted, ["vip", "in-{batch}"])


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ("greeting = Hello {contact.id", "greeting: This brace is not closed. It is character 7."),
        ("greeting = {name}", "greeting: Nothing has this name. It is character 1."),
        ("a = b\ngreeting", "Line 2 is not “name = value”."),
        ("a = b\na = c", "Line 2 repeats a name."),
    ],
)
def test_a_fault_stands_at_the_field_with_its_place(manager: Client, properties: str, sentence: str) -> None:
    response = manager.post(ADD, typed(properties))
    assert list(response.context["adminform"].form.errors) == ["config__properties"]
    assert sentence in response.context["adminform"].form.errors["config__properties"]


def test_faults_are_told_in_french(manager: Client, settings: Any) -> None:
    settings.LANGUAGE_CODE = "fr"
    response = manager.post(ADD, typed("greeting = {name}"))
    (fault,) = response.context["adminform"].form.errors["config__properties"]
    assert fault == "greeting: Rien ne porte ce nom. C’est le caractère 1."
