"""What browsers are told with every answer."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.views.debug import get_exception_reporter_filter

from gateway.web.error_reports import QuietReporter

pytestmark = pytest.mark.django_db
ANSWERS = [
    "/",
    "/admin/",
    "/admin/login/",
    "/api/batches/",
    "/api/docs/",
    "/api/schema/",
    "/health/live",
    "/administration/",
]


def directives(response: Any) -> dict[str, list[str]]:
    parts = [part.split() for part in response["Content-Security-Policy"].split(";")]
    return {name: sources for name, *sources in parts}


@pytest.fixture
def client(settings: Any) -> Client:
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("whitenoise.")]
    return Client()


@pytest.mark.parametrize("logged_in", [False, True])
@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_is_strict_and_only_the_admin_evaluates(client: Client, path: str, logged_in: bool) -> None:
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
    scripts = told.get("script-src", told["default-src"])
    wanted = ["'self'", "'unsafe-eval'"] if path.startswith("/admin/") else ["'self'"] if "docs" in path else ["'none'"]
    assert scripts == wanted
    everywhere = {source for sources in told.values() for source in sources}
    assert everywhere <= {"'none'", "'self'", "'unsafe-eval'", "'unsafe-inline'", "data:"}


def test_files_of_the_screens_may_be_kept(settings: Any) -> None:
    response = Client().get("/static/gateway/gate.css")
    assert response.status_code == 200
    assert "no-store" not in response["Cache-Control"]
    assert directives(response)["default-src"] == ["'none'"]
    assert b"gate" in b"".join(response.streaming_content)
    response.close()


def test_an_error_of_the_server_says_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("A-17 and https://x.example.com/cancel/T")

    monkeypatch.setattr("api.base.MayLook.has_permission", fail)
    client.raise_request_exception = False
    response = client.get("/api/batches/")
    text = response.content.decode()
    assert response.status_code == 500 and "<h1>" in text
    assert "A-17" not in text and "cancel" not in text and "ValueError" not in text
    assert directives(response)["default-src"] == ["'none'"]


def test_pages_that_are_missing_or_not_allowed_say_so_in_the_language_of_the_reader(client: Client) -> None:
    User.objects.create_user("lea", password="x", is_staff=True)
    client.force_login(User.objects.get(username="lea"))
    missing = client.get("/admin/nowhere/", headers={"accept-language": "fr"})
    refused = client.get("/admin/auth/user/", headers={"accept-language": "fr"})
    assert (missing.status_code, refused.status_code) == (404, 403)
    assert "Il n’y a pas de page à cette adresse" in missing.content.decode()
    assert "Demandez à un administrateur" in refused.content.decode() and '<html lang="fr">' in refused.content.decode()


def test_where_error_pages_are_switched_on_they_hide_credentials_and_variables(settings: Any) -> None:
    reporter = get_exception_reporter_filter(None)
    assert isinstance(reporter, QuietReporter)
    settings.WEBHOOK_BASIC_AUTH = (("hook", "a-webhook-password"),)
    settings.CREDENTIALS = {"consent": {"Authorization": "Bearer a-service-token"}}
    shown = str(reporter.get_safe_settings())
    for secret in ("a-webhook-password", "a-service-token", settings.SECRET_KEY, *settings.ENCRYPTION_KEYS):
        assert secret not in shown
    assert list(reporter.get_traceback_frame_variables(None, None)) == []
