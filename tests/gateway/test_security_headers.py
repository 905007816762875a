"""What browsers are told with every answer."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db
ANSWERS = ["/", "/admin/", "/admin/login/", "/api/batches/", "/api/docs/", "/api/schema/", "/health/live", "/nowhere"]


def directives(response: Any) -> dict[str, list[str]]:
    parts = [part.split() for part in response["Content-Security-Policy"].split(";")]
    return {name: sources for name, *sources in parts}


@pytest.fixture
def client(settings: Any) -> Client:
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("whitenoise.")]
    return Client()


@pytest.mark.parametrize("logged_in", [False, True])
@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_is_strict(client: Client, path: str, logged_in: bool) -> None:
    if logged_in:
        client.force_login(User.objects.create_superuser("root"))
    response = client.get(path)
    told = directives(response)
    assert told["default-src"] == told["frame-ancestors"] == told["base-uri"] == ["'none'"]
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ANSWERS)
def test_only_the_admin_evaluates_and_nothing_runs_from_a_page_or_from_elsewhere(client: Client, path: str) -> None:
    told = directives(client.get(path))
    scripts = told.get("script-src", told["default-src"])
    wanted = ["'self'", "'unsafe-eval'"] if path.startswith("/admin/") else ["'self'"] if "docs" in path else ["'none'"]
    assert scripts == wanted
    assert "'unsafe-inline'" not in scripts
    everywhere = {source for sources in told.values() for source in sources}
    assert everywhere <= {"'none'", "'self'", "'unsafe-eval'", "'unsafe-inline'", "data:"}


def test_a_path_that_only_looks_like_the_admin_has_no_exception(client: Client) -> None:
    for path in ("/administration/", "/x/admin/", "/adminx"):
        assert directives(client.get(path)).get("script-src") is None, path


def test_files_of_the_screens_may_be_kept(settings: Any) -> None:
    response = Client().get("/static/gateway/gate.css")
    assert response.status_code == 200
    assert "no-store" not in response["Cache-Control"]
    assert directives(response)["default-src"] == ["'none'"]
    assert b"gate" in b"".join(response.streaming_content)
    response.close()
