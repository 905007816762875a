"""What programs decide: the same functions as the screens, bound to the revision that was read."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from api import errors, verbs
from sendouts.models import AllowedHost, Batch, BulkChange, Decision, Event
from sendouts.verbs import change_many
from sendouts.verbs.base import NotDone, NotDoneCode
from tests.api.api_cases import client_of
from tests.factories import batch
from tests.gate import Gate, person, reviewer
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


def post(client: APIClient, made: Batch, verb: str, **body: Any) -> Any:
    return client.post(f"/api/batches/{made.pk}/{verb}/", {"revision": made.revision, "note": "Why."} | body)


def test_a_program_accepts_stops_and_accepts_again_and_the_batch_is_released(
    gate: Gate, anna: User, client: APIClient
) -> None:
    gate.project(review="always")
    sent = gate.fire(contacts=20)
    gate.work()
    first = client.get("/api/batches/").json()["results"][0]["revision"]
    answer = post(client, gate.batch(), "accept", revision=first, note="Numbers are as usual.")
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    told, read = answer.json(), client.get(f"/api/batches/{gate.batch().pk}/").json()
    assert told.pop("forecast")["in_time"] and read.pop("forecast")["in_time"]
    assert told == read
    event = Event.objects.get(new="accepted")
    assert (event.user, event.note, event.old) == (anna, "Numbers are as usual.", "in_review")
    assert post(client, gate.batch(), "undo", revision=first).json()["code"] == "changed"
    stopped = post(client, gate.batch(), "undo")
    assert (stopped.status_code, stopped.json()["status"], stopped.json()["final"]) == (200, "in_review", 0)
    post(client, gate.batch(), "accept")
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (18, 2, [])


@pytest.mark.parametrize(("source", "lane"), [("batch", "files"), ("single", "singles")])
def test_the_workers_are_nudged_once_it_is_stored(
    client: APIClient, nudged: list[Any], source: str, lane: str, django_capture_on_commit_callbacks: Any
) -> None:
    made = batch(accepted=1, source=source)
    with django_capture_on_commit_callbacks(execute=True):
        assert post(client, made, "accept").status_code == 200
        assert nudged == []
    assert nudged == [(lane, [made.pk])]


def test_who_comes_late_is_told_what_happened_and_given_the_new_revision(client: APIClient) -> None:
    made = batch(accepted=1, rejected=2, revision=5)
    changed = post(client, made, "accept", revision=4).json()
    assert changed == {
        "code": "changed",
        "error": "The numbers changed while you read: 1 now get it, 2 do not. Look again, then decide.",
        "revision": 5,
    }
    post(client, made, "accept")
    moved_on = post(client_of(reviewer("ben")), made, "reject").json()
    assert moved_on == {
        "code": "moved_on",
        "error": "anna has just accepted this batch. Nothing was changed by you.",
        "revision": 6,
    }


def test_each_refusal_has_the_status_that_the_documentation_names() -> None:
    found = {code: errors.refusal(NotDone(code, "No."), 7) for code in NotDoneCode}
    conflicts = {"changed", "moved_on", "second_person", "other_choice", "changing", "released"}
    assert {code for code, answer in found.items() if answer.status_code == 409} == conflicts
    assert {code for code, answer in found.items() if answer.status_code == 403} == {"not_allowed"}
    assert {code for code, answer in found.items() if "revision" in answer.data} == conflicts


@pytest.mark.parametrize(("choice", "accepted"), [({}, 3), ({"undecided": "reject"}, 3), ({"undecided": "accept"}, 5)])
def test_the_undecided_become_what_the_person_chose(
    anna: User, client: APIClient, choice: dict[str, str], accepted: int
) -> None:
    made = held()
    answer = post(client, made, "accept", **choice).json()
    assert (answer["undecided"], answer["accepted"]) == (0, accepted)
    assert Decision.objects.get(pk=made.first_decision + 5).decided_by == anna


def test_unreadable_rows_are_let_through_only_by_who_may_take_them_on_and_says_why(client: APIClient) -> None:
    made = batch(accepted=2, unread=1, addresses=False, attention="unread_rows", attention_data={"rows": 1})
    assert post(client, made, "accept").json()["code"] == "unread_rows"
    assert post(client, made, "accept", take_on=True).status_code == 403
    boss = client_of(person("boss", "view_batch", "review_batch", "take_on_batch"))
    assert post(boss, made, "accept", take_on=True, note="").json()["code"] == "note_needed"
    assert post(boss, made, "accept", take_on=True).json()["unread_taken_on"] == 1


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("accept", {"revision": None}, "revision"),
        ("accept", {"revision": ""}, "revision"),
        ("accept", {"revision": 0}, "revision"),
        ("accept", {"undecided": "hold"}, "undecided"),
        ("accept", {"undecided": None}, "undecided"),
        ("accept", {"take_on": "perhaps"}, "take_on"),
        ("reject", {"note": "x" * 2001}, "note"),
        ("reject", {"note": "\0"}, "note"),
        ("reject", {"undecied": "accept"}, "undecied"),
        ("undo", {"undecided": "accept"}, "undecided"),
        ("change", {}, "rows"),
        ("change", {"rows": [0], "alike": ALIKE}, "rows"),
        ("change", {"rows": []}, "rows"),
        ("change", {"rows": [-1]}, "rows"),
        ("change", {"rows": list(range(1001))}, "rows"),
        ("change", {"rows": [0], "verdict": "undecided"}, "verdict"),
        ("change", {"alike": {"verdict": "accepted"}}, "alike"),
        ("change", {"alike": {"verdict": "rejected", "code": "rule"}}, "alike"),
        ("change", {"alike": {"verdict": "rejected", "text": "No consent"}}, "alike"),
    ],
)
def test_what_is_misspelt_or_senseless_is_named_and_nothing_is_done(
    client: APIClient, verb: str, body: dict[str, Any], field: str
) -> None:
    made = held()
    answer = post(client, made, verb, **({"verdict": "accepted"} if verb == "change" else {}) | body)
    assert (answer.status_code, answer.json()["code"], list(answer.json()["problems"])) == (400, "invalid", [field])
    made.refresh_from_db()
    assert (made.status, made.revision, made.accepted) == ("in_review", 1, 3)


def test_without_a_revision_or_an_object_nothing_is_done(client: APIClient) -> None:
    path = f"/api/batches/{held().pk}/accept/"
    assert list(client.post(path, {"note": "Go."}).json()["problems"]) == ["revision"]
    for body in ("[]", "7", '"accept"', "{", ""):
        answer = client.post(path, body, content_type="application/json")
        assert answer.status_code == 400 and set(answer.json()) >= {"code", "error"}
    form = client.post(path, "revision=1", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    assert Batch.objects.get().status == "in_review"


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        ({"rows": [0, 1, 5], "verdict": "accepted"}, (6, 2, 1)),
        ({"alike": ALIKE, "verdict": "accepted"}, (7, 0, 2)),
        ({"alike": {"verdict": "undecided"}, "verdict": "rejected"}, (3, 6, 0)),
        ({"alike": {"verdict": "accepted"}, "verdict": "rejected"}, (0, 7, 2)),
    ],
)
def test_rows_or_all_that_are_alike_are_changed(
    client: APIClient, anna: User, body: dict[str, Any], numbers: tuple[int, int, int]
) -> None:
    made = held()
    told = post(client, made, "change", **body).json()
    assert (told["accepted"], told["rejected"], told["undecided"]) == numbers
    assert told["change"] is None and told["revision"] == made.revision + 1
    assert set(Decision.objects.filter(reason="person").values_list("decided_by", "text")) == {(anna.pk, "Why.")}


def test_many_are_changed_by_a_worker_and_the_batch_says_how_far_that_is(
    client: APIClient, nudged: list[Any], monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(change_many, "AT_ONCE", 0)
    made = held()
    with django_capture_on_commit_callbacks(execute=True):
        told = post(client, made, "change", alike=ALIKE, verdict="accepted").json()
    bulk = BulkChange.objects.get()
    assert nudged == [("changes", [bulk.pk])]
    assert told["change"].pop("at")
    progress = {"by": "anna", "note": "Why.", "verdict": "accepted", "contacts": 4, "changed": 0, "share": 0.0}
    assert told["change"] == progress
    work_on("changes", [bulk.pk])
    told = client.get(f"/api/batches/{made.pk}/").json()
    assert (told["change"], told["accepted"]) == (None, 7)


def test_a_hold_is_told_until_it_is_lifted(client: APIClient) -> None:
    made = batch(accepted=3, at_deadline="accept")
    told = post(client, made, "hold", note="Stock is counted.").json()
    assert told["hold"].pop("at")
    assert told["hold"] == {"by": "anna", "note": "Stock is counted.", "declared": "accept"}
    assert (told["at_deadline"], told["revision"]) == ("leave", 2)
    lifted = post(client, made, "lift-hold", revision=2).json()
    assert (lifted["at_deadline"], lifted["hold"]) == ("accept", None)


def waiting_for_host() -> Batch:
    data = {"rows": 1, "code": "host_not_listed", "host": "a.example.com", "hosts": ["a.example.com", "b.example.com"]}
    return batch(accepted=3, attention="host_not_listed", attention_data=data)


def test_the_hosts_for_which_a_batch_waits_are_allowed_by_name_and_it_is_screened_again(client: APIClient) -> None:
    made = waiting_for_host()
    boss = person("boss", "view_batch", "review_batch", "add_allowedhost")
    told = client.get(f"/api/batches/{made.pk}/").json()
    assert told["hosts_to_allow"] == ["a.example.com", "b.example.com"]
    answer = post(client_of(boss), made, "allow-host", note="The host of our shop.")
    assert (answer.status_code, answer.json()["status"], answer.json()["attention"]) == (200, "planned", None)
    assert answer.json()["hosts_to_allow"] == []
    event = Event.objects.get(batch=made, user=boss)
    assert (event.old, event.new, event.note) == ("in_review", "planned", "The host of our shop.")
    added = AllowedHost.history.values_list("entry", "use", "history_user__username")
    assert set(added) == {("a.example.com", "platform", "boss"), ("b.example.com", "platform", "boss")}


@pytest.mark.parametrize("permissions", [("review_batch",), ("add_allowedhost",)])
def test_a_host_is_allowed_only_by_who_may_add_hosts_and_decide(permissions: tuple[str, ...]) -> None:
    made = waiting_for_host()
    answer = post(client_of(person("half", "view_batch", *permissions)), made, "allow-host")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    if permissions == ("review_batch",):
        assert answer.json()["error"] == "You may look at this batch, but not do this. Ask somebody who may."
    assert not AllowedHost.objects.exists() and Batch.objects.get().attention == "host_not_listed"


def test_without_a_host_to_allow_nothing_is_done(client: APIClient) -> None:
    boss = person("boss", "view_batch", "review_batch", "add_allowedhost")
    answer = post(client_of(boss), held(), "allow-host")
    assert (answer.status_code, answer.json()["code"]) == (400, "nothing")
