"""The button on a credential's page tries it at its service, and says in a sentence what came back."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from actions.models import Credential
from sendouts.services import hosts
from simulator.client import Simulator
from tests.factories import client_of, plain_english, text_of

SECRET = "s3cret-of-the-consent-service"


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _surroundings(settings: Any, service: Simulator, db: None) -> None:
    plain_english(settings)
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    settings.CREDENTIALS = {}
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.OUTBOUND_ALLOW_HTTP = True
    hosts._known.clear()
    service.reset()
    service.consent(token=SECRET)


@pytest.fixture
def manager() -> Client:
    return client_of("Manager")


def stored(url: str, secret: str = SECRET) -> str:
    """The page on which a stored credential is tried."""
    return reverse("test_credential", args=[Credential.objects.create(name="consent", secret=secret, test_url=url).pk])


def url(service: Simulator, path: str = "people/A-1?key=in-the-url") -> str:
    return f"{service.url}/consent/{path}"


def tried(client: Client, page: str) -> str:
    response = client.post(page)
    assert response.status_code == 200
    shown = text_of(response)
    assert SECRET not in shown and "in-the-url" not in shown
    return shown


def test_a_service_that_takes_it_says_so(manager: Client, service: Simulator) -> None:
    page = stored(url(service))
    assert "is sent to 127.0.0.1" in text_of(manager.get(page))
    assert service.consent_asked()["asked"] == {}
    assert "127.0.0.1 accepted the credential (200)." in tried(manager, page)
    assert service.consent_asked()["asked"] == {"people": 1}


def test_a_service_that_refuses_it_says_so(manager: Client, service: Simulator) -> None:
    assert "127.0.0.1 refused the credential (401)." in tried(manager, stored(url(service), "another"))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "status", "status": 503}, "answered 503, which says nothing"),
        ({"kind": "redirect"}, "answered 302, which says nothing"),
        ({"kind": "reset_before"}, "could not be reached"),
    ],
)
def test_anything_else_says_nothing_about_it(
    manager: Client, service: Simulator, fault: dict[str, Any], sentence: str
) -> None:
    service.faults([{"on": "consent", **fault}])
    assert sentence in tried(manager, stored(url(service)))


def test_a_service_that_hangs_is_given_up_before_the_page_is(
    manager: Client, service: Simulator, settings: Any
) -> None:
    settings.PAGE_SECONDS = 1.0
    service.faults([{"on": "consent", "kind": "hang"}])
    assert "did not answer in time" in tried(manager, stored(url(service)))


def test_a_host_that_is_not_listed_is_not_called(manager: Client, service: Simulator, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = []
    assert "127.0.0.1 may not be called" in tried(manager, stored(url(service)))
    assert service.consent_asked()["asked"] == {}


def test_without_a_url_there_is_nothing_to_press(manager: Client) -> None:
    page = stored("")
    for shown in (text_of(manager.get(page)), tried(manager, page)):
        assert "has no URL to test with" in shown
    assert not LogEntry.objects.exists()


def test_what_no_key_opens_is_told(manager: Client, service: Simulator, settings: Any) -> None:
    page = stored(url(service))
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    assert "cannot be opened" in tried(manager, page)


def test_that_of_the_environment_is_tried_where_there_is_one(
    manager: Client, service: Simulator, settings: Any
) -> None:
    settings.CREDENTIALS = {"consent": {"Authorization": f"Bearer {SECRET}"}}
    assert "accepted the credential" in tried(manager, stored(url(service), "another"))


def test_each_test_is_recorded_without_secret_or_address(manager: Client, service: Simulator) -> None:
    tried(manager, stored(url(service)))
    entry = LogEntry.objects.get()
    assert entry.user.get_username() == "manager.lyon" and "accepted the credential" in entry.get_change_message()
    assert SECRET not in str(LogEntry.objects.values()) and "in-the-url" not in str(LogEntry.objects.values())


@pytest.mark.parametrize("role", ["Viewer", "Reviewer", "staff"])
def test_others_may_not_send_it_anywhere(role: str, service: Simulator) -> None:
    assert client_of(role).post(stored(url(service))).status_code == 403
    assert service.consent_asked()["asked"] == {}


@pytest.mark.parametrize("wrong", ["ftp://example.com", "https://user:pass@example.com/", "example.com"])
def test_a_url_that_is_none_is_refused_at_its_field(manager: Client, wrong: str) -> None:
    given = {"name": "consent", "kind": "bearer", "user": "", "header": "", "secret": SECRET, "test_url": wrong}
    response = manager.post(reverse("admin:actions_credential_add"), given)
    assert list(response.context["adminform"].form.errors) == ["test_url"]
