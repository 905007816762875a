"""Services behind OAuth2 are asked with a token that is requested once, renewed in time, and replaced after a 401."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.urls import reverse
from django.utils import timezone

from actions.catalog.contact_update.platform_api import ContactsApi, Rows, write_each
from actions.catalog.transfer.http_post import TransferHttp
from actions.codes.models import CodePool
from actions.codes.refill import refill
from actions.contract import Contact, Context, Permanent, Retryable, Word
from actions.effect import DONE, Pending
from actions.models import Credential, Project, Sendout
from actions.plan import questions
from actions.plan.merge import PlannedAction
from actions.plan.run import Result
from actions.secrets import oauth
from outbound.breaker import service_breakers
from sendouts.models import Batch, Plan
from sendouts.services import credentials
from sendouts.services.context import Contexts
from simulator.client import Simulator
from tests.actions.helpers import planned, run, service
from tests.factories import client_of, plain_english, text_of

# Worker threads read the credentials again after a 401, over connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "s3cret: with % and é"


@pytest.fixture(scope="module")
def running_simulator() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture
def sim(running_simulator: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    running_simulator.reset()
    running_simulator.oauth(client_id="gate", client_secret=SECRET)
    running_simulator.consent(oauth=True)
    service_breakers.forget()
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    settings.CREDENTIALS = {}
    settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], True
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 0.0)
    return running_simulator


def store(sim: Simulator, **more: Any) -> Credential:
    given = {
        "name": "consent",
        "kind": "oauth2",
        "user": "gate",
        "secret": SECRET,
        "token_url": f"{sim.url}/oauth/token",
    }
    return Credential.objects.create(**(given | more))


def context_of(action: PlannedAction | None = None) -> Context:
    """Return the context that a batch of a project gives its actions."""
    now = timezone.now() + timedelta(seconds=30)
    project = Project(name="News")
    sendout = Sendout(project=project, journey="J", name="S")
    batch = Batch(pk=1, project=project, sendout=sendout, plan=Plan(content={}), deadline=now)
    return Contexts(batch, now).of(action or planned("consent_check"))


def ask(sim: Simulator, people: int = 40, **more: Any) -> Result:
    config = {"url": f"{sim.url}/consent/check", "credential": "consent", "page_size": 5, **more}
    contacts = [Contact(f"A-{number}", {}) for number in range(1, people + 1)]
    return run([planned("consent_check", config)], contacts, make=context_of)


def words(result: Result) -> set[Word]:
    return {verdict.word for verdict in result.verdicts}


JUDGED = {Word.ACCEPT, Word.REJECT}


@pytest.mark.parametrize("way", ["basic", "post"])
def test_one_token_serves_all_pages_however_the_client_is_told(sim: Simulator, way: str) -> None:
    sim.oauth(client_id="gate", client_secret=SECRET, auth=way, scope="a b", audience="https://api.example.com")
    store(sim, client_auth=way, scope="a b", audience="https://api.example.com")
    result = ask(sim)
    assert (words(result), result.failures) == (JUDGED, ())
    assert sim.oauth() == {"issued": 1, "refused": {}}
    assert words(ask(sim)) == JUDGED and sim.oauth()["issued"] == 1


def test_a_token_is_renewed_before_it_ends_and_a_stumble_meanwhile_costs_nothing(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, real = [0.0], oauth.monotonic
    monkeypatch.setattr(oauth, "monotonic", lambda: real() + ahead[0])
    store(sim)
    for seconds, issued in ((0.0, 1), (3_500.0, 1), (3_550.0, 2), (7_000.0, 2)):
        ahead[0] = seconds
        assert words(ask(sim, people=5)) == {Word.ACCEPT}
        assert sim.oauth()["issued"] == issued
    sim.faults([{"kind": "status", "on": "token", "status": 503}])
    ahead[0] = 7_120.0
    assert words(ask(sim, people=5)) == {Word.ACCEPT} and sim.oauth()["issued"] == 2
    ahead[0] = 7_200.0
    with pytest.raises(Retryable, match="answered 503"):
        context_of().credential("consent")


@pytest.mark.parametrize(
    ("told", "life"), [("3599", 3599.0), (None, 600.0), (-5, 0.0), ("soon", 600.0), (1e400, 600.0)]
)
def test_the_lifetime_is_read_in_the_forms_that_services_write(told: Any, life: float) -> None:
    assert oauth._life(told) == life


def test_a_token_that_is_refused_is_replaced_and_the_page_asked_once_more(sim: Simulator) -> None:
    store(sim)
    assert words(ask(sim)) == JUDGED
    sim.revoke_tokens()
    result = ask(sim)
    assert (words(result), result.failures) == (JUDGED, ())
    assert sim.oauth()["issued"] == 2


def test_a_token_that_ends_in_the_middle_of_a_file_costs_no_contact(sim: Simulator) -> None:
    sim.oauth(client_id="gate", client_secret=SECRET, uses=3)
    store(sim)
    result = ask(sim, parallel=1)
    assert (words(result), result.failures) == (JUDGED, ())
    assert sim.oauth()["issued"] == 3


def test_a_service_that_refuses_every_token_is_asked_twice_a_page_and_floods_nobody(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "RENEWALS", 3)
    sim.oauth(client_id="gate", client_secret=SECRET, lasts=0.0)
    store(sim, scope="", audience="")
    result = ask(sim, people=40, parallel=1)
    assert words(result) == {Word.UNDECIDED}
    assert "401" in result.failures[0].sentence
    assert sim.oauth()["issued"] == 4
    assert sim.consent_asked()["asked"] == {"check": 8 + 3}


def test_many_pages_request_one_token_and_share_its_failure(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "FIRST_DELAY", 0.001)
    sim.faults([{"kind": "slow", "on": "token", "seconds": 0.3}])
    store(sim)
    assert words(ask(sim, people=80, parallel=16)) == JUDGED and sim.oauth()["issued"] == 1
    sim.revoke_tokens()
    sim.faults([{"kind": "status", "on": "token", "status": 503, "total": 2}])
    assert words(ask(sim, people=80, parallel=16)) == JUDGED and sim.oauth()["issued"] == 2


@pytest.mark.parametrize(
    ("settings_of_endpoint", "sentence"),
    [
        ({"client_secret": "other"}, "gave no token for the credential “consent” (invalid_client)"),
        ({"client_secret": SECRET, "scope": "other"}, "(invalid_scope)"),
        ({"client_secret": SECRET, "token_type": "mac"}, "holds no token that the credential “consent” can use"),
    ],
)
def test_without_a_token_the_sentence_names_the_error_and_no_secret(
    sim: Simulator, settings_of_endpoint: dict[str, Any], sentence: str
) -> None:
    sim.oauth(client_id="gate", **settings_of_endpoint)
    store(sim)
    with pytest.raises(Permanent) as refused:
        context_of().credential("consent")
    assert sentence in str(refused.value) and SECRET not in str(refused.value)


def test_a_static_token_that_was_changed_meanwhile_is_read_again_after_a_401(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.consent(token="new")
    stored = store(sim, kind="bearer", user="", token_url="", secret="old")
    context = context_of()
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 3_600.0)
    monkeypatch.setattr(credentials, "AGAIN_SECONDS", 0.0)
    make = lambda action: context  # noqa: E731
    config = {"url": f"{sim.url}/consent/check", "credential": "consent", "page_size": 1, "parallel": 1}
    people = [Contact(f"A-{number}", {}) for number in range(1, 4)]
    assert words(run([planned("consent_check", config)], people, make=make)) == {Word.UNDECIDED}
    assert sim.consent_asked()["asked"] == {"check": 3}
    stored.secret = "new"
    stored.save()
    assert words(run([planned("consent_check", config)], people, make=make)) == {Word.ACCEPT}
    assert sim.consent_asked()["asked"] == {"check": 3 + 4}


def test_a_service_of_codes_is_asked_again_with_a_new_token(sim: Simulator) -> None:
    store(sim)
    answers = [(401, {}, b""), (200, {}, b'{"codes": ["S-1"]}')]
    with service(lambda number, question: answers[number]) as it:
        pool = CodePool.objects.create(name="p", source="service", url=it.url, credential="consent", ask_for=1)
        assert refill(pool, 1, context_of()).new == 1
    assert it.questions[0] == it.questions[1]
    assert it.headers[0]["Authorization"] != it.headers[1]["Authorization"]
    assert sim.oauth()["issued"] == 2


def test_the_form_stores_a_client_and_tests_it_and_shows_no_secret(sim: Simulator, settings: Any) -> None:
    plain_english(settings)
    manager = client_of("Manager")
    given = {
        "name": "consent",
        "kind": "oauth2",
        "user": "gate",
        "header": "",
        "secret": SECRET,
        "test_url": "",
        "token_url": f"{sim.url}/oauth/token",
        "client_auth": "post",
        "scope": "",
        "audience": "",
    }
    add = reverse("admin:actions_credential_add")
    for fault in ({"user": ""}, {"token_url": ""}, {"token_url": "tokens"}, {"header": "X-Api-Key"}):
        refused = manager.post(add, given | fault)
        assert list(refused.context["adminform"].form.errors) == list(fault)
    for wrong in ({"scope": "a"}, {"audience": "a"}, {"token_url": "https://login.example.com/token"}):
        static = {**given, "kind": "bearer", "user": "", "token_url": ""}
        assert list(manager.post(add, static | wrong).context["adminform"].form.errors) == list(wrong)
    assert manager.post(add, given).status_code == 302
    stored = Credential.objects.get()
    assert (stored.client_auth, stored.secret.open()) == ("post", SECRET)
    assert SECRET not in text_of(manager.get(reverse("admin:actions_credential_change", args=[stored.pk])))
    test = reverse("test_credential", args=[stored.pk])
    assert "A token is requested from 127.0.0.1." in text_of(manager.get(test))
    assert "127.0.0.1 gave a token." in text_of(manager.post(test))
    stored.test_url = f"{sim.url}/consent/people/A-1"
    stored.save()
    assert "127.0.0.1 accepted the credential (200)." in text_of(manager.post(test))
    sim.oauth(client_secret="other")
    assert "gave no token for the credential “consent” (invalid_client)" in text_of(manager.post(test))
    Credential.objects.update(token_url="https://login.example.com/token")
    assert "login.example.com may not be called: it is not among the allowed hosts" in text_of(manager.post(test))


def test_a_credential_of_the_environment_has_nothing_newer(sim: Simulator, settings: Any) -> None:
    settings.CREDENTIALS = {"consent": {"Authorization": "Bearer wrong"}}
    assert words(ask(sim, people=5)) == {Word.UNDECIDED}
    assert sim.consent_asked()["asked"] == {"check": 1}
    assert context_of().renewed("unknown", {}) is None


def test_a_transfer_is_sent_again_with_a_new_token_under_its_key(sim: Simulator) -> None:
    store(sim)
    kind = TransferHttp(TransferHttp.read_config({"url": sim.receiver("crm", oauth=True), "credential": "consent"}))
    page = [Pending("1", 0, "A-1", Word.ACCEPT, {}, 7)]
    for _ in range(2):
        assert kind.apply(page, context_of()) == [DONE]
        sim.revoke_tokens()
    received = sim.received("crm")
    assert (received["taken"], received["repeats"], received["violations"], sim.oauth()["issued"]) == (1, 1, [], 2)


def test_contacts_are_written_with_a_new_token_singly_and_as_an_import(sim: Simulator) -> None:
    store(sim)
    sim.rest(oauth=True)
    api = ContactsApi(f"{sim.url}/rest", "7", "3", "consent")
    api.update(context_of(), "A-1", {"code": "S-1"})
    sim.revoke_tokens()
    assert write_each(api, [("A-2", {"code": "S-2"})], context_of()) == [DONE]
    number = api.begin_import(context_of())
    sim.revoke_tokens()
    # The body was read once when the answer is 401; its repeat is whole again.
    batch = api.upload(context_of(), number, Rows(BytesIO(b"originalId|code\nA-3|S-3\n"), lambda: None))
    assert api.status(context_of(), batch) == "FINISHED"
    assert sim.rest()["contacts"] == {f"A-{n}": {"code": f"S-{n}"} for n in (1, 2, 3)}
    assert sim.oauth()["issued"] == 3
