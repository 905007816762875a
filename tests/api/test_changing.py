"""Programs change decisions: single rows, all that are alike, and cancel what takes its time."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from api import verbs
from sendouts.models import Batch, BulkChange, Decision, DecisionVerdict
from sendouts.stages import review
from sendouts.verbs import change_many
from tests.api.api_cases import client_of
from tests.factories import batch
from tests.gate import reviewer
from tests.lanes import work_on

pytestmark = pytest.mark.django_db
ALIKE = {"verdict": "rejected", "code": "rule", "action": "consent-check"}


@pytest.fixture
def anna() -> User:
    return reviewer("anna")


@pytest.fixture
def client(anna: User) -> APIClient:
    return client_of(anna)


@pytest.fixture(autouse=True)
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    found: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(verbs, "nudge", lambda task, ids: found.append((task, list(ids))))
    return found


def held(**values: Any) -> Batch:
    return batch(**({"accepted": 3, "rejected": 4, "undecided": 2, "held_for": ["undecided"]} | values))


def change(client: APIClient, made: Batch, **body: Any) -> Any:
    given = {"revision": made.revision, "note": "They agreed.", "verdict": "accepted"}
    return client.post(f"/api/batches/{made.pk}/change/", given | body)


def test_single_rows_are_changed(client: APIClient, anna: User) -> None:
    made = held()
    answer = change(client, made, rows=[0, 1, 5])
    assert (answer.status_code, answer.json()["accepted"], answer.json()["undecided"]) == (200, 6, 1)
    row = Decision.objects.get(pk=made.first_decision + 5)
    assert (row.verdict, row.decided_by, row.text) == (DecisionVerdict.ACCEPTED, anna, "They agreed.")


@pytest.mark.parametrize(
    ("alike", "verdict", "numbers"),
    [
        (ALIKE, "accepted", (7, 0, 2)),
        ({"verdict": "undecided"}, "rejected", (3, 6, 0)),
        ({"verdict": "undecided"}, "accepted", (5, 4, 0)),
        ({"verdict": "accepted"}, "rejected", (0, 7, 2)),
    ],
)
def test_all_that_are_alike_are_changed(
    client: APIClient, alike: dict[str, str], verdict: str, numbers: tuple[int, int, int]
) -> None:
    made = held()
    told = change(client, made, alike=alike, verdict=verdict).json()
    assert (told["accepted"], told["rejected"], told["undecided"]) == numbers
    assert told["change"] is None and told["revision"] == made.revision + 1


def test_many_are_changed_by_a_worker_and_the_batch_says_how_far_that_is(
    client: APIClient,
    nudged: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(change_many, "AT_ONCE", 0)
    made = held()
    with django_capture_on_commit_callbacks(execute=True):
        told = change(client, made, alike=ALIKE).json()
    bulk = BulkChange.objects.get()
    assert nudged == [("changes", [bulk.pk])]
    assert {name: told["change"][name] for name in ("by", "verdict", "contacts", "changed", "share")} == {
        "by": "anna",
        "verdict": "accepted",
        "contacts": 4,
        "changed": 0,
        "share": 0.0,
    }
    refused = client.post(f"/api/batches/{made.pk}/accept/", {"revision": told["revision"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "changing")
    assert refused.json()["revision"] == told["revision"]
    work_on("changes", [bulk.pk])
    told = client.get(f"/api/batches/{made.pk}/").json()
    assert (told["change"], told["accepted"]) == (None, 7)


def test_a_change_is_cancelled_once(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_many, "AT_ONCE", 0)
    made = held()
    seen = change(client, made, alike=ALIKE).json()["revision"]
    path = f"/api/batches/{made.pk}/cancel-change/"
    told = client.post(path, {"revision": seen, "note": "Enough."})
    assert (told.status_code, told.json()["change"], told.json()["accepted"]) == (200, None, 3)
    assert client.post(path, {"revision": told.json()["revision"]}).json()["code"] == "nothing"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "rows"),
        ({"rows": [0], "alike": ALIKE}, "rows"),
        ({"rows": []}, "rows"),
        ({"rows": [-1]}, "rows"),
        ({"rows": list(range(1001))}, "rows"),
        ({"rows": [0], "verdict": "undecided"}, "verdict"),
        ({"alike": {"verdict": "accepted"}}, "alike"),
        ({"alike": {"verdict": "rejected", "code": "rule"}}, "alike"),
        ({"alike": {"verdict": "rejected", "text": "No consent"}}, "alike"),
        ({"rows": [0], "revision": None}, "revision"),
    ],
)
def test_what_is_misspelt_or_senseless_is_named_and_nothing_is_done(
    client: APIClient, body: dict[str, Any], field: str
) -> None:
    made = held()
    answer = change(client, made, **body)
    assert (answer.status_code, list(answer.json()["problems"])) == (400, [field])
    made.refresh_from_db()
    assert (made.revision, made.accepted) == (1, 3)


def test_what_cannot_be_changed_is_said(client: APIClient) -> None:
    made = held()
    assert change(client, made, alike=ALIKE | {"action": "other"}).json()["code"] == "nothing"
    assert change(client, made, rows=[4_000_000_000]).json()["code"] == "nothing"
    Decision.objects.filter(pk=made.first_decision + 8).update(uri=b"")
    assert change(client, made, rows=[8], verdict="rejected").json()["code"] == "no_address"
    assert review.count_reasons(made.pk) == made.reasons
