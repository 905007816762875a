"""The button on a credential's page tries it at its service, and says in a sentence what came back."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from actions.models import Credential
from simulator.client import Simulator
from tests.factories import client_of, text_of

SECRET = "s3cret-of-the-consent-service"


@pytest.fixture(autouse=True)
def _credential(settings: Any, service: Simulator, db: None) -> None:
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    settings.CREDENTIALS = {}
    service.consent(token=SECRET)


def stored(url: str, secret: str = SECRET) -> str:
    """The page on which a stored credential is tried."""
    return reverse("test_credential", args=[Credential.objects.create(name="consent", secret=secret, test_url=url).pk])


def url(service: Simulator) -> str:
    return f"{service.url}/consent/people/A-1?key=in-the-url"


def tried(client: Client, page: str) -> str:
    response = client.post(page)
    assert response.status_code == 200
    shown = text_of(response)
    assert SECRET not in shown and "in-the-url" not in shown
    return shown


def test_a_service_that_takes_it_says_so_and_that_is_recorded(manager: Client, service: Simulator) -> None:
    page = stored(url(service))
    assert "is sent to 127.0.0.1" in text_of(manager.get(page))
    assert service.consent_asked()["asked"] == {}
    assert "127.0.0.1 accepted the credential (200)." in tried(manager, page)
    assert service.consent_asked()["asked"] == {"people": 1}
    entry = LogEntry.objects.get()
    assert entry.user.get_username() == "manager.lyon" and "accepted the credential" in entry.get_change_message()
    assert SECRET not in str(LogEntry.objects.values()) and "in-the-url" not in str(LogEntry.objects.values())


def test_a_service_that_refuses_it_says_so_and_that_of_the_environment_is_tried_first(
    manager: Client, service: Simulator, settings: Any
) -> None:
    page = stored(url(service), "another")
    assert "127.0.0.1 refused the credential (401)." in tried(manager, page)
    settings.CREDENTIALS = {"consent": {"Authorization": f"Bearer {SECRET}"}}
    assert "accepted the credential" in tried(manager, page)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "status", "status": 503}, "answered 503, which says nothing"),
        ({"kind": "redirect"}, "answered 302, which says nothing"),
        ({"kind": "reset_before"}, "could not be reached"),
        ({"kind": "hang"}, "did not answer in time"),
    ],
)
def test_anything_else_says_nothing_about_it(
    manager: Client, service: Simulator, settings: Any, fault: dict[str, Any], sentence: str
) -> None:
    settings.PAGE_SECONDS = 1.0
    service.faults([{"on": "consent", **fault}])
    assert sentence in tried(manager, stored(url(service)))


def test_what_cannot_be_tried_is_told_and_nobody_is_called(manager: Client, service: Simulator, settings: Any) -> None:
    page, without = stored(url(service)), reverse("test_credential", args=[Credential.objects.create(name="none").pk])
    for shown in (text_of(manager.get(without)), tried(manager, without)):
        assert "has no URL to test with" in shown
    assert not LogEntry.objects.exists()
    settings.OUTBOUND_ALLOWED_HOSTS = []
    assert "127.0.0.1 may not be called" in tried(manager, page)
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    assert "cannot be opened" in tried(manager, page)
    for role in ("Viewer", "Reviewer", "staff"):
        assert client_of(role).post(page).status_code == 403, role
    assert service.consent_asked()["asked"] == {}


def test_a_url_that_is_none_is_refused_at_its_field(manager: Client) -> None:
    given = {"name": "consent", "kind": "bearer", "user": "", "header": "", "secret": SECRET}
    for wrong in ("ftp://example.com", "https://user:pass@example.com/", "example.com"):
        response = manager.post(reverse("admin:actions_credential_add"), given | {"test_url": wrong})
        assert list(response.context["adminform"].form.errors) == ["test_url"], wrong
