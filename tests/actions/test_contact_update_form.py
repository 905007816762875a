"""Staff type properties one a line, and are told what is wrong with one."""

from typing import Any

import pytest
from django.utils import translation

from actions import catalog
from actions.models import Project
from desk.setup.forms import action_form

pytestmark = pytest.mark.django_db


def form(properties: str, **more: str) -> Any:
    """Return the form as a browser sends it."""
    project = Project.objects.get_or_create(name="Newsletter")[0]
    data = {
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
    }
    return action_form(catalog.kind("contact_update"))(data | more)


def test_properties_are_lines_of_names_and_values() -> None:
    text = "points = {contact.points}\r\n\r\ngreeting = Hello {contact.properties.first_name} = {code}"
    config = form(text, config__tags="vip, in-{batch}").save().config
    wanted = {"points": "{contact.points}", "greeting": "Hello {contact.properties.first_name} = {code}"}
    assert (config["properties"], config["tags"]) == (wanted, ["vip", "in-{batch}"])


@pytest.mark.parametrize(
    ("language", "properties", "sentence"),
    [
        ("en", "greeting = Hello {contact.id", "greeting: This brace is not closed. It is character 7."),
        ("en", "greeting = {name}", "greeting: Nothing has this name. It is character 1."),
        ("en", "a = b\ngreeting", "Line 2 is not “name = value”."),
        ("en", "a = b\na = c", "Line 2 repeats a name."),
        ("fr", "greeting = {name}", "greeting: Rien ne porte ce nom. C’est le caractère 1."),
    ],
)
def test_a_fault_stands_at_the_field_with_its_place(language: str, properties: str, sentence: str) -> None:
    with translation.override(language):
        assert form(properties).errors == {"config__properties": [sentence]}
