"""What the open page of a batch asks for is what the page itself shows to the same reader, and tells when to ask again."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from actions.models import Project
from desk.batch.list import REGIONS
from sendouts.models import Batch, Decision, EffectRun, Status
from tests.factories import batch, client_of, page_url, text_of

pytestmark = pytest.mark.django_db


def url_of(made: Batch, query: str = "") -> str:
    return reverse("admin:sendouts_batch_live", args=[made.pk]) + query


def live(client: Client, made: Batch, query: str = "") -> dict[str, Any]:
    response = client.get(url_of(made, query))
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    found: dict[str, Any] = response.json()
    return found


def test_each_region_has_its_place_on_the_page_with_the_same_content() -> None:
    client, made = client_of("Reviewer"), batch(accepted=3, rejected=2)
    page = text_of(client.get(page_url(made)))
    answer = live(client, made)
    assert set(answer["regions"]) == {f"batch-{name}" for name in REGIONS}
    for element in answer["regions"]:
        assert page.count(f'id="{element}"') == 1, element
    for element in ("batch-head", "batch-numbers", "batch-reasons", "batch-plan", "batch-events", "batch-contacts"):
        assert answer["regions"][element] in page, element


def test_who_may_not_see_contacts_is_told_none_by_the_live_page_either() -> None:
    made = batch(accepted=3, rejected=2)
    Decision.objects.update(kept={"city": "Lyon-Croix-Rousse"})
    Project.objects.update(keep_fields=["city"], show_fields=["city"])
    viewer = client_of("Viewer")
    shown = "".join(str(live(viewer, made, query)) for query in ("", "?contact=A-1", "?tab=accepted"))
    assert "A-1" not in shown and "Croix" not in shown and "row 1" in shown
    assert "Croix" in str(live(client_of("Reviewer"), made))


@pytest.mark.parametrize(
    ("status", "columns", "every"),
    [
        (Status.PLANNED, {}, 2),
        (Status.PLANNED, {"attention": "no_download"}, 10),
        (Status.IN_REVIEW, {}, 10),
        (Status.ACCEPTED, {}, 2),
        (Status.ACCEPTED, {"attention": "unconfirmed"}, 10),
        (Status.DELIVERED, {}, 2),
        (Status.EXPIRED, {}, None),
        (Status.ABANDONED, {}, None),
    ],
)
def test_it_is_asked_often_while_the_gateway_works_and_never_when_it_is_over(
    status: Status, columns: dict[str, Any], every: int | None
) -> None:
    made, client = batch(status, accepted=3, rejected=2, decisions=False, **columns), client_of("Viewer")
    assert live(client, made)["every"] == every
    assert ("data-live-state" in text_of(client.get(page_url(made)))) is (every is not None)


def test_a_released_batch_is_asked_about_while_others_are_still_told() -> None:
    now = timezone.now()
    made = batch(Status.FINISHED, accepted=3, outcome="released", finish_sent_at=now, ended_at=now, decisions=False)
    run = EffectRun.objects.create(
        batch=made,
        step=0,
        identifier="crm",
        kind="transfer_http",
        phase="transfer",
        on_failure="hold",
        total=3,
        due_at=now,
    )
    client = client_of("Viewer")
    assert live(client, made)["every"] == 2
    EffectRun.objects.filter(pk=run.pk).update(due_at=None, ended_at=now, done=3)
    assert live(client, made)["every"] is None


def test_what_is_read_aloud_changes_with_the_status_alone() -> None:
    client, made = client_of("Viewer"), batch(accepted=3, rejected=2, left=timedelta(minutes=30))
    said = live(client, made)["say"]
    assert said == "Day 1: Waiting for review"
    Batch.objects.filter(pk=made.pk).update(accepted=2, rejected=3, revision=2)
    assert live(client, made)["say"] == said
    assert not re.search(r"\d{2}", said)
