"""Files for lists are read by workers: whole, once, whoever is killed meanwhile; and their batches are then screened by them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone

from actions.models import SuppressionEntry, SuppressionList, SuppressionPiece, SuppressionUpload
from actions.suppression import prune, receive, upload_work
from gateway.tasks import TASKS
from tests.gate import Gate
from tests.lanes import work_on
from work import claims

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_parts(settings: Any) -> None:
    settings.CHUNK_ROWS = 2


def send(content: bytes, holds: str = "contact_id") -> SuppressionUpload:
    found, _ = SuppressionList.objects.get_or_create(name="Opposition", holds=holds)
    someone, _ = User.objects.get_or_create(username="somebody")
    begun = receive.begin(found, by=someone.pk, file_name="list.csv", size=len(content))
    return receive.take(begun, [content])


def ids(number: int) -> bytes:
    return "".join(f"A-{place}\n" for place in range(number)).encode()


def now(upload: SuppressionUpload) -> SuppressionUpload:
    return SuppressionUpload.objects.get(pk=upload.pk)


def on_the_list() -> int:
    count = SuppressionEntry.objects.count()
    assert SuppressionList.objects.get().entries == count
    return count


def killed_after(parts: int, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Have the worker end so after some parts; what it wrote of the next one is rolled back."""
    original, done = upload_work.store, []

    def store(*given: Any) -> None:
        original(*given)
        if len(done) >= parts:
            raise error
        done.append(1)

    monkeypatch.setattr(upload_work, "store", store)


def left_by_a_killed_worker(upload: SuppressionUpload, monkeypatch: pytest.MonkeyPatch, parts: int) -> None:
    """What SIGKILL leaves: the parts that committed, and a claim that runs out."""
    with monkeypatch.context() as patched:
        killed_after(parts, patched, SystemExit())
        patched.setattr(claims.Claim, "release", lambda claim: None)
        with pytest.raises(SystemExit):
            work_on("uploads", [upload.pk])
    SuppressionUpload.objects.filter(pk=upload.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))


def test_a_file_is_read_whole_and_its_bytes_are_deleted() -> None:
    upload = send(ids(9))
    TASKS["uploads"]([upload.pk])
    done = now(upload)
    assert (done.status, done.rows, done.added, done.due_at, done.error) == ("done", 9, 9, None, "")
    assert done.ended_at is not None and on_the_list() == 9 and not SuppressionPiece.objects.exists()
    TASKS["uploads"]([upload.pk])
    assert now(upload).rows == 9


@pytest.mark.parametrize("parts", [0, 1, 3])
def test_who_takes_over_from_a_killed_worker_goes_on_and_counts_once(
    monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    upload = send(ids(9))
    left_by_a_killed_worker(upload, monkeypatch, parts)
    assert (now(upload).rows, on_the_list()) == (2 * parts, 2 * parts)
    work_on("uploads", [upload.pk])
    assert (now(upload).status, now(upload).added, on_the_list()) == ("done", 9, 9)


def test_a_file_that_kills_worker_after_worker_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = send(ids(9))
    for _ in range(claims.DEATHS):
        left_by_a_killed_worker(upload, monkeypatch, 0)
    work_on("uploads", [upload.pk])
    assert (now(upload).status, now(upload).error) == ("failed", "unexpected")
    assert not SuppressionPiece.objects.exists()


def test_an_error_is_tried_again_some_times_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = send(ids(9))
    killed_after(1, monkeypatch, ZeroDivisionError())
    work_on("uploads", [upload.pk])
    assert (now(upload).status, now(upload).attempts, now(upload).rows) == ("received", 1, 2)
    assert now(upload).due_at > timezone.now()
    for _ in range(2):
        SuppressionUpload.objects.update(due_at=timezone.now())
        work_on("uploads", [upload.pk])
    assert (now(upload).status, now(upload).error, on_the_list()) == ("failed", "unexpected", 2)


def test_a_database_that_goes_away_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = send(ids(9))
    with monkeypatch.context() as patched:
        killed_after(1, patched, OperationalError("the server closed the connection"))
        with pytest.raises(OperationalError):
            work_on("uploads", [upload.pk])
    assert (now(upload).status, now(upload).attempts) == ("received", 0)
    work_on("uploads", [upload.pk])
    assert (now(upload).status, on_the_list()) == ("done", 9)


def test_a_worker_whose_claim_was_taken_stores_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = send(ids(9))
    original = upload_work.store

    def robbed(*given: Any) -> None:
        original(*given)
        SuppressionUpload.objects.update(claim_id=None, claimed_until=None)

    monkeypatch.setattr(upload_work, "store", robbed)
    work_on("uploads", [upload.pk])
    assert (now(upload).status, now(upload).rows) == ("received", 2)


def test_a_long_file_lets_others_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_work, "TURN_SECONDS", 0.0)
    upload = send(ids(9))
    before = now(upload).due_at
    work_on("uploads", [upload.pk])
    turned = now(upload)
    assert (turned.status, turned.rows, turned.claim_id) == ("received", 2, None)
    assert turned.due_at > before
    for _ in range(5):
        work_on("uploads", [upload.pk])
    assert (now(upload).status, on_the_list()) == ("done", 9)


def test_a_list_that_is_archived_meanwhile_and_a_file_that_is_no_csv_end_with_their_error() -> None:
    broken, upload = send(b"PK\x03\x04\x14\x00\x06\x00" * 100), send(ids(9))
    work_on("uploads", [broken.pk])
    SuppressionList.objects.update(archived=True)
    work_on("uploads", [upload.pk])
    assert [(now(each).status, now(each).error) for each in (broken, upload)] == [
        ("failed", "not_text"),
        ("failed", "archived"),
    ]


def test_a_file_that_never_came_to_its_end_is_forgotten_after_a_day() -> None:
    someone = User.objects.create_user("somebody")
    begun = receive.begin(
        SuppressionList.objects.create(name="Opposition"), by=someone.pk, file_name="list.csv", size=99
    )
    receive.append(begun.pk, 0, b"A-1\n")
    work_on("uploads", [begun.pk])
    prune.prune(timezone.now())
    assert now(begun).status == "receiving"
    prune.prune(timezone.now() + timedelta(days=1, seconds=1))
    assert (now(begun).status, now(begun).error) == ("failed", "forsaken")
    assert not SuppressionPiece.objects.exists()


def test_a_batch_is_screened_by_what_an_upload_put_on_the_list(gate: Gate) -> None:
    project = gate.project(consent=False)
    gate.define(project, kind="suppression", config={"list": "Opposition", "match": "properties.email"})
    upload = send(b"email;reason\nB@example.com;Complaint\n", holds="email")
    work_on("uploads", [upload.pk])
    rows = [{"contactId": name, "email": f"{name.lower()}@Example.com"} for name in "ABC"]
    sent = gate.fire(rows=rows, due=["B"])
    gate.work()
    assert [(row.contact_id, row.text) for row in gate.decisions() if row.reason] == [("B", "Complaint")]
    seen = gate.platform.sendout(sent["id"])
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (2, 1, [])
