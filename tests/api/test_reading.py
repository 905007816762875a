"""What programs read of projects, batches, decisions and events."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from actions.models import Project
from sendouts.models import Decision
from tests.api.api_cases import SECRET_HOST, a_batch, an_event, client_of, pages
from tests.gate import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return client_of(person("viewer", "view_batch", "view_project", "view_contacts"))


def test_a_batch_tells_what_it_is_why_it_waits_and_until_when(client: APIClient) -> None:
    batch = a_batch(
        rows=9,
        held_for=["unknown_action", "undecided", "always"],
        reasons=[[2, "rule", "No consent", "consent-check", 3], [0, "missing", "", "", 3]],
        attention="no_download",
        attention_data={"status": 503},
    )
    read = client.get(f"/api/batches/{batch.pk}/").json()
    counts = {name: read[name] for name in ("total", "accepted", "rejected", "undecided", "unread", "confirmed")}
    assert counts == {"total": 9, "accepted": 3, "rejected": 3, "undecided": 3, "unread": 0, "confirmed": 0}
    assert (read["status"], read["outcome"], read["revision"]) == ("in_review", "", 1)
    assert read["project"] == {"id": batch.project_id, "name": "Newsletter"}
    assert read["sendout"] == {"id": batch.sendout_id, "journey": "Welcome", "name": "Day 1"}
    assert read["attention"] == {
        "code": "no_download",
        "sentence": "The contacts cannot be downloaded, Symplify answered with code 503.",
    }
    assert [each["code"] for each in read["held_for"]] == ["unknown_action", "undecided", "always"]
    assert "“vip”" in read["held_for"][0]["sentence"]
    assert timezone.datetime.fromisoformat(read["deadline"]) == batch.deadline
    assert read["reasons"] == [
        {"verdict": "rejected", "code": "rule", "text": "No consent", "action": "consent-check", "contacts": 3},
        {"verdict": "undecided", "code": "missing", "text": "", "action": "", "contacts": 3},
    ]


def test_the_plan_says_where_each_action_comes_from_without_addresses(client: APIClient) -> None:
    plan = client.get(f"/api/batches/{a_batch().pk}/").json()["plan"]
    assert plan == {
        "actions": [
            {
                "identifier": "consent-check",
                "kind": "consent_check",
                "config": {"url": "…", "reason": "No consent"},
                "on_failure": "hold",
                "details": {"hint": "see\n… and more", "list": ["…"]},
                "phase": "check",
                "origins": [{"level": "project", "definition_id": 7, "asked": True, "identifier": "consent-check"}],
            }
        ],
        "unknown": [{"identifier": "vip", "details": "…"}],
    }


def test_details_nested_beyond_reason_do_not_break_the_batch(client: APIClient) -> None:
    batch = a_batch()
    batch.plan.content["unknown"][0]["details"] = "[" * 900 + "]" * 900
    batch.plan.save()
    read = client.get(f"/api/batches/{batch.pk}/")
    assert (read.status_code, read.json()["plan"]["unknown"][0]["details"]) == (200, "(nested too deeply)")


def test_a_batch_that_needs_nobody_says_so_with_nothing(client: APIClient) -> None:
    batch = a_batch(status="accepted", held_for=[])
    read = client.get(f"/api/batches/{batch.pk}/").json()
    assert (read["attention"], read["held_for"]) == (None, [])


def test_an_expired_batch_counts_who_timed_out(client: APIClient) -> None:
    batch = a_batch(rows=9, status="expired", confirmed=2)
    assert client.get(f"/api/batches/{batch.pk}/").json()["timed_out"] == 7


def test_sentences_come_in_the_language_that_is_asked_for(client: APIClient) -> None:
    path = f"/api/batches/{a_batch(attention='no_download').pk}/"
    code, english = client.get(path).json()["attention"].values()
    assert code == "no_download"
    assert english.startswith("The contacts")
    refused = client.get("/api/batches/?limit=0", HTTP_ACCEPT_LANGUAGE="fr").json()
    assert refused["error"] != client.get("/api/batches/?limit=0").json()["error"]


@pytest.mark.parametrize(
    "path",
    ["/api/batches/", "/api/batches/{}/", "/api/batches/{}/decisions/", "/api/batches/{}/events/", "/api/projects/"],
)
def test_no_answer_holds_an_address_or_a_kept_field(client: APIClient, path: str) -> None:
    batch = a_batch(rows=5)
    an_event(batch)
    answer = client.get(path.format(batch.pk)).content.decode()
    assert SECRET_HOST not in answer
    assert "someone@example.com" not in answer


def test_a_decision_says_what_why_and_who(client: APIClient) -> None:
    batch = a_batch(rows=2)
    anna = person("anna")
    Decision.objects.filter(pk=batch.first_decision + 1).update(decided_by=anna, answer=1)
    read = client.get(f"/api/batches/{batch.pk}/decisions/").json()["results"]
    assert read[1] == {
        "id": batch.first_decision + 1,
        "contact_id": "A-1",
        "row": 1,
        "verdict": "rejected",
        "unread": False,
        "reason": "rule",
        "text": "No consent",
        "action": "consent-check",
        "evidence_at": None,
        "decided_by": "anna",
        "answer": "confirmed",
    }
    assert (read[0]["verdict"], read[0]["decided_by"], read[0]["answer"]) == ("accepted", None, "none")


@pytest.mark.parametrize("path", ["", "decisions/", "events/"])
@pytest.mark.parametrize("batch_id", [987_654, 2**62, 2**70])
def test_an_unknown_batch_is_not_an_empty_one(client: APIClient, path: str, batch_id: int) -> None:
    response = client.get(f"/api/batches/{batch_id}/{path}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_events_tell_who_did_what_in_order(client: APIClient) -> None:
    batch = a_batch()
    planned = an_event(batch, new="planned")
    accepted = an_event(batch, old="in_review", new="accepted", user=person("anna"), note="As usual.", data={"n": 1})
    an_event(a_batch())
    path = f"/api/batches/{batch.pk}/events/"
    assert pages(client, f"{path}?limit=1") == [[planned.pk], [accepted.pk]]
    read = client.get(f"{path}?after={planned.pk}").json()["results"][0]
    assert {name: read[name] for name in ("word", "old", "new", "user", "note", "data")} == {
        "word": "moved",
        "old": "in_review",
        "new": "accepted",
        "user": "anna",
        "note": "As usual.",
        "data": {"n": 1},
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
        "second_person_from": None,
        "no_own_changes": False,
    }
    assert client.get(f"/api/projects/{second.pk}/").json()["answer_within"] == "2h"
    assert client.get("/api/projects/99999/").status_code == 404
