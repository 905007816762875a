"""Decisions leave as CSV: all of them, in little memory, harmless to spreadsheets, and recorded."""

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from actions.access_models import Reach
from gateway.tasks import retire
from sendouts.inquiries import export
from sendouts.inquiries.csv import CsvForm, form_of_reader, harmless, write
from sendouts.inquiries.export import ExportChoice
from sendouts.models import Answer, Batch, Decision, DecisionVerdict, Event, Export, Status
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


def url(made: Batch) -> str:
    return f"/admin/batches/{made.pk}/export/"


def rows(answer: Any, separator: str = ",") -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode()
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator))


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "|", "%", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize("before", ["", " ", "\u00a0", "\u200b", "\ufeff", "\u3000"])
def test_what_looks_like_a_formula_gets_an_apostrophe(begin: str, before: str) -> None:
    text = f"{before}{begin}cmd|' /C calc'!A0"
    assert harmless(text) == "'" + text
    (line,) = csv.reader(io.StringIO(write([["A-1", text]], CsvForm()), newline=""))
    assert line == ["A-1", "'" + text]


@pytest.mark.parametrize("text", ["A-17", "42", "", "No consent", "a=b", "Élodie", "1,5", '"', "x\ny", "3-4"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text
    (line,) = csv.reader(io.StringIO(write([[text, "end"]], CsvForm(";")), newline=""), delimiter=";")
    assert line == [text, "end"]


def test_no_cell_of_an_export_is_a_formula(made: Batch) -> None:
    evil = '=HYPERLINK("http://evil.example.com")'
    made.project.keep_fields = ["properties.city", "=1+1"]
    made.project.save()
    Decision.objects.filter(unread=False).update(
        contact_id="@SUM(A1)", text=evil, action="+1", kept={"properties.city": evil, "=1+1": "-2", "other": "=3"}
    )
    for line in rows(client_of("Reviewer").post(url(made), {"what": ":"})):
        assert not [cell for cell in line if cell[:1] in set("=+-@|%\t\r\n")]


def test_all_decisions_leave_with_reason_action_person_evidence_answer_and_kept_fields_masked(made: Batch) -> None:
    anna = User.objects.create_user("anna")
    moment = timezone.now().replace(year=2026, month=6, day=30, hour=10, minute=5, second=7, microsecond=0)
    made.project.keep_fields = ["properties.city"]
    made.project.save()
    Decision.objects.filter(pk=made.first_decision).update(
        evidence_at=moment,
        decided_by=anna,
        answer=Answer.CONFIRMED,
        answer_status=204,
        kept={"properties.city": "Lyon-Part-Dieu", "properties.old": "m.martin17@example.com"},
    )
    answer = client_of("Reviewer").post(url(made), {"what": ":"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="day-1-{made.pk}.csv"'
    head, first, *others = rows(answer)
    assert head == [
        "Row",
        "Contact id",
        "Decision",
        "Reason",
        "Action",
        "Decided by",
        "Evidence of (Europe/Paris)",
        "Symplify’s answer",
        "Answer code",
        "properties.city",
        "Other fields kept",
    ]
    assert first == [
        "1",
        "A-0",
        "does not get it",
        "No consent",
        "consent-check",
        "anna",
        "2026-06-30 12:05:07",
        "confirmed",
        "204",
        "L•••u",
        '{"properties.old": "m•••7@•••.com"}',
    ]
    assert [line[2] for line in others] == ["does not get it", "undecided", "unreadable", *["gets it"] * 3]


def test_excel_is_told_that_it_is_utf_8_and_gets_the_separator_of_its_language(made: Batch) -> None:
    client = client_of("Reviewer")
    body = b"".join(client.post(url(made), {"what": ":"}).streaming_content)
    assert body.startswith(b"\xef\xbb\xbfRow,Contact id,")
    with translation.override("fr"):
        assert form_of_reader() == CsvForm(separator=";")
    french = b"".join(
        client.post(url(made), {"what": ":"}, headers={"Accept-Language": "fr"}).streaming_content
    ).decode()
    assert french.startswith("\ufeffLigne;Identifiant du contact;")


@pytest.mark.parametrize(
    ("tab", "number"), [("rejected", 2), ("accepted", 3), ("undecided", 1), ("unread", 1), ("", 7)]
)
def test_a_tab_alone_can_be_taken(made: Batch, tab: str, number: int) -> None:
    assert len(rows(client_of("Reviewer").post(url(made), {"what": f"{tab}:"}))) == 1 + number


def test_one_reason_alone_can_be_taken(made: Batch) -> None:
    Decision.objects.filter(pk=made.first_decision + 1).update(text="Marketing pressure")
    made.reasons = [
        [2, "rule", "No consent", "consent-check", 1],
        [2, "rule", "Marketing pressure", "consent-check", 1],
    ]
    made.save()
    key = export.reason_key(made.reasons[1])
    client = client_of("Reviewer")
    assert f'value=":{key}"' in text_of(client.get(url(made)))
    assert [line[1] for line in rows(client.post(url(made), {"what": f":{key}"}))] == ["Contact id", "A-1"]
    assert client.post(url(made), {"what": ":0000"}).status_code == 409
    assert client.post(url(made), {"what": "nobody:"}).status_code == 409


def test_an_export_is_an_event_that_names_the_person_and_what_was_taken_and_changes_nothing_else(made: Batch) -> None:
    before = Batch.objects.filter(pk=made.pk).values().get()
    client = client_of("Reviewer")
    client.get(url(made))
    assert not Event.objects.filter(word="exported").exists()
    rows(client.post(url(made), {"what": "rejected:"}))
    event = Event.objects.get(word="exported")
    assert (event.user and event.user.username, event.data, event.revision) == ("reviewer.lyon", {"tab": "rejected"}, 0)
    assert Batch.objects.filter(pk=made.pk).values().get() == before
    assert "Decisions downloaded: those who do not get it" in text_of(client.get(page_url(made)))


@pytest.mark.parametrize("role", ["staff", "Viewer"])
def test_who_may_not_see_contacts_gets_no_file(made: Batch, role: str) -> None:
    client = client_of(role)
    assert client.get(url(made)).status_code == 403
    assert client.post(url(made), {"what": ":"}).status_code == 403
    assert f"/admin/batches/{made.pk}/export/" not in text_of(client.get(page_url(made)))
    assert (
        program_of(user_in("Viewer") if role == "staff" else user_in("staff"))
        .post(f"/api/batches/{made.pk}/export/")
        .status_code
        == 403
    )
    assert not Event.objects.filter(word="exported").exists() and not Export.objects.exists()


def test_a_download_is_not_begun_for_who_may_not_see_contacts_whatever_asks_for_it(made: Batch) -> None:
    with pytest.raises(NotDone) as refused:
        export.begin(made, user_in("Viewer"), ExportChoice(""), now=timezone.now())
    assert refused.value.code == "not_allowed" and not Event.objects.filter(word="exported").exists()


def test_batches_of_other_projects_are_not_there() -> None:
    own, other = batch(rejected=1), batch(rejected=1, sendout=sendout("Boutique"))
    user = user_in("Reviewer")
    Reach.objects.create(user=user).projects.add(own.project)
    client = Client()
    client.force_login(user)
    assert client.post(url(own), {"what": ":"}).status_code == 200
    assert client.post(url(other), {"what": ":"}).status_code == 404
    assert program_of(user).post(f"/api/batches/{other.pk}/export/", {}, format="json").status_code == 404


def test_contacts_that_are_no_longer_kept_are_said_to_be_gone(made: Batch) -> None:
    Batch.objects.update(status=Status.EXPIRED, due_at=None, ended_at=timezone.now() - timezone.timedelta(days=400))
    retention.retire(timezone.now())
    client = client_of("Reviewer")
    assert "no longer kept" in text_of(client.get(url(made)))
    assert client.post(url(made), {"what": ":"}).status_code == 409


def a_large_batch(number: int) -> Batch:
    made = batch(Status.FINISHED, decisions=False, total=number, outcome="released", finish_sent_at=timezone.now())
    text = "x" * 200
    for start in range(0, number, 2_000):
        Decision.objects.bulk_create(
            Decision(pk=made.first_decision + row, contact_id=f"A-{row}", verdict=DecisionVerdict.ACCEPTED, text=text)
            for row in range(start, min(start + 2_000, number))
        )
    return made


def parts_of(made: Batch) -> Iterator[bytes]:
    begun = export.begin(
        made, User.objects.get_or_create(username="root", is_superuser=True)[0], ExportChoice(), now=timezone.now()
    )
    return export.parts(begun, ExportChoice(), export.for_programs(), CsvForm())


def test_memory_does_not_grow_with_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", 500)
    peaks = []
    for number in (2_000, 12_000):
        parts = parts_of(a_large_batch(number))
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
    parts = parts_of(a_large_batch(1_000))
    with CaptureQueriesContext(connection) as queries:
        assert len(list(parts)) == 11
    asked = [query["sql"] for query in queries if "sendouts_decision" in query["sql"]]
    assert len(asked) == 10 and not any("OFFSET" in sql or "COUNT" in sql for sql in asked)
    assert not [query for query in queries if query["sql"].startswith(("BEGIN", "DECLARE", "SAVEPOINT"))]


def test_how_far_a_download_is_is_told_to_whoever_began_it_and_to_nobody_else(
    made: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE", 2)
    monkeypatch.setattr(export, "NOTED_SECONDS", 0.0)
    client, other = client_of("Reviewer"), client_of("Manager")
    state = f"{url(made)}{KEY}/"
    assert client.get(state).json()["regions"] == {}
    parts = iter(client.post(url(made), {"what": ":", "key": KEY}).streaming_content)
    next(parts), next(parts)
    told = client.get(state).json()
    assert told["every"] == 1 and "2 of 7 rows looked through, 2 written." in told["regions"]["gate-export"]
    assert other.get(state).json()["regions"] == {}
    list(parts)
    told = client.get(state).json()
    assert told["every"] is None and "The file is complete: 7 contacts." in told["regions"]["gate-export"]


def test_a_download_that_is_left_is_told_as_incomplete(made: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", 2)
    client = client_of("Reviewer")
    user = User.objects.get(username="reviewer.lyon")
    begun = export.begin(made, user, ExportChoice(), key=UUID(KEY), now=timezone.now())
    parts = export.parts(begun, ExportChoice(), export.for_programs(), CsvForm())
    next(parts)
    parts.close()
    assert Export.objects.get(pk=KEY).broken
    assert "The file is not complete" in client.get(f"{url(made)}{KEY}/").json()["regions"]["gate-export"]


def test_a_key_that_was_used_does_not_stand_for_a_second_download(made: Batch) -> None:
    client = client_of("Reviewer")
    for _ in range(2):
        assert len(rows(client.post(url(made), {"what": ":", "key": KEY}))) == 8
    assert Export.objects.count() == 2


def test_how_far_downloads_were_is_forgotten_after_a_day(made: Batch) -> None:
    user = User.objects.create_user("anna")
    now = timezone.now()
    for hours in (1, 30):
        Export.objects.create(
            key=uuid4(), batch=made, user=user, total=1, started_at=now - timezone.timedelta(hours=hours)
        )
    retire()
    assert [now - each.started_at for each in Export.objects.all()] == [timezone.timedelta(hours=1)]


def test_programs_get_codes_and_rows_from_0_without_kept_fields(made: Batch) -> None:
    Decision.objects.filter(unread=False).update(kept={"properties.city": "Lyon"})
    client = program_of(user_in("Reviewer"))
    answer = client.post(f"/api/batches/{made.pk}/export/", {"only": "rejected", "reason": "rule"}, format="json")
    body = b"".join(answer.streaming_content).decode()
    assert body.splitlines() == [
        "row,contact_id,verdict,unread,reason,text,action,decided_by,evidence_at,answer,answer_status",
        "0,A-0,rejected,false,rule,No consent,consent-check,,,none,0",
        "1,A-1,rejected,false,rule,No consent,consent-check,,,none,0",
    ]
    assert client.post(f"/api/batches/{made.pk}/export/", {"only": "everybody"}, format="json").status_code == 400
    assert client.post(f"/api/batches/{made.pk}/export/", {"oly": "rejected"}, format="json").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_on_the_servers_own_way_it_is_streamed_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", 3)
    made = batch(accepted=7)
    root = User.objects.create_superuser("root")
    client = AsyncClient()
    client.force_login(root)

    async def ask() -> list[bytes]:
        answer = await client.post(url(made), {"what": ":", "key": KEY})
        return [part async for part in answer.streaming_content]

    parts = asyncio.run(ask())
    assert len(parts) == 4 and b"".join(parts).decode().count("\r\n") == 8
    assert Export.objects.get(pk=KEY).written == 7


@pytest.mark.django_db(transaction=True)
def test_a_reader_who_leaves_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", 1)
    made = batch(accepted=5)
    client = AsyncClient()
    client.force_login(User.objects.create_superuser("root"))

    async def ask() -> None:
        answer = await client.post(url(made), {"what": ":", "key": KEY})
        parts = aiter(answer.streaming_content)
        await anext(parts)
        await anext(parts)
        await parts.aclose()

    asyncio.run(ask())
    left = Export.objects.get(pk=KEY)
    assert left.broken and left.written < 5


def test_an_event_says_nothing_of_who_the_contacts_are(made: Batch) -> None:
    rows(client_of("Reviewer").post(url(made), {"what": ":"}))
    assert "A-0" not in json.dumps(Event.objects.get(word="exported").data)
