"""What programs decide: the same functions as the screens, bound to the revision that was read."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from api import verbs
from sendouts.models import Batch, Decision, DecisionVerdict, Event
from sendouts.models.decision import rows_of
from tests.api.api_cases import a_batch, client_of
from tests.gate import Gate, person, reviewer

pytestmark = pytest.mark.django_db


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


def post(client: APIClient, batch: Batch, verb: str, **body: Any) -> Any:
    return client.post(f"/api/batches/{batch.pk}/{verb}/", body)


def verdicts(batch: Batch) -> list[int]:
    return list(Decision.objects.filter(rows_of(batch.pk)).order_by("pk").values_list("verdict", flat=True))


def test_a_batch_that_a_program_accepts_is_released(gate: Gate, anna: User, client: APIClient) -> None:
    gate.project(review="always")
    sent = gate.fire(contacts=20)
    gate.work()
    revision = client.get("/api/batches/").json()["results"][0]["revision"]
    response = post(client, gate.batch(), "accept", revision=revision, note="Numbers are as usual.")
    assert (response.status_code, response.json()["status"]) == (200, "accepted")
    told, read = response.json(), client.get(f"/api/batches/{gate.batch().pk}/").json()
    assert told.pop("forecast")["in_time"] and read.pop("forecast")["in_time"]
    assert told == read
    event = Event.objects.get(new="accepted")
    assert (event.user, event.note, event.old) == (anna, "Numbers are as usual.", "in_review")
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (18, 2, [])


def test_a_batch_that_a_program_rejects_reaches_nobody(gate: Gate, anna: User, client: APIClient) -> None:
    gate.project(review="always")
    sent = gate.fire(contacts=20)
    gate.work()
    response = post(client, gate.batch(), "reject", revision=gate.batch().revision, note="Wrong picture.")
    assert (response.status_code, response.json()["status"], response.json()["rejected"]) == (200, "refused", 20)
    assert Event.objects.get(new="refused").user == anna
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (0, 20, [])


@pytest.mark.parametrize("verb", ["accept", "reject"])
@pytest.mark.parametrize(("source", "lane"), [("batch", "files"), ("single", "singles")])
def test_the_workers_are_nudged_once_it_is_stored(
    client: APIClient, nudged: list[Any], verb: str, source: str, lane: str, django_capture_on_commit_callbacks: Any
) -> None:
    batch = a_batch(rows=3, source=source)
    with django_capture_on_commit_callbacks(execute=True):
        assert post(client, batch, verb, revision=1, note="Why.").status_code == 200
        assert nudged == []
    assert nudged == [(lane, [batch.pk])]


@pytest.mark.parametrize("verb", ["accept", "reject"])
@pytest.mark.parametrize(
    "body", [{}, {"note": "Go."}, {"revision": None}, {"revision": ""}, {"revision": "new"}, {"revision": 0}]
)
def test_without_the_revision_that_was_read_nothing_is_done(
    client: APIClient, nudged: list[Any], verb: str, body: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    batch = a_batch(rows=3)
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(f"/api/batches/{batch.pk}/{verb}/", body)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert list(response.json()["problems"]) == ["revision"]
    batch.refresh_from_db()
    assert (batch.status, nudged) == ("in_review", [])


def test_who_saw_other_numbers_is_told_and_given_the_new_revision(client: APIClient) -> None:
    batch = a_batch(rows=3, revision=5)
    response = post(client, batch, "accept", revision=4)
    assert response.status_code == 409
    assert response.json() == {
        "code": "changed",
        "error": "The numbers changed while you read: 1 now get it, 2 do not. Look again, then decide.",
        "revision": 5,
    }
    batch.refresh_from_db()
    assert (batch.status, batch.revision) == ("in_review", 5)


@pytest.mark.parametrize(("first", "second"), [("accept", "reject"), ("reject", "accept"), ("accept", "accept")])
def test_of_two_people_one_wins_and_the_other_is_told_who(client: APIClient, first: str, second: str) -> None:
    batch = a_batch(rows=3)
    assert post(client, batch, first, revision=1, note="Why.").status_code == 200
    response = post(client_of(reviewer("ben")), batch, second, revision=1, note="Why.")
    word = {"accept": "accepted", "reject": "rejected"}[first]
    assert response.status_code == 409
    assert response.json() == {
        "code": "moved_on",
        "error": f"anna has just {word} this batch. Nothing was changed by you.",
        "revision": 2,
    }
    assert Event.objects.filter(batch=batch).count() == 1


@pytest.mark.parametrize(
    ("choice", "after"),
    [
        ({}, [DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED, DecisionVerdict.REJECTED]),
        ({"undecided": "reject"}, [DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED, DecisionVerdict.REJECTED]),
        ({"undecided": "accept"}, [DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED, DecisionVerdict.ACCEPTED]),
    ],
)
def test_the_undecided_become_what_the_person_chose(
    anna: User, client: APIClient, choice: dict[str, str], after: list[DecisionVerdict]
) -> None:
    batch = a_batch(rows=3)
    answer = post(client, batch, "accept", revision=1, **choice).json()
    assert verdicts(batch) == after
    assert (answer["undecided"], answer["accepted"]) == (0, after.count(DecisionVerdict.ACCEPTED))
    assert Decision.objects.get(pk=batch.first_decision + 2).decided_by == anna


@pytest.mark.parametrize("verb", ["accept", "reject"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("undecided", "hold"),
        ("undecided", None),
        ("note", "x" * 2001),
        ("note", "\0"),
        ("take_on", "perhaps"),
        ("undecied", "accept"),
    ],
)
def test_what_is_misspelt_or_senseless_is_named_and_nothing_is_done(
    client: APIClient, verb: str, field: str, value: Any
) -> None:
    batch = a_batch(rows=3)
    response = post(client, batch, verb, revision=1, **{field: value})
    assert (response.status_code, list(response.json()["problems"])) == (400, [field])
    assert verdicts(batch) == [DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED, DecisionVerdict.UNDECIDED]
    batch.refresh_from_db()
    assert batch.status == "in_review"


@pytest.mark.parametrize("body", ["[]", "7", '"accept"', "{", ""])
def test_a_body_that_is_no_object_is_refused(client: APIClient, body: str) -> None:
    batch = a_batch()
    response = client.post(f"/api/batches/{batch.pk}/accept/", body, content_type="application/json")
    assert response.status_code == 400
    assert set(response.json()) >= {"code", "error"}


def test_a_form_is_not_read_as_json(client: APIClient) -> None:
    path = f"/api/batches/{a_batch().pk}/accept/"
    response = client.post(path, "revision=1", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("verb", ["accept", "reject"])
@pytest.mark.parametrize("batch_id", [987_654, 2**62, 2**70])
def test_an_unknown_batch_cannot_be_decided(client: APIClient, verb: str, batch_id: int) -> None:
    response = client.post(f"/api/batches/{batch_id}/{verb}/", {"revision": 1})
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def an_unread_batch() -> Batch:
    """One row of three could not be read and has no address."""
    batch = a_batch(rows=3, undecided=0, unread=1, attention="unread_rows", attention_data={"rows": 1})
    Decision.objects.filter(pk=batch.first_decision + 2).update(unread=True, uri=b"")
    return batch


def test_unreadable_rows_are_let_through_only_by_who_may_take_them_on_and_says_why(client: APIClient) -> None:
    batch = an_unread_batch()
    assert post(client, batch, "accept", revision=1).json()["code"] == "unread_rows"
    assert post(client, batch, "accept", revision=1, take_on=True, note="Known.").status_code == 403
    boss = client_of(person("boss", "view_batch", "review_batch", "take_on_batch"))
    no_note = post(boss, batch, "accept", revision=1, take_on=True)
    assert (no_note.status_code, no_note.json()["code"]) == (400, "note_needed")
    done = post(boss, batch, "accept", revision=1, take_on=True, note="Known.")
    assert (done.status_code, done.json()["unread_taken_on"]) == (200, 1)


def test_a_file_without_a_proven_end_cannot_be_accepted(client: APIClient) -> None:
    batch = a_batch(rows=3, attention="no_proven_end", attention_data={"code": "cut", "rows": 3}, file_complete=False)
    response = post(client, batch, "accept", revision=1)
    assert (response.status_code, response.json()["code"]) == (400, "not_complete")
    batch.refresh_from_db()
    assert batch.status == "in_review"


def test_a_batch_that_a_program_stops_waits_for_review_again(gate: Gate, anna: User, client: APIClient) -> None:
    gate.project(review="always")
    sent = gate.fire(contacts=20)
    gate.work()
    post(client, gate.batch(), "accept", revision=gate.batch().revision)
    assert post(client, gate.batch(), "undo", revision=1).json()["code"] == "changed"
    response = post(client, gate.batch(), "undo", revision=gate.batch().revision, note="Wrong one.")
    assert (response.status_code, response.json()["status"], response.json()["final"]) == (200, "in_review", 0)
    event = Event.objects.get(old="accepted")
    assert (event.user, event.note) == (anna, "Wrong one.")
    post(client, gate.batch(), "accept", revision=gate.batch().revision)
    gate.work()
    assert gate.platform.sendout(sent["id"])["accepted"] == 18
    assert post(client, gate.batch(), "undo", revision=gate.batch().revision).status_code == 409


def test_a_release_that_was_called_is_not_stopped_by_a_program(gate: Gate, client: APIClient) -> None:
    gate.project()
    gate.fire(faults={"faults": [{"kind": "status", "on": "finish", "status": 500, "times": 99}]})
    gate.work()
    response = post(client, gate.batch(), "undo", revision=gate.batch().revision)
    assert (response.status_code, response.json()["code"]) == (409, "released")
    assert response.json()["revision"] == gate.batch().revision
