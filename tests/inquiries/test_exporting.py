"""Decisions leave as CSV: all of them, in little memory, harmless to spreadsheets, and recorded."""

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from actions.access import Reach
from gateway.tasks import retire
from sendouts.inquiries import export
from sendouts.inquiries.csv import CsvForm
from sendouts.inquiries.export import ExportChoice
from sendouts.models import Answer, Batch, Decision, DecisionVerdict, Event, Export, Status
from sendouts.models.decision import rows_of
from sendouts.privacy import retention
from sendouts.verbs.base import NotDone
from tests.api.api_cases import client_of as program_of
from tests.factories import batch, client_of, page_url, plain_english, sendout, text_of, user_in

pytestmark = pytest.mark.django_db
KEY = "0b0e7c9a-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def made() -> Batch:
    return batch(accepted=3, rejected=2, undecided=1, unread=1)


@pytest.fixture
def client() -> Client:
    return client_of("Reviewer")


def url(made: Batch) -> str:
    return f"/admin/batches/{made.pk}/export/"


def export_by_program(made: Batch, user: User, **asked: str) -> Any:
    return program_of(user).post(f"/api/batches/{made.pk}/export/", asked, format="json")


def body_of(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


def rows(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body_of(answer).removeprefix("\ufeff"), newline="")))


def begun(made: Batch, user: User, **more: Any) -> Iterator[bytes]:
    """A download for programs of all decisions."""
    found = export.begin(made, user, ExportChoice(), now=timezone.now(), **more)
    return export.parts(found, ExportChoice(), export.for_programs(), CsvForm())


def test_all_decisions_leave_with_reason_action_person_evidence_answer_and_kept_fields_masked(
    made: Batch, client: Client
) -> None:
    moment = timezone.now().replace(year=2026, month=6, day=30, hour=10, minute=5, second=7, microsecond=0)
    made.project.keep_fields = ["properties.city", "properties.age"]
    made.project.show_fields = ["properties.age"]
    made.project.save()
    Decision.objects.filter(pk=made.first_decision).update(
        evidence_at=moment,
        decided_by=User.objects.create_user("anna"),
        answer=Answer.CONFIRMED,
        answer_status=204,
        kept={"properties.city": "Lyon-Part-Dieu", "properties.age": 17, "properties.old": "m.martin17@example.com"},
    )
    answer = client.post(url(made), {"what": ":"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="day-1-{made.pk}.csv"'
    head, first, *others = rows(answer)
    assert dict(zip(head, first, strict=True)) == {
        "Row": "1",
        "Contact id": "A-0",
        "Decision": "does not get it",
        "Reason": "No consent",
        "Action": "consent-check",
        "Decided by": "anna",
        "Evidence of (Europe/Paris)": "2026-06-30 12:05:07",
        "Symplify’s answer": "confirmed",
        "Answer code": "204",
        "properties.city": "L•••u",
        "properties.age": "17",
        "Other fields kept": '{"properties.old": "m•••7@•••.com"}',
    }
    assert [line[2] for line in others] == ["does not get it", "undecided", "unreadable", *["gets it"] * 3]


def test_no_cell_of_an_export_is_a_formula(made: Batch, client: Client) -> None:
    evil = '=HYPERLINK("http://evil.example.com")'
    made.project.keep_fields = ["properties.city", "=1+1"]
    made.project.save()
    Decision.objects.filter(unread=False).update(
        contact_id="@SUM(A1)", text=evil, action="+1", kept={"properties.city": evil, "=1+1": "-2", "other": "=3"}
    )
    for line in rows(client.post(url(made), {"what": ":"})):
        assert not [cell for cell in line if cell[:1] in set("=+-@|%\t\r\n")]


def test_excel_is_told_that_it_is_utf_8_and_gets_the_separator_of_its_language(made: Batch, client: Client) -> None:
    for language, begins in (("en", "Row,Contact id,"), ("fr", "Ligne;Identifiant du contact;")):
        text = body_of(client.post(url(made), {"what": ":"}, headers={"Accept-Language": language}))
        assert text.startswith("\ufeff" + begins)


def test_a_tab_or_one_reason_alone_can_be_taken(made: Batch, client: Client) -> None:
    for tab, number in {"rejected": 2, "accepted": 3, "undecided": 1, "unread": 1, "": 7}.items():
        assert Decision.objects.filter(rows_of(made.pk), ExportChoice(tab).condition()).count() == number, tab
    Decision.objects.filter(pk=made.first_decision + 1).update(text="Marketing pressure")
    line = [2, "rule", "No consent", "consent-check", 1]
    made.reasons = [line, [2, "rule", "Marketing pressure", "consent-check", 1]]
    made.save()
    key = export.reason_key(made.reasons[1])
    assert f'value=":{key}"' in text_of(client.get(url(made)))
    assert [line[1] for line in rows(client.post(url(made), {"what": f":{key}"}))] == ["Contact id", "A-1"]
    for wrong in (":0000", "nobody:"):
        assert client.post(url(made), {"what": wrong}).status_code == 409


def test_an_export_is_an_event_that_names_the_person_and_what_was_taken_and_changes_nothing_else(
    made: Batch, client: Client
) -> None:
    before = Batch.objects.filter(pk=made.pk).values().get()
    client.get(url(made))
    assert not Event.objects.filter(word="exported").exists()
    assert len(rows(client.post(url(made), {"what": "rejected:"}))) == 3
    event = Event.objects.get(word="exported")
    assert (event.user and event.user.username, event.data, event.revision) == ("reviewer.lyon", {"tab": "rejected"}, 0)
    assert Batch.objects.filter(pk=made.pk).values().get() == before
    assert "Decisions downloaded: those who do not get it" in text_of(client.get(page_url(made)))


@pytest.mark.parametrize("role", ["staff", "Viewer"])
def test_a_download_is_not_begun_for_who_may_not_see_contacts_whatever_asks_for_it(made: Batch, role: str) -> None:
    client = client_of(role)
    user = User.objects.get()
    assert client.get(url(made)).status_code == client.post(url(made), {"what": ":"}).status_code == 403
    assert url(made) not in text_of(client.get(page_url(made)))
    assert export_by_program(made, user).status_code == 403
    with pytest.raises(NotDone) as refused:
        export.begin(made, user, ExportChoice(), now=timezone.now())
    assert refused.value.code == "not_allowed"
    assert not Event.objects.filter(word="exported").exists() and not Export.objects.exists()


def test_batches_of_other_projects_are_not_there() -> None:
    own, other = batch(rejected=1), batch(rejected=1, sendout=sendout("Boutique"))
    user = user_in("Reviewer")
    Reach.objects.create(user=user).projects.add(own.project)
    client = Client()
    client.force_login(user)
    assert client.post(url(own), {"what": ":"}).status_code == 200
    assert client.post(url(other), {"what": ":"}).status_code == 404
    assert export_by_program(other, user).status_code == 404


def test_contacts_that_are_no_longer_kept_are_said_to_be_gone(made: Batch, client: Client) -> None:
    Batch.objects.update(status=Status.EXPIRED, due_at=None, ended_at=timezone.now() - timedelta(days=400))
    retention.retire(timezone.now())
    assert "no longer kept" in text_of(client.get(url(made)))
    assert client.post(url(made), {"what": ":"}).status_code == 409
    refused = export_by_program(made, User.objects.get())
    assert (refused.status_code, refused.json()["code"]) == (400, "retired")


def a_large_batch(number: int) -> Batch:
    made = batch(Status.FINISHED, decisions=False, total=number, outcome="released", finish_sent_at=timezone.now())
    text = "x" * 200
    Decision.objects.bulk_create(
        Decision(pk=made.first_decision + row, contact_id=f"A-{row}", verdict=DecisionVerdict.ACCEPTED, text=text)
        for row in range(number)
    )
    return made


def test_memory_does_not_grow_with_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", 250)
    user, peaks = User.objects.create_superuser("root"), []
    for number in (1_000, 6_000):
        parts = begun(a_large_batch(number), user)
        next(parts)
        tracemalloc.start()
        length = sum(len(part) for part in parts)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert length > number * 200
    assert peaks[1] < 1.5 * peaks[0]


def test_each_piece_is_a_query_of_its_own_and_no_transaction_is_open_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export, "PIECE", 100)
    parts = begun(a_large_batch(1_000), User.objects.create_superuser("root"))
    with CaptureQueriesContext(connection) as queries:
        assert len(list(parts)) == 11
    asked = [query["sql"] for query in queries if "sendouts_decision" in query["sql"]]
    assert len(asked) == 10 and not any("OFFSET" in sql or "COUNT" in sql for sql in asked)
    assert not [query for query in queries if query["sql"].startswith(("BEGIN", "DECLARE", "SAVEPOINT"))]


def test_how_far_a_download_is_is_told_to_whoever_began_it_and_to_nobody_else(
    made: Batch, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE", 2)
    monkeypatch.setattr(export, "NOTED_SECONDS", 0.0)
    state = f"{url(made)}{KEY}/"
    assert client.get(state).json()["regions"] == {}
    parts = iter(client.post(url(made), {"what": ":", "key": KEY}).streaming_content)
    next(parts), next(parts)
    told = client.get(state).json()
    assert told["every"] == 1 and "2 of 7 rows looked through, 2 written." in told["regions"]["gate-export"]
    assert client_of("Manager").get(state).json()["regions"] == {}
    list(parts)
    told = client.get(state).json()
    assert told["every"] is None and "The file is complete: 7 contacts." in told["regions"]["gate-export"]
    # A key that was used does not stand for a second download.
    assert len(rows(client.post(url(made), {"what": ":", "key": KEY}))) == 8
    assert Export.objects.count() == 2


def test_a_download_that_is_left_is_told_as_incomplete(
    made: Batch, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE", 2)
    parts = begun(made, User.objects.get(), key=UUID(KEY))
    next(parts)
    parts.close()  # type: ignore[attr-defined]
    assert Export.objects.get(pk=KEY).broken
    assert "The file is not complete" in client.get(f"{url(made)}{KEY}/").json()["regions"]["gate-export"]


def test_how_far_downloads_were_is_forgotten_after_a_day(made: Batch) -> None:
    user, now = User.objects.create_user("anna"), timezone.now()
    for hours in (1, 30):
        Export.objects.create(key=uuid4(), batch=made, user=user, total=1, started_at=now - timedelta(hours=hours))
    retire()
    assert [now - each.started_at for each in Export.objects.all()] == [timedelta(hours=1)]


def test_programs_get_codes_and_rows_from_0_without_kept_fields(made: Batch) -> None:
    Decision.objects.filter(unread=False).update(kept={"properties.city": "Lyon"})
    user = user_in("Reviewer")
    assert body_of(export_by_program(made, user, only="rejected", reason="rule")).splitlines() == [
        "row,contact_id,verdict,unread,reason,text,action,decided_by,evidence_at,answer,answer_status",
        "0,A-0,rejected,false,rule,No consent,consent-check,,,none,0",
        "1,A-1,rejected,false,rule,No consent,consent-check,,,none,0",
    ]
    for wrong in ({"only": "everybody"}, {"oly": "rejected"}):
        assert export_by_program(made, user, **wrong).status_code == 400
    assert "A-0" not in json.dumps(Event.objects.get(word="exported").data)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("leaves", [False, True])
def test_on_the_servers_own_way_it_is_streamed_part_by_part_until_the_reader_leaves(
    monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    monkeypatch.setattr(export, "PIECE", 3)
    made = batch(accepted=7)
    client = AsyncClient()
    client.force_login(User.objects.create_superuser("root"))

    async def ask() -> list[bytes]:
        answer = await client.post(url(made), {"what": ":", "key": KEY})
        parts = aiter(answer.streaming_content)
        found = [await anext(parts), await anext(parts)]
        if leaves:
            await parts.aclose()
        return found + [part async for part in parts]

    parts, left = asyncio.run(ask()), Export.objects.get(pk=KEY)
    assert (len(parts), left.broken, left.written) == ((2, True, 3) if leaves else (4, False, 7))
    assert b"".join(parts).decode().count("\r\n") == 1 + left.written
