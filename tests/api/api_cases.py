"""Cases for tests of the API: clients, and a plan with addresses."""

import json
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from api.models import ApiToken
from sendouts.models import Batch, Event, Plan
from tests.factories import CONSENT, SECRET, plan


def token_of(user: User, **columns: Any) -> str:
    token = ApiToken(user=user, **columns)
    text = token.draw()
    token.save()
    return text


def client_of(user: User) -> APIClient:
    """A program with the user's token, that reads English."""
    client = APIClient(HTTP_ACCEPT_LANGUAGE="en")
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user)}")
    return client


def secret_plan() -> Plan:
    """A plan with an address wherever one can be."""
    config = {"url": f"https://{SECRET}/check?key=1", "reason": "No consent"}
    details = {"hint": f'see\nhttps://{SECRET}/a"b and more', "list": [f"x://{SECRET}"]}
    made = plan(CONSENT | {"config": json.dumps(config), "details": json.dumps(details)}, unknown=["vip"])
    made.content["unknown"][0]["details"] = json.dumps(f"ftp://{SECRET}/x")
    made.save()
    return made


def an_event(made: Batch, word: str = "moved", **values: Any) -> Event:
    return Event.objects.create(batch=made, at=timezone.now(), word=word, **values)


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
