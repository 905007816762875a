"""Programs put a batch on hold and lift the hold, through the functions that the screens use."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from sendouts.models import Batch, Event
from tests.api.api_cases import a_batch, client_of
from tests.gate import reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    return reviewer("anna")


@pytest.fixture
def client(anna: User) -> APIClient:
    return client_of(anna)


def post(client: APIClient, batch: Batch, verb: str, **body: Any) -> Any:
    return client.post(f"/api/batches/{batch.pk}/{verb}/", body)


def waiting() -> Batch:
    return a_batch(rows=3, at_deadline="accept", due_at=timezone.now() + timedelta(minutes=20))


def test_a_program_holds_a_batch_and_lifts_the_hold(client: APIClient, anna: User) -> None:
    batch = waiting()
    assert client.get(f"/api/batches/{batch.pk}/").json()["hold"] is None
    held = post(client, batch, "hold", revision=1, note="Stock is counted.")
    assert (held.status_code, held.json()["at_deadline"], held.json()["revision"]) == (200, "leave", 2)
    told = held.json()["hold"]
    assert (told["by"], told["note"], told["declared"]) == ("anna", "Stock is counted.", "accept")
    assert client.get(f"/api/batches/{batch.pk}/").json()["hold"] == told
    lifted = post(client, batch, "lift-hold", revision=2)
    assert (lifted.status_code, lifted.json()["at_deadline"], lifted.json()["hold"]) == (200, "accept", None)
    words = Event.objects.filter(batch=batch).order_by("pk").values_list("word", "user__username")
    assert list(words) == [("held", "anna"), ("hold_lifted", "anna")]
