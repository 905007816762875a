"""The figures of the charts as files that a spreadsheet opens: in the reader's language, and harmless."""

import csv
from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from sendouts.inquiries import csv as inquiry_csv
from tests.desk.home.desk_cases import ended, timed_out
from tests.factories import client_of, plain_english, sendout


@pytest.fixture
def english(settings: Any) -> None:
    plain_english(settings)
    cache.clear()


@pytest.mark.parametrize("text", ["=1+1", "+33 1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_text_that_a_program_would_run_begins_with_an_apostrophe(text: str) -> None:
    assert inquiry_csv.harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Offer", "a=b", "", 12, -12, 0.5, None])
def test_other_texts_and_numbers_stay_as_they_are(value: Any) -> None:
    assert inquiry_csv.harmless(value) is value


def test_a_file_is_marked_once_and_has_semicolons_and_quotes_where_they_are_needed() -> None:
    text = "".join(inquiry_csv.lines([("Raison", "n"), ('=2;"x"', 3), ("é", -1)]))
    assert text == '\ufeffRaison;n\r\n"\'=2;""x""";3\r\né;-1\r\n'


def rows(content: bytes) -> list[list[str]]:
    text = content.decode("utf-8-sig")
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(StringIO(text, newline=""), delimiter=";"))


@pytest.mark.django_db
def test_the_charts_are_files(english: None) -> None:
    now = timezone.now()
    ended(
        now,
        accepted=90,
        rejected=10,
        reasons=[[2, "rule", "=HYPERLINK(1)", "c", 7], [2, "rule", "No consent", "c", 3]],
        where=sendout("@Shop"),
    )
    timed_out(now, total=5, where=sendout("@Shop"))
    client = client_of("Viewer")
    answer = client.get("/admin/desk/ways.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="contacts-by-way-')
    head, *days = rows(answer.content)
    assert head == ["Day", "Accepted", "Rejected", "Timed out", "Batches without a count"]
    assert len(days) == 7
    assert days[-1] == [timezone.localdate().isoformat(), "90", "10", "5", "0"]
    assert rows(client.get("/admin/desk/reasons.csv").content)[1:] == [
        ["'=HYPERLINK(1)", "7", "0"],
        ["No consent", "3", "0"],
    ]
    assert rows(client.get("/admin/desk/spacing.csv").content)[1:] == [["'@Shop", "1", "300", "300", "7"]]


@pytest.mark.django_db
def test_the_files_speak_the_readers_language(english: None, settings: Any) -> None:
    client = client_of("Viewer")
    client.cookies["django_language"] = "fr"
    answer = client.get("/admin/desk/ways.csv")
    assert rows(answer.content)[0][:4] == ["Jour", "Acceptés", "Rejetés", "Délai dépassé"]
    assert "contacts-par-voie" in answer["Content-Disposition"]
