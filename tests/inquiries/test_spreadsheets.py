"""Files that a spreadsheet opens: in the reader's language, and harmless."""

import csv
from io import StringIO
from itertools import product
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from sendouts.inquiries.csv import CsvForm, harmless, lines, write
from tests.desk.home.desk_cases import ended, timed_out
from tests.factories import client_of, plain_english, sendout


def test_a_text_that_a_program_would_run_begins_with_an_apostrophe() -> None:
    begins = ["=", "+", "-", "@", "|", "%", "\t", "\r", "\n", "＝", "＋", "－", "＠"]
    for before, begin in product(["", " ", "\u00a0", "\u200b", "\ufeff", "\u3000"], begins):
        text = f"{before}{begin}cmd|' /C calc'!A0"
        assert harmless(text) == "'" + text
        (line,) = csv.reader(StringIO(write([["A-1", text]], CsvForm()), newline=""))
        assert line == ["A-1", "'" + text]


@pytest.mark.parametrize("value", ["A-17", "", "a=b", "Élodie", "1,5", '"', "x\ny", "3-4", 12, -12, 0.5, None])
def test_other_texts_and_numbers_stay_as_they_are(value: Any) -> None:
    assert harmless(value) is value
    (line,) = csv.reader(StringIO(write([[value, "end"]], CsvForm(";")), newline=""), delimiter=";")
    assert line == ["" if value is None else str(value), "end"]


def test_a_file_is_marked_once_and_has_semicolons_and_quotes_where_they_are_needed() -> None:
    text = "".join(lines([("Raison", "n"), ('=2;"x"', 3), ("é", -1)]))
    assert text == '\ufeffRaison;n\r\n"\'=2;""x""";3\r\né;-1\r\n'


def rows(content: bytes) -> list[list[str]]:
    text = content.decode("utf-8-sig")
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(StringIO(text, newline=""), delimiter=";"))


@pytest.mark.django_db
def test_the_charts_are_files_that_speak_the_readers_language(settings: Any) -> None:
    plain_english(settings)
    cache.clear()
    now, shop = timezone.now(), sendout("@Shop")
    reasons = [[2, "rule", "=HYPERLINK(1)", "c", 7], [2, "rule", "No consent", "c", 3]]
    ended(now, accepted=90, rejected=10, reasons=reasons, where=shop)
    timed_out(now, total=5, where=shop)
    client = client_of("Viewer")
    answer = client.get("/admin/desk/ways.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="contacts-by-way-')
    head, *days = rows(answer.content)
    assert head == ["Day", "Accepted", "Rejected", "Timed out", "Batches without a count"]
    assert len(days) == 7 and days[-1] == [timezone.localdate().isoformat(), "90", "10", "5", "0"]
    reasons = rows(client.get("/admin/desk/reasons.csv").content)
    assert reasons[1:] == [["'=HYPERLINK(1)", "7", "0"], ["No consent", "3", "0"]]
    assert rows(client.get("/admin/desk/spacing.csv").content)[1:] == [["'@Shop", "1", "300", "300", "7"]]
    client.cookies["django_language"] = "fr"
    answer = client.get("/admin/desk/ways.csv")
    assert rows(answer.content)[0][:4] == ["Jour", "Acceptés", "Rejetés", "Délai dépassé"]
    assert "contacts-par-voie" in answer["Content-Disposition"]
