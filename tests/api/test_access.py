"""Who may use the API: nobody without a login, nobody beyond their permissions."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from api.verbs import OFFERS
from sendouts.models import Batch
from tests.api.api_cases import client_of
from tests.factories import batch
from tests.gate import person

pytestmark = pytest.mark.django_db
PROJECTS, BATCHES = "view_project", "view_batch"
READS = {
    "/api/projects/": PROJECTS,
    "/api/projects/{project}/": PROJECTS,
    "/api/batches/": BATCHES,
    "/api/batches/{batch}/": BATCHES,
    "/api/batches/{batch}/decisions/": BATCHES,
    "/api/batches/{batch}/events/": BATCHES,
}
POSTS = (*(f"/api/batches/{{batch}}/{path}/" for path in (*OFFERS, "export")), "/api/contacts/find/")


@pytest.fixture
def made() -> Batch:
    return batch(accepted=3)


def address(pattern: str, made: Batch) -> str:
    return pattern.format(batch=made.pk, project=made.project_id)


def test_nobody_gets_in_without_a_login(made: Batch) -> None:
    client = APIClient()
    for pattern in (*READS, "/api/schema/", "/api/docs/", *POSTS):
        response = (client.post if pattern in POSTS else client.get)(address(pattern, made))
        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Token"), pattern
        assert b"Newsletter" not in response.content


@pytest.mark.parametrize("pattern", READS)
def test_a_login_alone_shows_nothing(made: Batch, pattern: str) -> None:
    path, needed = address(pattern, made), READS[pattern]
    for name in ("view_contacts", BATCHES if needed == PROJECTS else PROJECTS):
        refused = client_of(person(name, name)).get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert client_of(person("reader", needed)).get(path).status_code == 200


def test_nothing_is_written_but_by_a_post_to_a_verb(made: Batch) -> None:
    client = client_of(User.objects.create_superuser("root"))
    for pattern, methods in (
        *((each, ("put", "patch", "delete")) for each in READS),
        *((each, ("get",)) for each in POSTS),
    ):
        for method in methods:
            response = getattr(client, method)(address(pattern, made), {"status": "finished"})
            assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed"), (pattern, method)


def test_a_session_reads_and_decides_only_with_the_csrf_token(made: Batch) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("anna", "view_batch", "review_batch", "view_project"))
    assert client.get("/api/batches/").status_code == 200
    path, body = f"/api/batches/{made.pk}/reject/", {"revision": made.revision, "note": "Wrong picture."}
    assert client.post(path, body, content_type="application/json").status_code == 403
    made.refresh_from_db()
    assert made.status == "in_review"
    client.get("/admin/login/")
    client.get("/api/docs/")
    token = client.cookies["csrftoken"].value
    done = client.post(path, body, content_type="application/json", headers={"X-CSRFToken": token})
    assert (done.status_code, done.json()["status"]) == (200, "refused")
