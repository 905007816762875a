"""Files as spreadsheets write them, in any pieces: what can be read goes on the list, and the rest is named by its line."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from actions.models import SuppressionEntry, SuppressionList, SuppressionPiece, SuppressionUpload
from actions.suppression import csvfile, receive, upload_work
from actions.suppression.csvfile import BadLine, Layout, NotReadable
from actions.suppression.receive import OutOfStep
from actions.suppression.values import Spelling
from desk.setup.suppression import states
from tests.lanes import work_on


def lay_out(first: str, holds: str = "email", chosen: str = "") -> Layout:
    return csvfile.layout_of(first.encode(), Spelling(holds), chosen)


LAYOUTS = [
    ("a@example.com", Layout(",", columns=1)),
    ("a@example.com;Complaint, by phone;2027-01-31", Layout(";", columns=3)),
    ("Dupont;a@example.com;x", Layout(";", 1, columns=3)),
    ("email", Layout(",", header=True, columns=1)),
    ("\ufeffE-Mail;Motif", Layout(";", 0, 1, header=True, columns=2)),
    ("Nom;Adresse\u200b e-mail;T\u00e9l\u00e9phone", Layout(";", 1, header=True, columns=3)),
    ('"expires"\t"reason"\t"value"', Layout("\t", 2, 1, 0, header=True, columns=3)),
    ("contact_id,email", Layout(",", 1, header=True, columns=2)),
    ("sha256", Layout(",", header=True, columns=1)),
    ("Address;Reason", Layout(";", 0, 1, header=True, columns=2)),
]


@pytest.mark.parametrize(("first", "layout"), LAYOUTS)
def test_the_first_line_tells_which_column_is_what(first: str, layout: Layout) -> None:
    assert lay_out(first) == layout


IDS = [
    ("A-17", "", Layout(",", columns=1)),
    ("Nom;Identifiant", "", Layout(";", 1, header=True, columns=2)),
    ("id;contactId;Kundennummer", "", Layout(";", 1, header=True, columns=3)),
    ("Nom;Num\u00e9ro;R\u00e9f", "num\u00e9ro", Layout(";", 1, header=True, columns=3)),
    ("Dupont;A-17", "2", Layout(";", 1, columns=2)),
    ("Mitglied", "mitglied", Layout(",", header=True, columns=1)),
    ("SUMMER", "1", Layout(",", columns=1)),
]


@pytest.mark.parametrize(("first", "chosen", "layout"), IDS)
def test_a_column_of_ids_has_a_known_heading_or_is_chosen(first: str, chosen: str, layout: Layout) -> None:
    assert lay_out(first, "contact_id", chosen) == layout


UNCLEAR = [
    ("Address;Why", "email", "", "\u201cAddress\u201d, \u201cWhy\u201d"),
    ("a@example.com;b@example.com", "email", "", "1, 2"),
    ("email;E-Mail", "email", "", "\u201cemail\u201d, \u201cE-Mail\u201d"),
    ("mobile;phone", "phone", "", "\u201cmobile\u201d, \u201cphone\u201d"),
    ("Nom;Pr\u00e9nom", "contact_id", "", "\u201cNom\u201d, \u201cPr\u00e9nom\u201d"),
    ("A-17;A-18", "contact_id", "", "1, 2"),
    ("Nom;Motif", "contact_id", "", "\u201cNom\u201d, \u201cMotif\u201d"),
    ("Mitglied", "contact_id", "", "\u201cMitglied\u201d"),
    ("Nom;Num\u00e9ro", "contact_id", "id", "\u201cNom\u201d, \u201cNum\u00e9ro\u201d"),
    ("Nom;Num\u00e9ro", "contact_id", "3", "\u201cNom\u201d, \u201cNum\u00e9ro\u201d"),
]


@pytest.mark.parametrize(("first", "holds", "chosen", "columns"), UNCLEAR)
def test_a_column_is_never_guessed(first: str, holds: str, chosen: str, columns: str) -> None:
    with pytest.raises(NotReadable) as caught:
        lay_out(first, holds, chosen)
    assert (caught.value.code, caught.value.columns) == ("choose_column", columns)


REFUSED = [
    (b"phone;reason", "other_column"),
    (b"PK\x03\x04\x14\x00\x06\x00", "not_text"),
    ("email\n".encode("utf-16"), "not_text"),
]


@pytest.mark.parametrize(("first", "code"), REFUSED)
def test_what_is_no_text_or_has_only_columns_of_another_kind_is_refused_whole(first: bytes, code: str) -> None:
    with pytest.raises(NotReadable) as caught:
        csvfile.layout_of(first, Spelling("email"))
    assert caught.value.code == code


CELLS = [
    (b"a,b\r\n", ["a", "b"]),
    (b'"a, b","say ""no"""\n', ["a, b", 'say "no"']),
    ("\ufeffé".encode(), ["é"]),
    ("é,€".encode("cp1252"), ["é", "€"]),
]


@pytest.mark.parametrize(("line", "cells"), CELLS)
def test_a_line_is_read_in_either_encoding(line: bytes, cells: list[str]) -> None:
    assert csvfile.cells(line, ",") == cells


@pytest.mark.parametrize(("line", "code"), [(b'"a,b\n', "quotes"), (b"\x81\n", "text"), (b"a\x00b\n", "text")])
def test_a_bad_line_says_what_is_wrong(line: bytes, code: str) -> None:
    with pytest.raises(BadLine) as caught:
        csvfile.cells(line, ",")
    assert caught.value.code == code


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\r", b""])), st.integers(1, 5))
def test_lines_are_the_same_in_whatever_pieces_they_come(parts: list[bytes], size: int) -> None:
    whole = b"".join(parts)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert list(csvfile.lines(pieces)) == whole.splitlines(keepends=True)


def test_a_line_that_never_ends_is_given_up_before_it_fills_the_memory() -> None:
    def endless() -> Any:
        for _ in range(1_000):
            yield b"x" * 10_000

    with pytest.raises(NotReadable):
        list(csvfile.lines(endless()))


pytestmark = pytest.mark.django_db


def test_stored_entries_lose_what_hid_them_and_the_longer_of_two_stays() -> None:
    migration = import_module("actions.migrations.0004_visible_entries")
    found, hashed, now = make(), make(hashed=True), timezone.now()
    rows = [
        *((found, "\u200bperson1@example.com", None), (found, "person1@example.com", now + timedelta(days=1))),
        *(
            (found, "person2@example.com\u200b", None),
            (found, "m\u00fcller@example.com", None),
            (hashed, "\u200bx", None),
        ),
    ]
    for of, value, end in rows:
        SuppressionEntry.objects.create(suppression_list=of, value=value, expires_at=end, added_at=now)
    SuppressionList.objects.filter(pk=found.pk).update(entries=4)
    migration._clean(apps, None)
    values = ["m\u00fcller@example.com", "person1@example.com", "person2@example.com"]
    assert stored(found) == dict.fromkeys(values, ("", None)) and list(stored(hashed)) == ["\u200bx"]
    found.refresh_from_db()
    assert found.entries == 3


def make(holds: str = "email", **columns: Any) -> SuppressionList:
    return SuppressionList.objects.create(name=f"L{SuppressionList.objects.count()}", holds=holds, **columns)


def send(found: SuppressionList, content: bytes, piece: int = 7, **said: Any) -> SuppressionUpload:
    someone, _ = User.objects.get_or_create(username="somebody")
    begun = receive.begin(found, by=someone.pk, file_name="list.csv", size=len(content), **said)
    return receive.take(begun, (content[start : start + piece] for start in range(0, len(content), piece)))


def read(upload: SuppressionUpload, rows: int = 2) -> SuppressionUpload:
    for part in upload_work.parts(upload, rows):
        upload_work.store(upload, part, timezone.now())
    upload.refresh_from_db()
    return upload


def stored(found: SuppressionList) -> dict[str, tuple[str, Any]]:
    rows = SuppressionEntry.objects.filter(suppression_list=found).values_list("value", "reason", "expires_at")
    return {value: (reason, end and timezone.localtime(end).date().isoformat()) for value, reason, end in rows}


FILE = """E-mail;Motif;Expires
Anna@example.com;"Plainte; par téléphone";
bert@example.com;;2027-01-31

not an address;x;
carl@example.com;;31/01/2027
ANNA@example.com;again;
dora@example.com
"lost@example.com;;
"""


def test_a_whole_file_is_read_and_every_line_accounted_for() -> None:
    found = make()
    upload = read(send(found, FILE.encode("cp1252")))
    assert stored(found) == {
        "anna@example.com": ("Plainte; par téléphone", None),
        "bert@example.com": ("", "2027-02-01"),
        "dora@example.com": ("", None),
    }
    assert (upload.rows, upload.added, upload.extended, upload.there, upload.unreadable) == (7, 3, 0, 1, 3)
    assert upload.first_unreadable == [[5, "email"], [6, "date"], [9, "quotes"]]
    assert (upload.read, upload.lines) == (upload.size, 9)


def test_what_is_said_of_the_file_holds_for_lines_that_say_nothing() -> None:
    found, end = make(), timezone.now() + timedelta(days=9)
    content = b"value,reason,expires\na@example.com,Own,2027-01-31\nb@example.com,,\n"
    read(send(found, content, reason="Of all", expires_at=end))
    assert stored(found) == {
        "a@example.com": ("Own", "2027-02-01"),
        "b@example.com": ("Of all", timezone.localtime(end).date().isoformat()),
    }


def test_of_two_lines_with_one_value_the_longer_counts_also_across_parts() -> None:
    found = make()
    lines = [
        "value,expires",
        "a@x.fr,2027-01-01",
        "a@x.fr,2027-03-01",
        "a@x.fr,2027-02-01",
        "b@x.fr,2027-01-01",
        "b@x.fr,",
    ]
    upload = read(send(found, "\n".join(lines).encode()), rows=3)
    assert stored(found) == {"a@x.fr": ("", "2027-03-02"), "b@x.fr": ("", None)}
    assert (upload.rows, upload.added, upload.there) == (5, 2, 3)


# The kind of list, the lines of a file, what is stored, and which lines are not.
MANGLED = [
    (
        "contact_id",
        "contact_id|1,23457E+16|9,87654E+15|A-1",
        ["A-1"],
        {2: "spreadsheet.rounded", 3: "spreadsheet.rounded"},
    ),
    ("contact_id", "contact_id,reason|1,23457E+16|A-1,x", ["A-1"], {2: "spreadsheet.rounded"}),
    (
        "contact_id",
        "id;motif|1,2E+16;x|########;x|#N/A;x",
        [],
        {2: "spreadsheet.rounded", 3: "spreadsheet.narrow", 4: "spreadsheet.error"},
    ),
    (
        "contact_id",
        'id|="A1"|31/01/2026|\'0012',
        [],
        {2: "spreadsheet.formula", 3: "spreadsheet.date", 4: "spreadsheet.apostrophe"},
    ),
    ("contact_id", "A-1|A-2|A-3;A-4|A-5\tx", ["A-1", "A-2"], {3: "columns", 4: "columns"}),
    ("email", "email|*@example.com|a@example.com", ["a@example.com"], {2: "wildcard"}),
    ("email", "email|b@example.com,Anna|a@example.com,", ["a@example.com"], {2: "columns"}),
    (
        "phone",
        "mobile|3,36123E+10|01/02/2026|+33612345678",
        ["+33612345678"],
        {2: "spreadsheet.rounded", 3: "spreadsheet.date"},
    ),
]


@pytest.mark.parametrize(("holds", "lines", "there", "left_out"), MANGLED)
def test_a_line_that_a_spreadsheet_changed_is_named_and_not_stored(
    holds: str, lines: str, there: list[str], left_out: dict[int, str]
) -> None:
    found = make(holds)
    upload = read(send(found, lines.replace("|", "\n").encode()))
    assert dict(upload.first_unreadable) == left_out
    assert sorted(stored(found)) == there


def test_an_address_with_a_separator_is_no_entry() -> None:
    upload = read(send(make(), b"a@example.com|x\nb@example.com\n"))
    assert (upload.first_unreadable, upload.added) == ([[1, "separator"]], 1)


def test_a_file_whose_column_is_unclear_says_which_there_are_and_is_read_once_it_is_chosen() -> None:
    found = make("contact_id")
    content = "Nom;Num\u00e9ro\nDupont;A-17\n".encode()
    upload = send(found, content)
    work_on("uploads", [upload.pk])
    upload.refresh_from_db()
    assert (upload.status, upload.error, upload.columns) == (
        "failed",
        "choose_column",
        "\u201cNom\u201d, \u201cNum\u00e9ro\u201d",
    )
    assert "\u00ab\u00a0Nom\u00a0\u00bb, \u00ab\u00a0Num\u00e9ro\u00a0\u00bb" in states.sentence(upload)
    read(send(found, content, column="Num\u00e9ro"))
    assert list(stored(found)) == ["A-17"]


@pytest.mark.parametrize("stop", range(1, 6))
def test_reading_goes_on_where_it_stopped(stop: int) -> None:
    found = make("contact_id")
    upload = send(found, b"value\r\nA-1\r\nA-2\r\n\r\nA-3\r\nA-4\r\nA-5", piece=4)
    for number, part in enumerate(upload_work.parts(upload, 1), 1):
        upload_work.store(upload, part, timezone.now())
        if number == stop:
            break
    assert not SuppressionPiece.objects.filter(upload=upload, end__lte=SuppressionUpload.objects.get().read).exists()
    upload = read(SuppressionUpload.objects.get())
    assert (sorted(stored(found)), upload.rows, upload.added) == ([f"A-{n}" for n in range(1, 6)], 5, 5)
    assert not SuppressionPiece.objects.exists()


def test_only_the_first_unreadable_lines_are_named() -> None:
    upload = read(send(make(), b"nobody\n" * 50), rows=7)
    assert upload.unreadable == 50
    assert [number for number, _ in upload.first_unreadable] == list(range(1, 21))


def test_a_piece_that_comes_again_changes_nothing_and_a_gap_is_refused() -> None:
    someone = User.objects.create_user("somebody")
    begun = receive.begin(make(), by=someone.pk, file_name="list.csv", size=6)
    for start, content in ((0, b"abc"), (0, b"abc")):
        assert receive.append(begun.pk, start, content).received == 3
    for start, content in ((4, b"ef"), (2, b"cd"), (3, b"defg")):
        with pytest.raises(OutOfStep):
            receive.append(begun.pk, start, content)
    assert receive.append(begun.pk, 3, b"def").status == "received"
    assert receive.append(begun.pk, 3, b"def").status == "received"
    assert [bytes(each.content) for each in SuppressionPiece.objects.order_by("start")] == [b"abc", b"def"]
