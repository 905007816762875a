"""Whether the gateway says that it can do its work."""

from datetime import timedelta
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from sendouts.models import Webhook


def test_it_lives_without_a_database(client: Client) -> None:
    assert client.get("/health/live").json() == {"ok": True}


@pytest.mark.django_db
def test_it_is_ready_when_nothing_waits(client: Client) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["ok"]) == (200, True)


@pytest.mark.django_db
def test_work_that_nobody_does_is_named(client: Client) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Webhook.objects.create(uuid=uuid4(), body=b"{}", received_at=long_ago, due_at=long_ago)
    answer = client.get("/health/ready")
    assert answer.status_code == 503 and "no worker or sweep" in answer.json()["work"]


@pytest.mark.django_db
def test_a_database_that_is_away_is_named(client: Client) -> None:
    with patch.object(connection, "cursor", side_effect=OperationalError):
        answer = client.get("/health/ready")
    assert answer.status_code == 503 and answer.json()["database"] != "ok"
