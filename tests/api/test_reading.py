"""What programs read of projects, batches, decisions and events."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from actions.models import Project
from actions.names import EMPTY_WORDS
from sendouts.models import Decision, Status
from tests.api.api_cases import an_event, client_of, pages, secret_plan
from tests.factories import CONSENT, SECRET, batch
from tests.gate import person

pytestmark = pytest.mark.django_db
FAILURE = {
    "identifier": "consent-check",
    "kind": "field_rule",
    "step": 0,
    "sentence": "The service fell.",
    "contacts": 3,
    "became": "reject",
}


@pytest.fixture
def client() -> APIClient:
    return client_of(person("viewer", "view_batch", "view_project", "view_contacts"))


def test_a_batch_tells_what_it_is_why_it_waits_and_until_when(client: APIClient) -> None:
    made = batch(
        accepted=3,
        rejected=3,
        undecided=3,
        held_for=["undecided", "always"],
        reasons=[[2, "rule", "No consent", "consent-check", 3], [0, "missing", "", "", 3]],
        failures=[FAILURE],
        attention="no_download",
        attention_data={"status": 503},
    )
    read = client.get(f"/api/batches/{made.pk}/").json()
    counts = {name: read[name] for name in ("total", "accepted", "rejected", "undecided", "unread", "confirmed")}
    assert counts == {"total": 9, "accepted": 3, "rejected": 3, "undecided": 3, "unread": 0, "confirmed": 0}
    assert (read["status"], read["outcome"], read["revision"]) == ("in_review", "", 1)
    assert read["project"] == {"id": made.project_id, "name": "Newsletter"}
    assert read["sendout"] == {"id": made.sendout_id, "journey": "Summer", "name": "Day 1"}
    sentence = "The contacts cannot be downloaded, Symplify answered with code 503."
    assert read["attention"] == {"code": "no_download", "sentence": sentence}
    sentence = "3 contacts could not be judged. You choose what becomes of them."
    assert read["held_for"][0] == {"code": "undecided", "sentence": sentence}
    assert [each["code"] for each in read["held_for"]] == ["undecided", "always"]
    assert timezone.datetime.fromisoformat(read["deadline"]) == made.deadline
    assert read["reasons"] == [
        {"verdict": "rejected", "code": "rule", "text": "No consent", "action": "consent-check", "contacts": 3},
        {"verdict": "undecided", "code": "missing", "text": "", "action": "", "contacts": 3},
    ]
    assert read["failures"] == [FAILURE]


def test_what_a_batch_has_not_is_null_and_who_timed_out_is_counted(client: APIClient) -> None:
    made = batch(Status.EXPIRED, accepted=9, confirmed=2)
    read = client.get(f"/api/batches/{made.pk}/").json()
    empty = ("attention", "forecast", "first_acceptance", "hold", "change")
    assert {name: read[name] for name in empty} == dict.fromkeys(empty)
    assert (read["held_for"], read["timed_out"]) == ([], 7)


def test_the_first_of_two_acceptances_is_told_while_it_counts(client: APIClient) -> None:
    anna, now = person("anna"), timezone.now()
    first = {"first_accepted_by": anna, "first_accepted_at": now, "first_undecided": "accept", "first_revision": 1}
    made = batch(accepted=2, **first)
    told = client.get(f"/api/batches/{made.pk}/").json()["first_acceptance"]
    assert timezone.datetime.fromisoformat(told.pop("at")) == now
    assert told == {"user": "anna", "undecided": "accept"}
    changed = batch(accepted=2, revision=2, **first)
    assert client.get(f"/api/batches/{changed.pk}/").json()["first_acceptance"] is None


def test_the_plan_says_where_each_action_comes_from_without_addresses(client: APIClient) -> None:
    made = batch(plan=secret_plan())
    details = {"hint": "see\n… and more", "list": ["…"]}
    assert client.get(f"/api/batches/{made.pk}/").json()["plan"] == {
        "actions": [CONSENT | {"config": {"url": "…", "reason": "No consent"}, "details": details}],
        "unknown": [{"identifier": "vip", "details": "…"}],
    }
    made.plan.content["unknown"][0]["details"] = "[" * 900 + "]" * 900
    made.plan.save()
    read = client.get(f"/api/batches/{made.pk}/").json()
    assert read["plan"]["unknown"][0]["details"] == "(nested too deeply)"


def test_sentences_come_in_the_language_that_is_asked_for(client: APIClient) -> None:
    path = f"/api/batches/{batch(attention='no_download').pk}/"
    english, french = (client.get(path, HTTP_ACCEPT_LANGUAGE=each).json()["attention"] for each in ("en", "fr"))
    assert english["code"] == french["code"] and english["sentence"] != french["sentence"]
    refused = client.get("/api/batches/?limit=0", HTTP_ACCEPT_LANGUAGE="fr").json()
    assert refused["error"] != client.get("/api/batches/?limit=0").json()["error"]


def test_no_answer_holds_an_address_or_a_kept_field(client: APIClient) -> None:
    made = batch(accepted=5, plan=secret_plan())
    Decision.objects.update(kept={"email": "someone@example.com"})
    an_event(made)
    for path in ("batches/", "batches/{}/", "batches/{}/decisions/", "batches/{}/events/", "projects/"):
        answer = client.get(f"/api/{path.format(made.pk)}").content.decode()
        assert SECRET not in answer and "someone@example.com" not in answer, path


def test_a_decision_says_what_why_and_who(client: APIClient) -> None:
    made = batch(rejected=1, accepted=1)
    Decision.objects.filter(pk=made.first_decision).update(decided_by=person("anna"), answer=1)
    read = client.get(f"/api/batches/{made.pk}/decisions/").json()["results"]
    assert read[0] == {
        "id": made.first_decision,
        "contact_id": "A-0",
        "row": 0,
        "verdict": "rejected",
        "unread": False,
        "reason": "rule",
        "text": "No consent",
        "action": "consent-check",
        "evidence_at": None,
        "decided_by": "anna",
        "answer": "confirmed",
    }
    assert (read[1]["verdict"], read[1]["decided_by"], read[1]["answer"]) == ("accepted", None, "none")


@pytest.mark.parametrize("batch_id", [987_654, 2**62, 2**70])
def test_an_unknown_batch_is_not_an_empty_one(client: APIClient, batch_id: int) -> None:
    reviewer = client_of(person("anna", "view_batch", "review_batch"))
    answers = [client.get(f"/api/batches/{batch_id}/{path}") for path in ("", "decisions/", "events/")]
    answers.append(reviewer.post(f"/api/batches/{batch_id}/accept/", {"revision": 1}))
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(404, "not_found")}


def test_events_tell_who_did_what_in_order(client: APIClient) -> None:
    made = batch(Status.PLANNED)
    data = {"n": 1, "text": "consent.missing"}
    done = an_event(made, old="in_review", new="accepted", user=person("anna"), note="As usual.", data=data)
    an_event(batch())
    path = f"/api/batches/{made.pk}/events/"
    (planned,), (accepted,) = pages(client, f"{path}?limit=1")
    assert accepted == done.pk
    read = client.get(f"{path}?after={planned}").json()["results"][0]
    assert {name: read[name] for name in ("word", "old", "new", "user", "note", "data")} == {
        "word": "moved",
        "old": "in_review",
        "new": "accepted",
        "user": "anna",
        "note": "As usual.",
        "data": data,
    }


def test_projects_are_read_with_their_policies(client: APIClient) -> None:
    first = Project.objects.create(name="Newsletter", review="unusual", keep_contacts="all", keep_fields=["email"])
    second = Project.objects.create(name="Boutique", declared=False, answer_within=timedelta(hours=2))
    assert pages(client, "/api/projects/?limit=1") == [[first.pk], [second.pk]]
    read = client.get(f"/api/projects/{first.pk}/").json()
    del read["created_at"]
    assert read == {
        "id": first.pk,
        "name": "Newsletter",
        "declared": True,
        "archived": False,
        "review": "unusual",
        "at_deadline": "leave",
        "answer_within": "60m",
        "keep_contacts": "all",
        "keep_fields": ["email"],
        "show_fields": [],
        "empty_words": list(EMPTY_WORDS),
        "second_person_from": None,
        "no_own_changes": False,
    }
    assert client.get(f"/api/projects/{second.pk}/").json()["answer_within"] == "2h"
    assert client.get("/api/projects/99999/").status_code == 404
