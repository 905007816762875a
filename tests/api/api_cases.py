"""Cases for tests of the API: clients, and rows made without a platform."""

import json
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from actions.models import Project, Sendout
from api.models import ApiToken
from sendouts.models import Batch, Decision, DecisionVerdict, Event, Plan

# Every address in these rows is on this host: an answer that holds it leaks one.
SECRET_HOST = "secret.example.com"


def client_of(user: User) -> APIClient:
    """A program with the user's token, that reads English."""
    token = ApiToken(user=user)
    text = token.draw()
    token.save()
    client = APIClient(HTTP_ACCEPT_LANGUAGE="en")
    client.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    return client


def a_plan() -> Plan:
    action = {
        "identifier": "consent-check",
        "kind": "consent_check",
        "config": json.dumps({"url": f"https://{SECRET_HOST}/check?key=1", "reason": "No consent"}),
        "on_failure": "hold",
        "details": json.dumps({"hint": f'see\nhttps://{SECRET_HOST}/a"b and more', "list": [f"x://{SECRET_HOST}"]}),
        "phase": "check",
        "origins": [{"level": "project", "definition_id": 7, "asked": True, "identifier": "consent-check"}],
    }
    unknown = {"identifier": "vip", "details": json.dumps(f"ftp://{SECRET_HOST}/x")}
    content = {"actions": [action], "unknown": [unknown]}
    return Plan.objects.get_or_create(digest="0" * 64, defaults={"content": content})[0]


def a_batch(name: str = "Newsletter", *, rows: int = 0, **values: Any) -> Batch:
    """A batch in review; of its rows every third is rejected and every third undecided."""
    project = Project.objects.get_or_create(name=name)[0]
    sendout = Sendout.objects.get_or_create(project=project, journey="Welcome", name="Day 1")[0]
    number, now = Batch.objects.count(), timezone.now()
    given: dict[str, Any] = {
        "source": "batch",
        "delivery_key": f"delivery-{number}",
        "finish_key": f"finish-{number}",
        "finish_uri": f"https://{SECRET_HOST}/finish/{number}".encode(),
        "download_uri": f"https://{SECRET_HOST}/contacts/{number}".encode(),
        "project": project,
        "sendout": sendout,
        "plan": a_plan(),
        "review": "always",
        "at_deadline": "leave",
        "status": "in_review",
        "held_for": ["always"],
        "received_at": now,
        "deadline": now + timedelta(minutes=60),
        "file_complete": True,
        "total": rows,
        "accepted": len(range(0, rows, 3)),
        "rejected": len(range(1, rows, 3)),
        "undecided": len(range(2, rows, 3)),
    }
    batch = Batch.objects.create(**given | values)
    verdicts = (DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED, DecisionVerdict.UNDECIDED)
    Decision.objects.bulk_create(
        Decision(
            id=batch.first_decision + row,
            contact_id=f"A-{row}",
            uri=f"https://{SECRET_HOST}/cancel/{row}".encode(),
            verdict=verdicts[row % 3],
            reason="rule" if row % 3 == 1 else "",
            text="No consent" if row % 3 == 1 else "",
            action="consent-check" if row % 3 == 1 else "",
            kept={"email": "someone@example.com"},
        )
        for row in range(rows)
    )
    return batch


def an_event(batch: Batch, word: str = "moved", **values: Any) -> Event:
    return Event.objects.create(batch=batch, at=timezone.now(), word=word, **values)


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def pages(client: APIClient, path: str) -> list[list[int]]:
    """Follow the links from page to page, at most 50 of them."""
    found, link = [], path
    while link is not None and len(found) < 50:
        response = client.get(link)
        found.append(ids(response))
        link = response.json()["next"]
    assert link is None
    return found
