"""An action is tried on a pasted contact: as it is configured, at the real service, and without a trace."""

import html
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions.models import ActionDefinition, Project, Sendout
from sendouts.inquiries.trial import NoContact, read_contact
from simulator.client import Simulator
from tests.factories import client_of, everything, text_of
from tests.stages.acting import written

PASTED = '{"contactId": "A-10", "cancelUri": "https://x.example.com/c", "properties": {"consent": false}}'
RULE = {"field": "properties.consent", "reject_if": {"equals": False}, "reason": "No consent given"}


@pytest.fixture(autouse=True)
def _credential(settings: Any, service: Simulator) -> None:
    settings.CREDENTIALS = {"consent": {"Authorization": "Bearer shared-secret"}}


def defined(kind: str = "field_rule", config: Any = None, sendout: Sendout | None = None) -> str:
    """The page on which a definition is tried."""
    level = {"sendout": sendout} if sendout else {"project": Project.objects.get_or_create(name="Newsletter")[0]}
    made = ActionDefinition.objects.create(
        identifier="consent-check", kind=kind, config=RULE if config is None else config, **level
    )
    return reverse("test_action", args=[made.pk])


def asks(service: Simulator, path: str = "people/{id}", **more: Any) -> dict[str, Any]:
    return {
        "url": f"{service.url}/consent/{path}",
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
    form = reverse("admin:actions_actiondefinition_change", args=[pk])
    assert there in text_of(manager.get(form)) and there not in text_of(client_of("Viewer").get(form))
    assert manager.get(there).headers["Location"] == page


def test_verdict_reason_code_and_time_are_shown_and_the_contact_is_in_no_log(
    manager: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = tried(manager, defined(), PASTED.replace("A-10", "who-is-this@example.com"))
    for text in ("It would not get the message.", "No consent given", "rule", " ms"):
        assert text in shown
    logged = capsys.readouterr()
    assert "who-is-this" not in logged.out + logged.err


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
    sendout = Sendout.objects.create(project=Project.objects.create(name="News"), journey="Welcome", name="A-10")
    page = defined("consent_check", asks(service, "people/{sendout}?for={id}"), sendout)
    assert "It would not get the message." in tried(manager, page, PASTED.replace("A-10", "A-1"))


@pytest.mark.parametrize(
    ("fault", "language", "sentences"),
    [
        ({"kind": "status", "status": 401}, "en", ["The action failed: 127.0.0.1 answered 401.", "for a person"]),
        ({"kind": "status", "status": 503, "retry_after": 60}, "en", ["The action failed: 127.0.0.1 answered 503."]),
        ({"kind": "wrong_shape"}, "en", ["It would wait for a person."]),
        ({"kind": "hang"}, "en", ["No time was left"]),
        (
            {"kind": "status", "status": 401},
            "fr",
            ["L’action a échoué\u00a0: 127.0.0.1 a répondu 401.", "Il attendrait la décision d’une personne."],
        ),
    ],
)
def test_a_failure_is_a_sentence(
    manager: Client, service: Simulator, settings: Any, fault: Any, language: str, sentences: list[str]
) -> None:
    settings.LANGUAGE_CODE = language
    settings.PAGE_SECONDS = 1.0
    service.faults([{"on": "consent", **fault}])
    shown = tried(manager, defined("consent_check", asks(service)))
    assert [sentence for sentence in sentences if sentence not in shown] == []


@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        ("gone", {}, "No kind is called “gone”."),
        ("consent_check", {"url": "x"}, "The configuration is not valid any more: url."),
        ("consent_check", {"url": "https://x.example.com/", "credential": "other"}, "No credential is called “other”."),
        ("consent_check", {"url": "https://x.example.com/"}, "x.example.com may not be called"),
    ],
)
def test_what_cannot_be_carried_out_says_why(manager: Client, kind: str, config: Any, sentence: str) -> None:
    assert sentence in tried(manager, defined(kind, config))


def test_of_an_action_that_writes_is_shown_what_it_would_write_and_nothing_is_written(
    manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = written(monkeypatch)
    shown = tried(manager, defined("written", {}))
    assert "It would get the message." in shown and '{"id":"A-10"}' in html.unescape(shown)
    assert kind.pages == []


def test_nothing_is_stored_whatever_is_pasted_and_looking_asks_nobody(manager: Client, service: Simulator) -> None:
    pages = [defined(), defined("consent_check", asks(service))]
    clients = [client_of(role) for role in ("Viewer", "Reviewer", "staff")]
    before = everything()
    for page in pages:
        assert manager.get(page, {"contact": PASTED}).status_code == 200
        assert [client.post(page, {"contact": PASTED}).status_code for client in clients] == [403] * 3
        assert service.consent_asked()["asked"] == {}
        for pasted in (PASTED, "", "nonsense", "id\nA-1"):
            tried(manager, page, pasted)
    assert everything() == before


@pytest.mark.parametrize(
    "text",
    [
        PASTED,
        f"[{PASTED}]",
        "\n\n" + json.dumps(json.loads(PASTED), indent=4) + "\n",
        PASTED.replace("contactId", "originalId"),
        '{"id": "A-10", "properties": {"consent": false}}',
    ],
)
def test_json_is_read_as_the_platform_sends_it(text: str) -> None:
    row = read_contact(text)
    assert (row.contact_id, row.fields, row.problem) == ("A-10", {"properties": {"consent": False}}, "")


@pytest.mark.parametrize("text", ["contactId;consent\n A-10 ;false\n", "contactId\tconsent\r\nA-10\tfalse"])
def test_csv_is_read_with_its_header(text: str) -> None:
    row = read_contact(text)
    assert (row.contact_id.strip(), row.fields) == ("A-10", {"consent": "false"})


@pytest.mark.parametrize(
    ("sentence", "texts"),
    [
        ("one contact", ["", "nonsense", f"[{PASTED}, {PASTED}]", "[]", "contactId\nA-1\nA-2"]),
        ("no id", ['{"email": "x"}']),
        ("cannot be read", ["{", "[1]", '{"contactId": "A-1", "x": "\\u0000"}', "[" * 10_000]),
    ],
)
def test_what_is_no_contact_is_told(sentence: str, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(NoContact, match=sentence):
            read_contact(text)
