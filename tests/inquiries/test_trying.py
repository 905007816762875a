"""An action is tried on a pasted contact: as it is configured, at the real service, and without a trace."""

import html
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions.models import ActionDefinition, Project, Sendout
from outbound.breaker import service_breakers
from sendouts.inquiries.trial import NoContact, read_contact
from sendouts.services import credentials, hosts
from simulator.client import Simulator
from tests.factories import client_of, everything, plain_english, text_of
from tests.stages.acting import written

PASTED = '{"contactId": "A-10", "cancelUri": "https://x.example.com/c", "properties": {"consent": false}}'
RULE = {"field": "properties.consent", "reject_if": {"equals": False}, "reason": "No consent given"}


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _surroundings(settings: Any, monkeypatch: pytest.MonkeyPatch, service: Simulator) -> None:
    plain_english(settings)
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.OUTBOUND_ALLOW_HTTP = True
    settings.CREDENTIALS = {"consent": {"Authorization": "Bearer shared-secret"}}
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 0.0)
    hosts._known.clear()
    service_breakers.forget()
    service.reset()


@pytest.fixture
def manager(db: None) -> Client:
    return client_of("Manager")


def defined(kind: str = "field_rule", config: Any = None, **more: Any) -> str:
    """The page on which a definition is tried."""
    where = more.pop("sendout", None)
    level = {"sendout": where} if where else {"project": Project.objects.get_or_create(name="Newsletter")[0]}
    made = ActionDefinition.objects.create(
        identifier="consent-check", kind=kind, config=RULE if config is None else config, **level, **more
    )
    return reverse("test_action", args=[made.pk])


def asks(service: Simulator, **more: Any) -> dict[str, Any]:
    return {
        "url": f"{service.url}/consent/people/{{id}}",
        "method": "GET",
        "asks": "contact",
        "shape": "value",
        "answers_at": "consent.mail",
        "recorded_at": "consent.recorded",
        "timeout": 2,
    } | more


def tried(client: Client, page: str, contact: str = PASTED) -> str:
    response = client.post(page, {"contact": contact})
    assert response.status_code == 200
    return text_of(response)


def test_the_page_of_an_action_leads_to_its_test(manager: Client) -> None:
    page = defined()
    pk = ActionDefinition.objects.get().pk
    there = reverse("admin:actions_actiondefinition_test", args=[pk])
    assert there in manager.get(reverse("admin:actions_actiondefinition_change", args=[pk])).content.decode()
    assert manager.get(there).headers["Location"] == page
    assert (
        there
        not in client_of("Viewer").get(reverse("admin:actions_actiondefinition_change", args=[pk])).content.decode()
    )


def test_verdict_reason_code_and_time_are_shown(manager: Client) -> None:
    shown = tried(manager, defined())
    for text in ("It would not get the message.", "No consent given", "rule", " ms"):
        assert text in shown


def test_a_service_is_really_asked_with_its_credential_and_its_evidence_shown(
    manager: Client, service: Simulator
) -> None:
    service.consent(refusing=["A-11"], token="shared-secret")
    page = defined("consent_check", asks(service, credential="consent"))
    shown = tried(manager, page)
    assert "It would get the message." in shown and "2026 09:30 CET" in shown
    assert "It would not get the message." in tried(manager, page, PASTED.replace("A-10", "A-11"))
    assert service.consent_asked()["asked"] == {"people": 2}


def test_what_is_on_a_sendout_is_tried_there(manager: Client, service: Simulator) -> None:
    project = Project.objects.create(name="News")
    sendout = Sendout.objects.create(project=project, journey="Welcome", name="A-10")
    page = defined(
        "consent_check", asks(service, url=f"{service.url}/consent/people/{{sendout}}?for={{id}}"), sendout=sendout
    )
    assert "It would not get the message." in tried(manager, page, PASTED.replace("A-10", "A-1"))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "status", "status": 401}, "127.0.0.1 answered 401."),
        ({"kind": "status", "status": 503, "retry_after": 60}, "127.0.0.1 answered 503."),
        ({"kind": "wrong_shape"}, ""),
    ],
)
def test_a_failure_is_a_sentence(manager: Client, service: Simulator, fault: Any, sentence: str) -> None:
    service.faults([{"on": "consent", **fault}])
    shown = tried(manager, defined("consent_check", asks(service)))
    if sentence:
        assert f"The action failed: {sentence}" in shown and "hold them for a person" in shown
    assert "It would wait for a person." in shown


def test_of_an_action_that_writes_is_shown_what_it_would_write_and_nothing_is_written(
    manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = written(monkeypatch)
    shown = tried(manager, defined("written", {}))
    assert "It would get the message." in shown and '{"id":"A-10"}' in html.unescape(shown)
    assert kind.pages == []


def test_in_french_the_failure_is_french(manager: Client, service: Simulator, settings: Any) -> None:
    settings.LANGUAGE_CODE = "fr"
    service.faults([{"on": "consent", "kind": "status", "status": 401}])
    shown = tried(manager, defined("consent_check", asks(service)))
    assert "L’action a échoué\u00a0: 127.0.0.1 a répondu 401." in shown
    assert "Il attendrait la décision d’une personne." in shown


def test_a_service_that_hangs_is_given_up_before_the_page_is(
    manager: Client, service: Simulator, settings: Any
) -> None:
    settings.PAGE_SECONDS = 1.0
    service.faults([{"kind": "hang", "on": "consent"}])
    assert "No time was left" in tried(manager, defined("consent_check", asks(service)))


def test_a_host_that_is_not_listed_is_named(manager: Client, settings: Any, service: Simulator) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = []
    assert "127.0.0.1 may not be called" in tried(manager, defined("consent_check", asks(service)))
    assert service.consent_asked()["asked"] == {}


@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        ("gone", {}, "No kind is called “gone”."),
        ("consent_check", {"url": "x"}, "The configuration is not valid any more: url."),
        ("consent_check", {"url": "https://x.example.com/", "credential": "other"}, "No credential is called “other”."),
    ],
)
def test_what_cannot_be_carried_out_says_why(manager: Client, kind: str, config: Any, sentence: str) -> None:
    assert sentence in tried(manager, defined(kind, config))


def test_nothing_is_stored_whatever_is_pasted(manager: Client, service: Simulator) -> None:
    pages = [defined(), defined("consent_check", asks(service))]
    before = everything()
    for page in pages:
        for pasted in (PASTED, "", "nonsense", "id\nA-1"):
            tried(manager, page, pasted)
        manager.get(page)
    assert everything() == before


def test_looking_asks_nobody(manager: Client, service: Simulator) -> None:
    page = defined("consent_check", asks(service))
    assert manager.get(page, {"contact": PASTED}).status_code == 200
    assert service.consent_asked()["asked"] == {}


@pytest.mark.parametrize("role", ["Viewer", "Reviewer", "staff"])
def test_who_may_not_change_an_action_may_not_try_it(role: str, db: None, service: Simulator) -> None:
    page = defined("consent_check", asks(service))
    assert client_of(role).post(page, {"contact": PASTED}).status_code == 403
    assert service.consent_asked()["asked"] == {}


def test_the_contact_is_in_no_log(manager: Client, capsys: pytest.CaptureFixture[str]) -> None:
    tried(manager, defined(), PASTED.replace("A-10", "who-is-this@example.com"))
    written = capsys.readouterr()
    assert "who-is-this" not in written.out + written.err


SAME = [
    PASTED,
    f"[{PASTED}]",
    json.dumps(json.loads(PASTED), indent=4),
    f"\n\n {PASTED}\n",
    PASTED.replace("contactId", "originalId"),
    '{"id": "A-10", "properties": {"consent": false}}',
]


@pytest.mark.parametrize("text", SAME)
def test_json_is_read_as_the_platform_sends_it(text: str) -> None:
    row = read_contact(text)
    assert (row.contact_id, row.fields, row.problem) == ("A-10", {"properties": {"consent": False}}, "")


@pytest.mark.parametrize(
    "text", ["contactId,consent\nA-10,false", "contactId;consent\n A-10 ;false\n", "contactId\tconsent\r\nA-10\tfalse"]
)
def test_csv_is_read_with_its_header(text: str) -> None:
    row = read_contact(text)
    assert (row.contact_id.strip(), row.fields) == ("A-10", {"consent": "false"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "one contact"),
        ("nonsense", "one contact"),
        (f"[{PASTED}, {PASTED}]", "one contact"),
        ("[]", "one contact"),
        ("contactId\nA-1\nA-2", "one contact"),
        ('{"email": "x"}', "no id"),
        ("{", "cannot be read"),
        ("[1]", "cannot be read"),
        ('{"contactId": "A-1", "x": "\\u0000"}', "cannot be read"),
        ("[" * 10_000, "cannot be read"),
    ],
)
def test_what_is_no_contact_is_told(text: str, sentence: str) -> None:
    with pytest.raises(NoContact, match=sentence):
        read_contact(text)
