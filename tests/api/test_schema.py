"""The description of the API: complete, without warnings, the same for everybody, and from our own server."""

import re
from io import StringIO
from typing import Any

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from rest_framework.test import APIClient

from tests.api.api_cases import client_of
from tests.gate import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return client_of(person("visitor"))


def generated() -> Any:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return yaml.safe_load(out.getvalue())


def test_the_schema_is_valid_and_generated_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(generated()["paths"]) == {
        "/api/projects/",
        "/api/projects/{id}/",
        "/api/batches/",
        "/api/batches/{id}/",
        "/api/batches/{id}/decisions/",
        "/api/batches/{id}/events/",
        "/api/batches/{id}/accept/",
        "/api/batches/{id}/reject/",
        "/api/batches/{id}/take-back/",
        "/api/batches/{id}/undo/",
        "/api/batches/{id}/export/",
        "/api/contacts/find/",
        "/api/batches/{id}/change/",
        "/api/batches/{id}/cancel-change/",
        "/api/batches/{id}/hold/",
        "/api/batches/{id}/lift-hold/",
    }
    assert capsys.readouterr().err == ""


def test_the_schema_names_the_parameters_the_body_and_the_conflict() -> None:
    paths = generated()["paths"]

    def parameters(path: str) -> set[str]:
        return {each["name"] for each in paths[path]["get"]["parameters"]}

    assert parameters("/api/batches/") == {"status", "project", "attention", "waiting", "before", "limit"}
    assert parameters("/api/batches/{id}/decisions/") == {"id", "after", "limit", "verdict"}
    for verb in ("accept", "reject"):
        operation = paths[f"/api/batches/{{id}}/{verb}/"]["post"]
        assert set(operation["responses"]) == {"200", "400", "401", "403", "404", "409"}
        assert operation["requestBody"]["required"]


def test_only_the_revision_is_required_to_decide() -> None:
    asked = generated()["components"]["schemas"]["VerbAsked"]
    assert asked["required"] == ["revision"]
    assert set(asked["properties"]) == {"revision", "note", "undecided", "take_on"}


def test_no_address_and_no_kept_field_is_part_of_the_schema() -> None:
    properties = {
        name for schema in generated()["components"]["schemas"].values() for name in schema.get("properties", {})
    }
    assert {"contact_id", "deadline", "held_for"} <= properties
    assert not {name for name in properties if "uri" in name or name == "kept"}


def test_the_schema_is_the_same_in_every_language(client: APIClient) -> None:
    english = client.get("/api/schema/")
    french = client.get("/api/schema/", HTTP_ACCEPT_LANGUAGE="fr")
    assert english.status_code == french.status_code == 200
    assert english.content == french.content


def test_the_page_loads_nothing_from_elsewhere(client: APIClient) -> None:
    page = client.get("/api/docs/", HTTP_ACCEPT="text/html")
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert len(loaded) >= 3
    assert [address for address in loaded if not address.startswith(("/static/", "/api/docs/?"))] == []
    files = [address.removeprefix("/static/") for address in loaded if address.startswith("/static/")]
    assert [name for name in files if not finders.find(name)] == []


def test_who_opens_the_api_lands_on_its_description(client: APIClient) -> None:
    assert client.get("/api/")["Location"] == "/api/docs/"
