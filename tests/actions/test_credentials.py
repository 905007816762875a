"""Credentials that managers store: encrypted, used by actions, and never to be seen again."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from actions.contract import Permanent
from actions.models import ActionDefinition, Credential, Project
from actions.secrets.encrypted import Sealed, unopened
from actions.secrets.keys import CannotOpen, parse_keys
from gateway.ops import startup
from sendouts.services import credentials
from tests.factories import client_of, plain_english, text_of

pytestmark = pytest.mark.django_db
SECRET = "s3cret-of-the-consent-service"
ADD = reverse("admin:actions_credential_add")
OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture(autouse=True)
def _keys(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain_english(settings)
    settings.ENCRYPTION_KEYS = (OLD,)
    settings.CREDENTIALS = {}
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 0.0)


@pytest.fixture
def manager() -> Client:
    return client_of("Manager")


def given(**more: str) -> dict[str, str]:
    return {"name": "consent", "kind": "bearer", "user": "", "header": "", "secret": SECRET} | more


def in_the_table() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM actions_credential")
        rows = cursor.fetchall()
        cursor.execute("SELECT * FROM actions_historicalcredential")
        rows += cursor.fetchall()
    return str(rows)


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ({}, {"Authorization": f"Bearer {SECRET}"}),
        ({"kind": "basic", "user": "gate", "secret": "pass"}, {"Authorization": "Basic Z2F0ZTpwYXNz"}),
        ({"kind": "header", "header": "X-Api-Key"}, {"X-Api-Key": SECRET}),
    ],
)
def test_a_stored_credential_is_encrypted_and_sent_as_its_kind_says(
    manager: Client, more: dict[str, str], headers: dict[str, str]
) -> None:
    assert manager.post(ADD, given(**more)).status_code == 302
    assert given(**more)["secret"] not in in_the_table()
    assert credentials.headers("Consent", credentials.stored()) == headers


def test_no_page_history_or_log_entry_shows_the_secret(manager: Client) -> None:
    made = manager.post(ADD, given(), follow=True)
    stored = Credential.objects.get()
    names = ("changelist", "change", "history", "delete")
    urls = [
        reverse(f"admin:actions_credential_{name}", args=[] if name == "changelist" else [stored.pk]) for name in names
    ]
    past = stored.history.get()
    urls.append(reverse("admin:actions_credential_simple_history", args=[stored.pk, past.history_id]))
    shown = text_of(made) + "".join(text_of(manager.get(url)) for url in [*urls, "/admin/"])
    assert "consent" in shown
    assert SECRET not in shown and stored.secret.token not in shown
    assert not hasattr(past, "secret") and past.history_user.get_username() == "manager.lyon"
    assert SECRET not in str(LogEntry.objects.values()) and SECRET not in repr(stored.secret) + str(stored.secret)


def test_an_empty_secret_leaves_the_stored_one_and_a_new_one_replaces_it(manager: Client) -> None:
    manager.post(ADD, given())
    stored = Credential.objects.get()
    change = reverse("admin:actions_credential_change", args=[stored.pk])
    assert manager.post(change, given(secret="", name="other")).status_code == 302
    stored.refresh_from_db()
    assert (stored.name, stored.secret.open()) == ("other", SECRET)
    assert manager.post(change, given(secret="a new one", name="other")).status_code == 302
    stored.refresh_from_db()
    assert stored.secret.open() == "a new one"


def test_a_private_key_is_stored_as_one_line(manager: Client) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3Bl\r\nbnNz\r\n-----END OPENSSH PRIVATE KEY-----\r\n"
    assert manager.post(ADD, given(kind="basic", user="gate", secret=key)).status_code == 302
    stored = "-----BEGIN OPENSSH PRIVATE KEY-----b3BlbnNz-----END OPENSSH PRIVATE KEY-----"
    assert Credential.objects.get().secret.open() == stored


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"secret": ""}, "secret"),
        ({"secret": "two\nlines"}, "secret"),
        ({"name": "Über uns"}, "name"),
        ({"kind": "basic"}, "user"),
        ({"user": "gate"}, "user"),
        ({"kind": "header"}, "header"),
        ({"kind": "header", "header": "X: y"}, "header"),
    ],
)
def test_what_makes_no_credential_is_refused_at_its_field(manager: Client, more: dict[str, str], field: str) -> None:
    response = manager.post(ADD, given(**more))
    assert list(response.context["adminform"].form.errors) == [field]
    assert SECRET not in text_of(response)
    assert not Credential.objects.exists()


def test_without_a_key_nothing_is_stored(manager: Client, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ()
    assert "ENCRYPTION_KEYS is not set" in text_of(manager.post(ADD, given()))
    with pytest.raises(ImproperlyConfigured), transaction.atomic():
        Credential.objects.create(name="x", secret=SECRET)
    assert not Credential.objects.exists()


def test_the_environment_wins_and_a_name_that_nobody_stored_is_a_failure_that_names_it(settings: Any) -> None:
    Credential.objects.create(name="consent", secret=SECRET)
    settings.CREDENTIALS = {"consent": {"Authorization": "Bearer of-the-environment"}}
    assert credentials.headers("consent", credentials.stored()) == {"Authorization": "Bearer of-the-environment"}
    with pytest.raises(Permanent, match="No credential is called “missing”"):
        credentials.headers("missing", credentials.stored())


def test_secrets_move_to_the_first_key_and_the_old_one_can_go(settings: Any) -> None:
    Credential.objects.create(name="consent", secret=SECRET)
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    assert Credential.objects.get().secret.open() == SECRET
    call_command("rotate_secrets")
    settings.ENCRYPTION_KEYS = (NEW,)
    assert Credential.objects.get().secret.open() == SECRET
    settings.ENCRYPTION_KEYS = (OLD,)
    with pytest.raises(CannotOpen):
        Credential.objects.get().secret.open()


def test_what_no_key_opens_is_named_and_stops_nothing_else(settings: Any, manager: Client) -> None:
    Credential.objects.create(name="lost", secret=SECRET)
    settings.ENCRYPTION_KEYS = (OTHER,)
    Credential.objects.create(name="fine", secret=SECRET)
    assert unopened() == ["credential lost"]
    settings.ENCRYPTION_KEYS = (NEW, OTHER)
    with pytest.raises(CommandError, match="credential lost"):
        call_command("rotate_secrets")
    settings.ENCRYPTION_KEYS = (NEW,)
    assert credentials.headers("fine", credentials.stored()) == {"Authorization": f"Bearer {SECRET}"}
    with pytest.raises(Permanent, match="The credential “lost” cannot be opened"):
        credentials.headers("lost", credentials.stored())
    page = text_of(manager.get(reverse("admin:actions_credential_changelist")))
    assert "lost" in page and "fine" in page


@pytest.mark.django_db(transaction=True)
def test_the_start_names_what_cannot_be_opened(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Credential.objects.create(name="lost", secret=SECRET)
    settings.ENCRYPTION_KEYS = (NEW,)
    said: list[tuple[str, Any]] = []
    monkeypatch.setattr(startup.log, "error", lambda event, **more: said.append((event, more)), raising=False)
    startup.report()
    assert said == [("secrets_cannot_be_opened", {"names": ["credential lost"]})]


def test_what_is_encrypted_cannot_be_searched_and_differs_each_time() -> None:
    with pytest.raises(FieldError):
        list(Credential.objects.filter(secret=SECRET))
    assert Sealed.of(SECRET).token != Sealed.of(SECRET).token
    assert Sealed.of(SECRET).open() == SECRET


def test_a_key_that_is_none_is_refused_without_being_printed() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        parse_keys([OLD, "not-a-key-but-secret"])
    assert "entry 2" in str(refused.value) and "not-a-key-but-secret" not in str(refused.value)


def test_a_key_in_an_address_is_for_those_who_edit_it(manager: Client) -> None:
    project = Project.objects.create(name="Newsletter")
    for key in ("first-key", "second-key"):
        config = {"url": f"https://consent.example.com/check?key={key}"}
        ActionDefinition.objects.update_or_create(
            project=project, identifier="ask", defaults={"kind": "consent_check", "config": config}
        )
    gone = ActionDefinition.objects.create(project=project, identifier="gone", kind="no_such_kind", config=config)
    made = ActionDefinition.objects.get(identifier="ask")
    viewer = client_of("Viewer")
    pages = [reverse(f"admin:actions_actiondefinition_{name}", args=[made.pk]) for name in ("change", "history")]
    pages += [reverse("admin:actions_actiondefinition_change", args=[gone.pk])]
    pages += [
        reverse("admin:actions_actiondefinition_changelist"),
        reverse("admin:actions_project_change", args=[project.pk]),
    ]
    shown = "".join(text_of(viewer.get(url)) for url in pages)
    assert "https://consent.example.com/check?…" in shown
    assert "first-key" not in shown and "second-key" not in shown
    assert "second-key" in text_of(manager.get(pages[0]))
