"""A batch whose contact file failed is saved with a file that a person sends, compares and puts in its place."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from actions.secrets.keys import make_key
from desk.batch import rescue
from desk.batch.offered_file import OfferedFile, offered_file
from sendouts.models import Batch, Decision, DecisionVerdict, Event, Spool
from sendouts.privacy.rotation import reseal
from sendouts.spool import offers, spooled
from sendouts.stages.screening import compare_offer
from sendouts.verbs import ChangeDecisions, GiveUp, RunAgain, UseFile
from sendouts.verbs.base import NotDone
from tests.factories import text_of, user_in
from tests.gate import Gate, carry_out, reviewer
from tests.lanes import advance_batches, download_files
from tests.outbound.site import reply
from tests.stages.sheets import workbook
from tests.stages.test_spool import Files

pytestmark = pytest.mark.django_db
RULE = {"field": "consent", "reject_if": {"equals": "no"}, "if_missing": "hold", "reason": "No consent"}


@pytest.fixture
def files() -> Iterator[Files]:
    made = Files()
    with closing(made.site):
        yield made


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.SPOOL_DIR = tmp_path / "spool"
    return settings.SPOOL_DIR  # type: ignore[no-any-return]


@pytest.fixture
def client(db: None) -> Client:
    made = Client()
    made.force_login(user_in("Reviewer"))
    return made


def arrived(gate: Gate, files: Files, content: bytes) -> Batch:
    """A batch whose contact file is this content."""
    project = gate.project(review="always", consent=False)
    gate.define(project, config=RULE)
    files.rows = content
    gate.store(files.hook())
    gate.work(rounds=4)
    return gate.batch()


def csv(files: Files, *rows: tuple[str, str], head: str = "contactId,cancelUri,consent") -> bytes:
    """A file of contacts with an id and the number in their address."""
    lines = [f"{contact},{files.site.uri(f'/c/{number}')},yes" for contact, number in rows]
    return "\n".join([head, *lines, ""]).encode()


def url(batch: Batch, more: str = "") -> str:
    return f"/admin/sendouts/batch/{batch.pk}/file/{more}"


def send(client: Client, batch: Batch, content: bytes, name: str = "whole.csv", step: int = 400_000) -> Any:
    """Send a file as the script of the page does, have the worker compare it, and return the page."""
    announced = client.post(url(batch), {"size": len(content), "file_name": name}).json()
    for start in range(0, len(content), step):
        piece = SimpleUploadedFile("blob", content[start : start + step])
        assert client.post(announced["piece"], {"start": start, "file": piece}).status_code == 200
    assert client.get(url(batch, "state/")).json()["over"] is False
    download_files([batch.pk])
    assert client.get(url(batch, "state/")).json()["over"] is True
    return client.get(announced["page"])


def figures(batch: Batch) -> tuple[int, ...]:
    said = Spool.objects.get(pk=batch.pk).offered
    return tuple(said.get(name, -1) for name in ("same", "new", "missing", "other"))


def test_a_workbook_with_foreign_columns_saves_a_batch_whose_file_was_none(
    gate: Gate, files: Files, client: Client, folder: Path
) -> None:
    sheet = [["Kundennr", "consent", "Ablehnen"]] + [
        [f"<c><v>{1000 + n}</v></c>", "no" if n < 3 else "yes", files.site.uri(f"/c/{n}")] for n in range(40)
    ]
    came = workbook(sheet)
    batch = arrived(gate, files, came)
    assert (batch.attention, batch.total) == ("no_proven_end", 0)
    assert url(batch) in text_of(client.get(f"/admin/sendouts/batch/{batch.pk}/change/"))
    taken = client.post(url(batch), {"take": "1"})
    assert b"".join(taken.streaming_content) == came
    page = send(client, batch, came, "segment.xlsx", step=700)
    assert "Which column is which?" in text_of(page) and "Kundennr" in text_of(page) and "1039" not in text_of(page)
    # What is proposed stands first.
    offered = page.context["offered"]
    assert (offered.has_come, [each.name for each in offered.columns]) == (True, ["Ablehnen", "Kundennr", "consent"])
    assert client.post(url(batch), {"key": "", "identity": "0", "uri": "0"}).status_code == 409
    key = Spool.objects.get().offered["key"]
    assert client.post(url(batch), {"key": key, "identity": "0", "uri": "2"}).status_code == 302
    download_files([batch.pk])
    assert figures(batch) == (0, 40, 0, 0)
    assert all(b"1005" not in path.read_bytes() and b"Kundennr" not in path.read_bytes() for path in folder.iterdir())
    given = {"revision": batch.revision, "note": "", "key": key}
    assert client.post(f"/admin/sendouts/batch/{batch.pk}/use-file/", given).status_code == 302
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.accepted, batch.rejected) == ("in_review", "", 37, 3)
    assert (
        client.post(f"/admin/sendouts/batch/{batch.pk}/accept/", {"revision": batch.revision, "note": ""}).status_code
        == 302
    )
    gate.work()
    called = {request.path for request in files.site.requests if request.path.startswith("/c/")}
    assert (gate.batch().outcome, called) == ("released", {"/c/0", "/c/1", "/c/2"})
    assert list(folder.iterdir()) == [] and not Spool.objects.exists()
    events = [event.word for event in Event.objects.filter(batch=batch) if event.user is not None]
    assert events[:2] == ["exported", "file_offered"] and "file_used" in events


OBJECTS = {
    "lines": lambda rows: "\n".join(map(json.dumps, rows)),
    "array": json.dumps,
    "inside": lambda rows: json.dumps({"page": {"size": 3}, "export": {"people": rows}, "total": len(rows)}),
}


@pytest.mark.parametrize("form", OBJECTS)
def test_json_with_foreign_names_is_mapped_by_path_and_its_other_fields_stay(
    gate: Gate, files: Files, client: Client, form: str
) -> None:
    batch = arrived(gate, files, b"<html>")
    rows = [
        {"id": "entry-1", "who": {"ref": 7}, "links": [files.site.uri("/c/1")], "consent": "no"},
        {"id": "entry-2", "who": {"ref": "B"}, "links": [files.site.uri("/c/2")], "consent": "yes"},
        {"id": "entry-3", "who": {}, "links": [files.site.uri("/c/3")], "consent": "yes"},
    ]
    page = text_of(send(client, batch, OBJECTS[form](rows).encode(), "people.json"))
    assert '<th scope="col">links.1</th>' in page and "entry-2" not in page and "e•••2" in page
    names = re.findall(r'<option value="(\d)"( selected)?>([^<]+)</option>', page.partition('id="uri"')[2])
    place = {name: int(number) for number, _selected, name in names}
    # The only column of addresses is proposed.
    assert [name for _number, selected, name in names if selected] == ["links.1"]
    given = {"key": Spool.objects.get().offered["key"], "identity": place["who.ref"], "uri": place["links.1"]}
    assert client.post(url(batch), given).status_code == 302
    download_files([batch.pk])
    assert "Rows of your file that cannot be read" in text_of(client.get(url(batch))) and figures(batch)[1] == 2
    carry_out(UseFile(), batch, reviewer())
    gate.work()
    decided = [(row.contact_id, row.verdict) for row in gate.decisions()]
    assert decided[:2] == [("7", DecisionVerdict.REJECTED), ("B", DecisionVerdict.ACCEPTED)] and len(decided) == 3


def test_the_comparison_is_exact_also_where_ids_occur_twice(gate: Gate, files: Files, client: Client) -> None:
    before = [("A", "1"), ("A", "1"), ("A", "2"), ("B", "3"), ("C", "4"), ("D", "5"), ("D", "5")]
    batch = arrived(gate, files, csv(files, *before) + b"broken\n")
    assert batch.attention == "unread_rows"
    after = [("A", "1"), ("A", "2"), ("A", "2"), ("B", "9"), ("D", "5"), ("E", "6"), ("D", "5")]
    page = text_of(send(client, batch, csv(files, *after)))
    # Of A: 1 and 2 are the same, one more has another address. B has another one. C is missing, and E is new.
    assert figures(batch) == (4, 1, 1, 2)
    assert "3 contacts would be lost" in page
    said = Spool.objects.get().offered
    assert said["missing_rows"] == [4] and said["other_rows"][-1] == 3


def test_a_page_that_is_made_while_the_comparison_ends_shows_one_state_of_it(
    gate: Gate, files: Files, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = arrived(gate, files, b"<html>")
    send(client, batch, csv(files, ("A-1", 1)))
    Spool.objects.update(offered={**Spool.objects.get().offered, "state": "checking"}, due_at=timezone.now())

    def looked_at(batch: Batch, row: Spool | None) -> OfferedFile:
        seen = offered_file(batch, row)
        download_files([batch.pk])
        return seen

    monkeypatch.setattr(rescue, "offered_file", looked_at)
    page = text_of(client.get(url(batch)))
    assert Spool.objects.get().offered["state"] == "ready"
    assert "being compared" in page and "use-file" not in page
    page = text_of(client.get(url(batch)))
    assert "being compared" not in page and "use-file" in page


def test_the_lost_contacts_are_named_and_can_be_downloaded_which_is_recorded(
    gate: Gate, files: Files, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [(f"A-{number:03}", str(number)) for number in range(30)]
    batch = arrived(gate, files, csv(files, *before) + b"broken\n")
    after = [(f"A-{number:03}", str(number + 50 * (number == 3))) for number in range(15)]
    page = text_of(send(client, batch, csv(files, *after)))
    assert "16 contacts would be lost" in page and "and 6 more" in page and "Download all 16 as CSV" in page
    assert "A-015" in page and "A-024" in page and "A-025" not in page and "A-014" not in page
    found = client.post(url(batch), {"lost": "1"}).content.decode("utf-8-sig").splitlines()
    assert found[0] == "Contact,Why" and found[1:3] == ["A-015,missing", "A-016,missing"]
    assert found[-1] == "A-003,another address" and len(found) == 17
    history = text_of(client.get(f"/admin/sendouts/batch/{batch.pk}/change/"))
    assert "Contacts downloaded that another file would lose: 16" in history
    monkeypatch.setattr(compare_offer, "LISTED", 5)
    assert "Download the first 6 as CSV" in text_of(send(client, batch, csv(files, *after)))
    client.force_login(user_in("Viewer"))
    assert client.post(url(batch), {"lost": "1"}).status_code == 403


def test_a_host_that_was_allowed_since_changes_no_comparison(gate: Gate, files: Files, client: Client) -> None:
    content = csv(files, ("A", "1"), ("B", "2")) + b"broken\n"
    batch = arrived(gate, files, content)
    Decision.objects.update(uri_mark=None)
    send(client, batch, content)
    assert figures(batch) == (2, 0, 0, 0)


def test_contacts_are_given_up_only_with_a_note_and_the_right_to_take_that_on(
    gate: Gate, files: Files, client: Client
) -> None:
    batch = arrived(gate, files, csv(files, ("A", "1"), ("B", "2")) + b"broken\n")
    send(client, batch, csv(files, ("A", "1")))
    given = {"revision": batch.revision, "note": "", "key": ""}
    verb = f"/admin/sendouts/batch/{batch.pk}/use-file/"
    assert client.post(verb, given | {"note": "known"}).status_code == 403
    client.force_login(user_in("Manager"))
    assert "Go on without 1" in text_of(client.get(verb))
    assert client.post(verb, given).status_code == 200 and gate.batch().status == "in_review"
    assert client.post(verb, given | {"note": "known"}).status_code == 302
    gate.work()
    assert (gate.batch().total, gate.batch().attention) == (1, "")
    event = Event.objects.get(batch=batch, word="file_used")
    assert (event.note, event.data["missing"]) == ("known", 1)


def test_the_verb_itself_asks_for_note_and_right(gate: Gate, files: Files, client: Client) -> None:
    batch = arrived(gate, files, csv(files, ("A", "1"), ("B", "2")) + b"broken\n")
    send(client, batch, csv(files, ("A", "1"), ("B", "3")))
    with pytest.raises(NotDone, match="take this on"):
        carry_out(UseFile(), batch, reviewer())
    with pytest.raises(NotDone, match="Say why"):
        carry_out(UseFile(), batch, user_in("Manager"), note="")
    carry_out(UseFile(), batch, User.objects.get(username="manager.lyon"))


def test_what_people_decided_is_kept(gate: Gate, files: Files, client: Client) -> None:
    batch = arrived(gate, files, csv(files, ("A", "1"), ("B", "2")) + b"broken\n")
    rejects = reviewer("first")
    carry_out(ChangeDecisions([batch.first_decision + 1], DecisionVerdict.REJECTED), batch, rejects)
    send(client, batch, csv(files, ("C", "3"), ("A", "1"), ("B", "2")))
    carry_out(UseFile(), gate.batch(), rejects)
    gate.work()
    assert [(row.contact_id, row.verdict) for row in gate.decisions()] == [("C", 1), ("A", 1), ("B", 2)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xd0\xcf\x11\xe0 an old workbook", "Remove the password and save it as XLSX or CSV"),
        (b"PK\x03\x04 and nothing", "It is no CSV, XLSX or JSON"),
        (b"%PDF-1.7\n", "It is no CSV, XLSX or JSON"),
        (workbook([["id"], ["A"]])[:-30], "It is damaged"),
        (workbook([["id"]], [["id"]]), "Keep one sheet"),
        (b'[{"contactId": "A"', "It is damaged"),
        (b'[{"name": "A"}]', "both as columns"),
        (b"[]", "no contact that can be read"),
        (b'{"total": 3, "a": [{"contactId": "A", "cancelUri": "http://127.0.0.1:9/c"}]}', "more contacts than it"),
    ],
    ids=[
        "old workbook",
        "other archive",
        "PDF",
        "cut workbook",
        "two sheets",
        "cut JSON",
        "JSON of others",
        "nobody",
        "first page",
    ],
)
def test_a_file_of_another_form_is_refused_with_a_way_out_and_nothing_is_changed(
    gate: Gate, files: Files, client: Client, content: bytes, sentence: str
) -> None:
    batch = arrived(gate, files, csv(files, ("A", "1")) + b"broken\n")
    page = text_of(send(client, batch, content))
    assert sentence in page and "Nothing was changed." in page and "Use this file" not in page
    with pytest.raises(NotDone):
        carry_out(UseFile(), batch, reviewer())
    assert gate.batch().revision == batch.revision


def test_numbers_that_a_spreadsheet_has_rounded_are_told_and_unread(gate: Gate, files: Files, client: Client) -> None:
    batch = arrived(gate, files, b"<html>")
    data = [
        ["contactId", "cancelUri"],
        ["<c><v>1234567890123456</v></c>", "http://127.0.0.1:9/c/1"],
        ["A", "http://127.0.0.1:9/c/2"],
    ]
    page = text_of(send(client, batch, workbook(data)))
    assert "1 number has more than 15 digits" in page and "Rows of your file that cannot be read" in page


def test_a_second_file_replaces_the_first_and_who_saw_the_first_does_not_use_the_second(
    gate: Gate, files: Files, client: Client, folder: Path
) -> None:
    batch = arrived(gate, files, csv(files, ("A", "1")) + b"broken\n")
    send(client, batch, csv(files, ("A", "1")))
    seen = Spool.objects.get().offered["key"]
    first = client.post(url(batch), {"size": 9}).json()["piece"]
    send(client, batch, csv(files, ("A", "1"), ("B", "2")))
    assert client.post(first, {"start": 0, "file": SimpleUploadedFile("blob", b"123456789")}).status_code == 409
    with pytest.raises(NotDone, match="Another file was sent meanwhile"):
        carry_out(UseFile(key=seen), batch, reviewer())
    assert len(list(folder.iterdir())) == 2
    carry_out(RunAgain(), batch, User.objects.get(username="reviewer"))
    files.rows = csv(files, ("A", "1"), ("Z", "9")) + b"broken\n"
    spooled.replace(batch.pk, [files.rows], {})
    gate.work()
    with pytest.raises(NotDone, match="were read again since"):
        carry_out(UseFile(), gate.batch(), User.objects.get(username="reviewer"))


def test_an_offer_is_sealed_again_with_the_keys_and_goes_with_its_batch(
    gate: Gate, files: Files, client: Client, folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = arrived(gate, files, csv(files, ("A", "1")) + b"broken\n")
    send(client, batch, csv(files, ("A", "1")))
    (old,) = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = (make_key(), old)
    assert not reseal().shut_batches
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    monkeypatch.setattr(spooled, "ORPHAN_SECONDS", -1.0)
    assert spooled.remove_orphans() == 0 and offers.name_of(Spool.objects.get()) == "whole.csv"
    carry_out(GiveUp(), gate.batch(), reviewer())
    advance_batches([batch.pk])
    assert list(folder.iterdir()) == []


def test_pieces_out_of_step_and_files_without_room_are_refused(
    gate: Gate, files: Files, client: Client, settings: Any
) -> None:
    batch = arrived(gate, files, csv(files, ("A", "1")) + b"broken\n")
    piece = client.post(url(batch), {"size": 9}).json()["piece"]

    def post(start: int, content: bytes) -> int:
        return int(client.post(piece, {"start": start, "file": SimpleUploadedFile("blob", content)}).status_code)

    assert [post(3, b"456"), post(0, b"123"), post(0, b"123"), post(3, b"4567890")] == [409, 200, 200, 409]
    assert post(3, b"x" * (offers.PIECE_BYTES + 1)) == 400
    settings.SPOOL_GB = 0
    assert post(3, b"456789") == 409
    assert "no room" in client.post(url(batch), {"size": 9}).json()["errors"][0]


@pytest.mark.parametrize("gb", [10.0, 0.000_000_1])
def test_a_batch_whose_file_was_never_given_is_saved(
    gate: Gate, files: Files, client: Client, settings: Any, gb: float
) -> None:
    settings.SPOOL_GB = gb
    files.answer = lambda _: reply(403)
    batch = arrived(gate, files, b"")
    assert (batch.status, batch.attention) == ("planned", "no_download")
    assert client.post(url(batch), {"take": "1"}).status_code == 409
    assert ("Nothing of it came." if gb > 1 else "The gateway could not keep it") in text_of(client.get(url(batch)))
    settings.SPOOL_GB = 10.0
    send(client, batch, csv(files, ("A", "1"), ("B", "2")))
    carry_out(UseFile(), gate.batch(), reviewer())
    gate.work()
    assert (gate.batch().status, gate.batch().attention, gate.batch().accepted) == ("in_review", "", 2)


def test_a_batch_without_trouble_takes_no_file(gate: Gate, files: Files, client: Client) -> None:
    batch = arrived(gate, files, csv(files, ("A", "1")))
    assert batch.attention == "" and url(batch) not in text_of(client.get(f"/admin/sendouts/batch/{batch.pk}/change/"))
    assert client.post(url(batch), {"size": 9}).status_code == 409
    assert Spool.objects.get().offered == {}
