"""The description of the API: complete, without warnings, the same for everybody, and from our own server."""

import re
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from rest_framework.test import APIClient

from api.verbs import OFFERS
from tests.api.api_cases import client_of
from tests.gate import person


@pytest.fixture(scope="module")
def schema() -> Any:
    out, warnings = StringIO(), StringIO()
    with redirect_stderr(warnings):
        call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert warnings.getvalue() == ""
    return yaml.safe_load(out.getvalue())


@pytest.fixture
def client(db: None) -> APIClient:
    return client_of(person("visitor"))


def test_the_schema_names_every_path_with_its_parameters_body_and_refusals(schema: Any) -> None:
    paths = schema["paths"]
    reads = {
        "/api/projects/": {"after", "limit"},
        "/api/projects/{id}/": {"id"},
        "/api/batches/": {"status", "project", "attention", "waiting", "before", "limit"},
        "/api/batches/{id}/": {"id"},
        "/api/batches/{id}/decisions/": {"id", "after", "limit", "verdict"},
        "/api/batches/{id}/events/": {"id", "after", "limit"},
    }
    verbs = {f"/api/batches/{{id}}/{name}/" for name in OFFERS}
    assert set(paths) == {*reads, *verbs, "/api/batches/{id}/export/", "/api/contacts/find/"}
    assert {path: {each["name"] for each in paths[path]["get"]["parameters"]} for path in reads} == reads
    for path in verbs:
        operation = paths[path]["post"]
        assert set(operation["responses"]) == {"200", "400", "401", "403", "404", "409"}
        assert operation["requestBody"]["required"]
    asked = schema["components"]["schemas"]["VerbAsked"]
    assert asked["required"] == ["revision"]
    assert set(asked["properties"]) == {"revision", "note", "undecided", "take_on"}


def test_no_address_and_no_kept_field_is_part_of_the_schema(schema: Any) -> None:
    properties = {name for each in schema["components"]["schemas"].values() for name in each.get("properties", {})}
    assert {"contact_id", "deadline", "held_for"} <= properties
    assert not {name for name in properties if "uri" in name or name == "kept"}


def test_the_schema_is_the_same_in_every_language(client: APIClient) -> None:
    english, french = (client.get("/api/schema/", HTTP_ACCEPT_LANGUAGE=language) for language in ("en", "fr"))
    assert english.status_code == 200 and english.content == french.content


def test_the_page_loads_nothing_from_elsewhere(client: APIClient) -> None:
    assert client.get("/api/")["Location"] == "/api/docs/"
    page = client.get("/api/docs/", HTTP_ACCEPT="text/html")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert page.status_code == 200 and len(loaded) >= 3
    assert [address for address in loaded if not address.startswith(("/static/", "/api/docs/?"))] == []
    files = [address.removeprefix("/static/") for address in loaded if address.startswith("/static/")]
    assert [name for name in files if not finders.find(name)] == []
