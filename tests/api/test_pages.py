"""Lists: what they are filtered by, how they are paged, and what they cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from sendouts.models import Decision, Status
from tests.api.api_cases import an_event, client_of, ids, pages
from tests.factories import batch, sendout
from tests.gate import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return client_of(person("viewer", "view_batch", "view_project"))


def test_batches_come_newest_first_in_pages_that_miss_and_repeat_nothing(client: APIClient) -> None:
    made = [batch().pk for _ in range(6)]
    batch(Status.ACCEPTED)
    newest = made[::-1]
    # The links keep the filters, and a page that is exactly full is the last one.
    assert pages(client, "/api/batches/?status=in_review&limit=3") == [newest[:3], newest[3:]]
    first = client.get("/api/batches/?status=in_review&limit=4")
    batch()
    assert ids(first) + ids(client.get(first.json()["next"])) == newest, "what comes between two pages moves nobody"


def test_batches_are_found_by_status_project_and_attention(client: APIClient) -> None:
    held = batch()
    accepted = batch(Status.ACCEPTED, attention="unconfirmed", sendout=sendout("Boutique"))
    for query, found in (
        ("status=in_review", [held.pk]),
        (f"project={accepted.project_id}", [accepted.pk]),
        ("attention=unconfirmed", [accepted.pk]),
        (f"project={held.project_id}&status=accepted", []),
        ("project=99999", []),
    ):
        assert ids(client.get(f"/api/batches/?{query}")) == found, query


def test_waiting_is_what_a_person_can_still_do_something_about(client: APIClient) -> None:
    now = timezone.now()
    held = batch()
    stuck = batch(Status.ACCEPTED, attention="unconfirmed")
    others = [
        batch(Status.ACCEPTED),
        batch(Status.EXPIRED, attention="unconfirmed", ended_at=now),
        batch(Status.FINISHED, outcome="released", finish_sent_at=now - timedelta(seconds=1)),
    ]
    assert ids(client.get("/api/batches/?waiting=true")) == [stuck.pk, held.pk]
    assert ids(client.get("/api/batches/?waiting=false")) == [made.pk for made in reversed(others)]


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/api/batches/", "status=held project=x project=0 attention= waiting=perhaps before=x before=-1 limit=0"),
        ("/api/batches/", f"limit=201 before={10**20} stauts=in_review after=1"),
        ("/api/batches/{}/decisions/", "verdict=2 verdict=none limit=1001 limit=x after=-1 before=1"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named_and_never_ignored(client: APIClient, path: str, queries: str) -> None:
    path = path.format(batch().pk)
    for query in queries.split():
        response, name = client.get(f"{path}?{query}"), query.split("=")[0]
        assert (response.status_code, response.json()["code"]) == (400, "invalid"), query
        assert list(response.json()["problems"]) == [name]
        assert response.json()["error"].startswith(f"{name}: ")


def test_decisions_come_in_the_order_of_the_file_and_only_those_of_the_batch(client: APIClient) -> None:
    made, other = batch(rejected=2, undecided=1, accepted=4), batch(accepted=2)
    path = f"/api/batches/{made.pk}/decisions/"
    first = made.first_decision
    assert pages(client, f"{path}?limit=3") == [
        [first, first + 1, first + 2],
        [first + 3, first + 4, first + 5],
        [first + 6],
    ]
    assert ids(client.get(f"{path}?after={other.first_decision}")) == []
    assert len(ids(client.get(f"/api/batches/{other.pk}/decisions/?after={first}"))) == 2
    for verdict, rows in (("rejected", [[0, 1]]), ("undecided", [[2]]), ("accepted", [[3, 4], [5, 6]])):
        found = pages(client, f"{path}?verdict={verdict}&limit=2")
        assert [[pk - first for pk in page] for page in found] == rows, verdict
    with CaptureQueriesContext(connection) as asked:
        assert len(ids(client.get(f"{path}?limit=3"))) == 3
    assert "LIMIT 4" in asked[-1]["sql"], "no more rows are read than are shown"


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
    failures = [{"identifier": "x", "kind": "k", "step": 0, "sentence": "No.", "contacts": 1, "became": "accept"}]
    for place in range(4):
        columns = {"held_for": codes, "failures": failures, "attention": "unconfirmed"}
        made = batch(accepted=20, sendout=sendout(f"Project {place}"), **columns)
        an_event(made, user=person(f"user-{place}"))
    Decision.objects.filter(pk__gte=made.first_decision).update(decided_by=person("anna"))
    # Once a day a token notes that it was used.
    assert client.get(path.format(made.pk)).status_code == 200
    with django_assert_num_queries(queries) as asked:
        assert client.get(path.format(made.pk)).status_code == 200
    sql = " ".join(query["sql"].upper() for query in asked)
    assert not [word for word in ("COUNT(", "OFFSET", "_URI") if word in sql]
