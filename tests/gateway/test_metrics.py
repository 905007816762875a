"""Figures for Prometheus: readable, protected, true, and without a name that could explode or tell."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from notices.models import Alarm, Channel, Code, Message
from sendouts.models import DoorWindow, Status, Webhook
from tests.factories import SECRET, batch, sendout, webhook
from work import pulses

TOKEN = "token-of-the-tests"


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def page(client: Client) -> str:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/plain")
    return answer.content.decode()


def figures(client: Client) -> dict[tuple[str, str], float]:
    """Every sample: (name without the prefix, label's value) to value."""
    found = {}
    for family in text_string_to_metric_families(page(client)):
        for sample in family.samples:
            found[sample.name.removeprefix("sendgate_"), "".join(sample.labels.values())] = sample.value
    return found


def test_without_a_configured_token_there_is_no_such_page(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("given", [None, TOKEN, f"Basic {TOKEN}", "Bearer é"])
def test_nobody_reads_them_without_the_token(client: Client, given: str | None) -> None:
    answer = client.get("/metrics", headers={"Authorization": given} if given else {})
    assert answer.status_code == 401 and b"sendgate" not in answer.content


@pytest.mark.django_db
def test_an_empty_gateway_has_every_figure(client: Client) -> None:
    found = figures(client)
    assert found["batches_open", "planned"] == found["alarms_open", "database"] == found["journal_hooks", ""] == 0
    assert not any(name == "deadline_nearest_seconds" for name, _ in found)
    families = list(text_string_to_metric_families(page(client)))
    assert all(family.documentation and family.type == "gauge" for family in families)


@pytest.mark.django_db
def test_the_figures_are_those_of_the_rows(client: Client) -> None:
    now = timezone.now()
    held = batch(Status.IN_REVIEW, undecided=1, attention="unread_rows")
    chat = Channel.objects.create(name="chat", url="https://chat.example.com/")
    about = {"batch": held, "sendout": held.sendout, "channel": chat, "due_at": now}
    for occasion, state, at in (
        ("waiting", "sent", now),
        ("half_gone", "waiting", None),
        ("attention", "dropped", now),
    ):
        Message.objects.create(occasion=occasion, state=state, at=at, **about)
    batch(Status.PLANNED, source="single", due_at=now - timedelta(seconds=90), left=timedelta(minutes=10))
    batch(Status.ACCEPTED, due_at=now, claimed_until=now + timedelta(minutes=1))
    over = {"ended_at": now, "outcome": "released", "finish_sent_at": now}
    batch(Status.FINISHED, rejected=4, confirmed=4, delivery_seconds=2.5, **over)
    batch(Status.EXPIRED, left=-timedelta(minutes=5), ended_at=now)
    batch(Status.EXPIRED, left=-timedelta(hours=5), ended_at=now - timedelta(hours=5))
    for outcome in ("planned", "planned", "unreadable", ""):
        webhook(outcome)
    Webhook.objects.create(
        uuid="00000000-0000-4000-9000-000000000001", body=b"", outcome="planned", received_at=now - timedelta(hours=2)
    )
    DoorWindow.objects.create(process="p:1", at=now, stored=9, slow=2, refused=1)
    Alarm.objects.create(code=Code.ATTENTION, subject="7", opened_at=now, last_seen_at=now)
    Alarm.objects.create(code=Code.ATTENTION, subject="8", opened_at=now, last_seen_at=now, closed_at=now)
    pulses.write("door@web-1", {"journal": 5, "oldest": now.isoformat()})
    pulses.write(pulses.SWEEP)
    found = figures(client)
    statuses = ("planned", "in_review", "accepted", "delivered")
    assert [found["batches_open", status] for status in statuses] == [1, 1, 1, 0]
    assert found["batches_attention", ""] == 1
    assert 590 < found["deadline_nearest_seconds", ""] <= 600
    assert 89 < found["due_oldest_seconds", "singles"] < 120 and found["due_oldest_seconds", "files"] == 0
    assert (found["claimed", "files"], found["claimed", "singles"]) == (1, 0)
    assert (found["batches_ended_last_hour", "finished"], found["batches_ended_last_hour", "expired"]) == (1, 1)
    assert (found["rejections_last_hour", ""], found["delivery_seconds_last_hour", ""]) == (4, 2.5)
    assert [found["hooks_last_hour", each] for each in ("planned", "unreadable", "waiting", "other")] == [2, 1, 1, 0]
    answers = [found["acknowledgements_last_5_minutes", each] for each in ("stored", "slow", "refused", "turned_away")]
    assert answers == [9, 2, 1, 0]
    assert (found["alarms_open", "attention"], found["journal_hooks", ""]) == (1, 5)
    messages = [found["messages_last_hour", state] for state in ("sent", "failed")]
    assert [*messages, found["messages_due", ""]] == [1, 0, 1]
    assert ("loop_age_seconds", "sweep") in found and ("loop_age_seconds", "beat") not in found


@pytest.mark.django_db
def test_labels_are_words_of_the_code_however_much_there_is(client: Client, django_assert_max_num_queries: Any) -> None:
    before = set(figures(client))
    for number in range(30):
        batch(accepted=1, rejected=1, sendout=sendout("Secret project", f"Journey {number}", f"Day {number}"))
    with django_assert_max_num_queries(32):
        text = page(client)
    assert set(figures(client)) - before == {("deadline_nearest_seconds", "")}
    assert SECRET not in text and "Secret project" not in text and "A-0" not in text
    labels = re.findall(r'\{\w+="([^"]*)"', text)
    assert labels and all(re.fullmatch(r"[a-z_-]+", label) for label in labels)
