"""Whether the gateway says that it can do its work."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from gateway import __version__
from notices.models import Alarm
from sendouts.intake.hook import Received
from sendouts.intake.journal import Journal
from sendouts.models import Webhook
from work import pulses
from work.models import Pulse

pytestmark = pytest.mark.django_db


def test_it_lives_without_a_database_and_is_not_ready(client: Client) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["ok"], answer.json()["version"]) == (200, True, __version__)
    with patch.object(connection, "cursor", side_effect=OperationalError):
        assert client.get("/health/live").json() == {"ok": True, "version": __version__}
        answer = client.get("/health/ready")
    assert answer.status_code == 503 and answer.json()["database"] != "ok"


def test_work_that_nobody_does_is_named(client: Client) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Webhook.objects.create(uuid=uuid4(), body=b"{}", received_at=long_ago, due_at=long_ago)
    answer = client.get("/health/ready")
    assert answer.status_code == 503 and "no worker or sweep" in answer.json()["work"]


def test_a_sweep_that_stopped_is_named(client: Client) -> None:
    Pulse.objects.create(name=pulses.SWEEP, at=timezone.now() - timedelta(minutes=1))
    answer = client.get("/health/ready")
    assert answer.status_code == 503 and "sweep has not run" in answer.json()["sweep"]
    assert [alarm["code"] for alarm in answer.json()["alarms"]] == ["sweep_silent"]


def test_a_warning_stands_beside_an_ok_and_tells_no_name(client: Client) -> None:
    now = timezone.now()
    for code, subject in (("workers_silent", "files"), ("disk_full", "machine-7"), ("sendout_silent", "12")):
        Alarm.objects.create(code=code, subject=subject, data={"project": "Private"}, opened_at=now, last_seen_at=now)
    Alarm.objects.create(code="beat_silent", opened_at=now, last_seen_at=now, closed_at=now)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    told = [(alarm["code"], alarm.get("subject")) for alarm in answer.json()["alarms"]]
    assert told == [("workers_silent", "files"), ("disk_full", None), ("sendout_silent", "12")]
    assert "Private" not in answer.content.decode() and "machine-7" not in answer.content.decode()


def test_what_is_not_ready_is_judged_now_and_not_remembered(client: Client) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    Alarm.objects.create(code="sweep_silent", opened_at=long_ago, last_seen_at=long_ago)
    Pulse.objects.create(name=pulses.SWEEP, at=timezone.now())
    answer = client.get("/health/ready")
    assert answer.status_code == 200 and answer.json()["alarms"] == []


def test_hooks_that_wait_in_a_journal_for_long_are_named(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.JOURNAL_DIR = tmp_path
    journal = Journal(tmp_path)
    journal.append([Received(b"{}", "", timezone.now())])
    assert client.get("/health/ready").json()["journal"] == "ok", "loaded within seconds, as a rule"
    journal.append([Received(b"{}", "", timezone.now() - timedelta(minutes=5))])
    answer = client.get("/health/ready")
    assert answer.status_code == 503 and answer.json()["journal"].startswith("The journals hold 2 hooks")
    with patch.object(connection, "cursor", side_effect=OperationalError):
        assert client.get("/health/ready").json()["journal"].startswith("The journals hold 2 hooks")
    for file in journal.take():
        file.remove()
    assert client.get("/health/ready").status_code == 200
