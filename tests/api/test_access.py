"""Who may use the API: nobody without a login, nobody beyond their permissions."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from api.models import ApiToken
from sendouts.models import Batch
from tests.api.api_cases import a_batch, client_of
from tests.gate import person

pytestmark = pytest.mark.django_db
READS = [
    "/api/projects/",
    "/api/projects/{project}/",
    "/api/batches/",
    "/api/batches/{batch}/",
    "/api/batches/{batch}/decisions/",
    "/api/batches/{batch}/events/",
]
VERBS = ["/api/batches/{batch}/accept/", "/api/batches/{batch}/reject/"]


@pytest.fixture
def batch() -> Batch:
    return a_batch(rows=3)


def address(pattern: str, batch: Batch) -> str:
    return pattern.format(batch=batch.pk, project=batch.project_id)


@pytest.mark.parametrize("pattern", [*READS, *VERBS, "/api/schema/", "/api/docs/"])
def test_nobody_gets_in_without_a_login(batch: Batch, pattern: str) -> None:
    client = APIClient()
    response = (
        client.post(address(pattern, batch), {"revision": 1})
        if pattern in VERBS
        else client.get(address(pattern, batch))
    )
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    assert b"Newsletter" not in response.content
    batch.refresh_from_db()
    assert batch.status == "in_review"


@pytest.mark.parametrize("pattern", READS)
def test_a_login_alone_shows_nothing(batch: Batch, pattern: str) -> None:
    response = client_of(person("visitor")).get(address(pattern, batch))
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize("pattern", READS)
def test_a_viewer_reads(batch: Batch, pattern: str) -> None:
    user = person("viewer", "view_batch", "view_project")
    assert client_of(user).get(address(pattern, batch)).status_code == 200


def test_each_right_to_look_opens_only_its_own_door(batch: Batch) -> None:
    only_projects, only_batches = client_of(person("a", "view_project")), client_of(person("b", "view_batch"))
    assert only_projects.get("/api/projects/").status_code == 200
    assert only_projects.get("/api/batches/").status_code == 403
    assert only_projects.get(f"/api/batches/{batch.pk}/decisions/").status_code == 403
    assert only_batches.get("/api/projects/").status_code == 403
    assert only_batches.get("/api/batches/").status_code == 200


@pytest.mark.parametrize("pattern", VERBS)
def test_a_viewer_cannot_decide(batch: Batch, pattern: str) -> None:
    response = client_of(person("viewer", "view_batch")).post(
        address(pattern, batch), {"revision": batch.revision, "note": "Wrong picture."}
    )
    assert response.status_code == 403
    assert response.json() == {
        "code": "not_allowed",
        "error": "You may look at this batch, but not decide. Ask a reviewer.",
    }
    batch.refresh_from_db()
    assert batch.status == "in_review"


def test_a_user_who_left_is_shut_out(batch: Batch) -> None:
    user = person("left", "view_batch")
    client = client_of(user)
    assert client.get("/api/batches/").status_code == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get("/api/batches/").status_code == 401


def test_a_token_that_was_withdrawn_opens_nothing(batch: Batch) -> None:
    client = client_of(person("viewer", "view_batch"))
    ApiToken.objects.all().delete()
    assert client.get("/api/batches/").status_code == 401


def test_a_session_reads_and_decides_only_with_the_csrf_token(batch: Batch) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("anna", "view_batch", "review_batch", "view_project"))
    assert client.get("/api/batches/").status_code == 200
    path, body = f"/api/batches/{batch.pk}/reject/", {"revision": batch.revision, "note": "Wrong picture."}
    refused = client.post(path, body, content_type="application/json")
    assert refused.status_code == 403
    batch.refresh_from_db()
    assert batch.status == "in_review"
    client.get("/admin/login/")
    client.get("/api/docs/")
    token = client.cookies["csrftoken"].value
    done = client.post(path, body, content_type="application/json", headers={"X-CSRFToken": token})
    assert (done.status_code, done.json()["status"]) == (200, "refused")


@pytest.mark.parametrize("pattern", READS)
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_nothing_can_be_written_but_through_verbs(batch: Batch, pattern: str, method: str) -> None:
    client = client_of(User.objects.create_superuser("root"))
    response = getattr(client, method)(address(pattern, batch), {"status": "finished"})
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("pattern", VERBS)
def test_looking_at_a_verb_does_nothing(batch: Batch, pattern: str) -> None:
    client = client_of(User.objects.create_superuser("root"))
    assert client.get(address(pattern, batch)).status_code == 405
    batch.refresh_from_db()
    assert batch.status == "in_review"
