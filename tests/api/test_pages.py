"""Lists: what they are filtered by, how they are paged, and what they cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from sendouts.models import Batch, Decision
from tests.api.api_cases import a_batch, an_event, client_of, ids, pages
from tests.gate import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return client_of(person("viewer", "view_batch", "view_project"))


def test_batches_come_newest_first_in_pages_that_miss_and_repeat_nothing(client: APIClient) -> None:
    made = [a_batch().pk for _ in range(7)]
    found = pages(client, "/api/batches/?limit=3")
    assert found == [made[:3:-1], made[3:0:-1], made[:1]]


def test_a_batch_that_comes_between_two_pages_moves_nobody(client: APIClient) -> None:
    made = [a_batch().pk for _ in range(4)]
    first = client.get("/api/batches/?limit=2")
    a_batch()
    assert ids(first) + ids(client.get(first.json()["next"])) == made[::-1]


def test_the_links_keep_the_filters(client: APIClient) -> None:
    held = [a_batch().pk for _ in range(3)]
    a_batch(status="accepted")
    assert pages(client, "/api/batches/?status=in_review&limit=2") == [[held[2], held[1]], [held[0]]]


def test_a_page_that_is_exactly_full_is_the_last_one(client: APIClient) -> None:
    made = [a_batch().pk for _ in range(2)]
    assert pages(client, "/api/batches/?limit=2") == [made[::-1]]


def test_batches_are_found_by_status_project_and_attention(client: APIClient) -> None:
    held, accepted = a_batch(), a_batch("Boutique", status="accepted", attention="unconfirmed")
    assert ids(client.get("/api/batches/?status=in_review")) == [held.pk]
    assert ids(client.get(f"/api/batches/?project={accepted.project_id}")) == [accepted.pk]
    assert ids(client.get("/api/batches/?attention=unconfirmed")) == [accepted.pk]
    assert ids(client.get(f"/api/batches/?project={held.project_id}&status=accepted")) == []
    assert ids(client.get("/api/batches/?project=99999")) == []


def test_waiting_is_what_a_person_can_still_do_something_about(client: APIClient) -> None:
    now = timezone.now()
    held = a_batch()
    stuck = a_batch(status="accepted", attention="unconfirmed")
    others = [
        a_batch(status="accepted"),
        a_batch(status="expired", attention="unconfirmed", ended_at=now),
        a_batch(status="finished", outcome="released", finish_sent_at=now - timedelta(seconds=1)),
    ]
    assert ids(client.get("/api/batches/?waiting=true")) == [stuck.pk, held.pk]
    assert ids(client.get("/api/batches/?waiting=false")) == [batch.pk for batch in reversed(others)]


@pytest.mark.parametrize(
    "query",
    [
        "status=held",
        "project=Newsletter",
        "project=0",
        "attention=",
        "waiting=perhaps",
        "before=x",
        "before=-1",
        "before=99999999999999999999",
        "limit=0",
        "limit=201",
        "stauts=in_review",
        "after=1",
    ],
)
def test_a_parameter_that_makes_no_sense_is_named_and_never_ignored(client: APIClient, query: str) -> None:
    a_batch()
    response = client.get(f"/api/batches/?{query}")
    name = query.split("=")[0]
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert list(response.json()["problems"]) == [name]
    assert response.json()["error"].startswith(f"{name}: ")


def test_decisions_come_in_the_order_of_the_file(client: APIClient) -> None:
    batch, other = a_batch(rows=7), a_batch(rows=2)
    first = batch.first_decision
    found = pages(client, f"/api/batches/{batch.pk}/decisions/?limit=3")
    assert found == [[first, first + 1, first + 2], [first + 3, first + 4, first + 5], [first + 6]]
    assert ids(client.get(f"/api/batches/{other.pk}/decisions/?after=0")) == [
        other.first_decision,
        other.first_decision + 1,
    ]


def test_a_place_in_another_batch_opens_no_other_batch(client: APIClient) -> None:
    batch, other = a_batch(rows=2), a_batch(rows=2)
    assert ids(client.get(f"/api/batches/{batch.pk}/decisions/?after={other.first_decision}")) == []
    assert len(ids(client.get(f"/api/batches/{other.pk}/decisions/?after={batch.first_decision}"))) == 2


@pytest.mark.parametrize(
    ("verdict", "rows"), [("accepted", [0, 3, 6]), ("rejected", [1, 4, 7]), ("undecided", [2, 5, 8])]
)
def test_decisions_are_found_by_verdict_page_by_page(client: APIClient, verdict: str, rows: list[int]) -> None:
    batch = a_batch(rows=9)
    found = pages(client, f"/api/batches/{batch.pk}/decisions/?verdict={verdict}&limit=2")
    assert [[pk - batch.first_decision for pk in page] for page in found] == [rows[:2], rows[2:]]


@pytest.mark.parametrize("query", ["verdict=2", "verdict=none", "limit=1001", "limit=x", "after=-1", "before=1"])
def test_a_wrong_parameter_of_decisions_is_named(client: APIClient, query: str) -> None:
    response = client.get(f"/api/batches/{a_batch(rows=1).pk}/decisions/?{query}")
    assert (response.status_code, list(response.json()["problems"])) == (400, [query.split("=")[0]])


# Token, own and group permissions; then the rows, and the batch of its parts.
@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/api/batches/?limit=200", 4),
        ("/api/batches/{}/", 6),
        ("/api/batches/{}/decisions/?limit=1000", 5),
        ("/api/batches/{}/events/", 5),
        ("/api/projects/", 4),
    ],
)
def test_the_number_of_queries_does_not_grow_and_nothing_is_counted(
    client: APIClient, path: str, queries: int, django_assert_num_queries: Any
) -> None:
    codes = ["unknown_project", "unknown_action", "undecided", "action_failed", "always"]
    failures = [
        {"identifier": "x", "kind": "k", "step": 0, "sentence": "No.", "contacts": 1, "became": "accept"},
    ]
    for place in range(12):
        batch = a_batch(f"Project {place}", held_for=codes, failures=failures, attention="unconfirmed", rows=20)
        an_event(batch, user=person(f"user-{place}"))
    Decision.objects.filter(pk__gte=batch.first_decision).update(decided_by=person("anna"))
    # Once a day a token notes that it was used.
    assert client.get(path.format(batch.pk)).status_code == 200
    with django_assert_num_queries(queries):
        response = client.get(path.format(batch.pk))
    assert response.status_code == 200
    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get(path.format(batch.pk))
    sql = " ".join(query["sql"].upper() for query in asked)
    assert "COUNT(" not in sql
    assert "OFFSET" not in sql
    assert "_URI" not in sql


def test_a_page_of_decisions_reads_no_more_rows_than_it_shows(client: APIClient) -> None:
    batch = a_batch(rows=30)
    with CaptureQueriesContext(connection) as asked:
        assert len(ids(client.get(f"/api/batches/{batch.pk}/decisions/?limit=10"))) == 10
    assert "LIMIT 11" in asked[-1]["sql"]
    assert Batch.objects.get().total == 30
