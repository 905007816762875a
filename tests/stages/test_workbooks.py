"""An Excel workbook is read as it is shown to be meant: exact, in bounded memory, or refused with a code."""

import pytest

from sendouts.spool import workbook as reader
from sendouts.spool.workbook import NoWorkbook, Workbook
from tests.stages.sheets import workbook


def rows(data: bytes) -> list[list[str]]:
    return list(Workbook(data).rows())


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<c><v>12345</v></c>", "12345"),
        ("<c><v>1.2345E4</v></c>", "12345"),
        ("<c><v>123456789012345</v></c>", "123456789012345"),
        ("<c><v>0.10000000000000001</v></c>", "0.1"),
        ("<c><v>-3</v></c>", "-3"),
        ("<c s='1'><v>45291</v></c>", "2023-12-31"),
        ("<c s='2'><v>45291.5</v></c>", "2023-12-31T12:00:00"),
        ("<c s='3'><v>45291</v></c>", "45291"),
        ("<c t='b'><v>1</v></c>", "true"),
        ("<c t='b'><v>0</v></c>", "false"),
        ("<c t='e'><v>#N/A</v></c>", ""),
        ("<c t='str'><f>A1</f><v>007</v></c>", "007"),
        ("<c t='s'><v>1</v></c>", "Lille"),
        ("<c t='inlineStr'><is><r><t>A-</t></r><r><t>0</t></r><rPh><t>x</t></rPh></is></c>", "A-0"),
    ],
)
def test_a_cell_is_the_text_that_it_stands_for(cell: str, text: str) -> None:
    texts = "<si><t>Paris</t></si><si><r><t>Lil</t></r><r><t>le</t></r><rPh><t>x</t></rPh></si>"
    assert rows(workbook([["id", "value"], ["A-0", cell]], texts=texts))[1] == ["A-0", text]


@pytest.mark.parametrize("number", ["1234567890123456", "1.23456789012345E+17", "9999999999999990"])
def test_a_number_that_the_spreadsheet_has_rounded_is_left_empty_and_counted(number: str) -> None:
    book = Workbook(workbook([["id", "uri"], [f"<c><v>{number}</v></c>", "u"]]))
    assert list(book.rows()) == [["id", "uri"], ["", "u"]] and book.rounded == 1


def test_empty_rows_and_cells_are_passed_over_and_a_row_that_is_too_long_shows_it() -> None:
    cells = '<row r="2"/><row r="3"><c r="C3"><v>3</v></c></row><row r="9"><c r="B9"><v>2</v></c><c r="XFD9"><v>1</v></c></row>'
    head = "<row><c><v>1</v></c><c><v>2</v></c><c><v>3</v></c></row>"
    assert rows(workbook(rows=head + cells)) == [["1", "2", "3"], ["", "", "3"], ["", "2", "", "1"]]
    assert rows(workbook([[]], [["id", "uri"], ["A", "B"]])) == [["id", "uri"], ["A", "B"]]


DOCTYPE = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04 and nothing behind it", "damaged"),
        (workbook([["id"], ["A"]])[:-30], "damaged"),
        (workbook([["id"], ["<c t='s'><v>7</v></c>"]]), "damaged"),
        (workbook([["id"], ["<c><v>many</v></c>"]]), "damaged"),
        (workbook([["id"], ["<c s='1'><v>1E300</v></c>"]]), "damaged"),
        (workbook([["id"], ["<c>"]]), "damaged"),
        (workbook([["id"]], more=DOCTYPE), "damaged"),
        (workbook([["id"]], [["id"]]), "several_sheets"),
        (workbook([[]]), "no_contacts"),
        (workbook(rows='<row><c r="XFD1"><v>1</v></c></row>'), "too_big"),
    ],
    ids=["no zip", "cut", "no text", "no number", "no date", "open", "entities", "two sheets", "empty", "wide"],
)
def test_what_is_no_sound_workbook_is_refused_with_a_code(data: bytes, code: str) -> None:
    with pytest.raises(NoWorkbook, match=code):
        rows(data)


@pytest.mark.parametrize("bound", ["MAX_PLAIN", "MAX_TEXTS", "_RATIO_FROM"])
def test_a_workbook_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    data = workbook([["id"]], texts=f"<si><t>{'x' * 500_000}</t></si>")
    assert rows(data) == [["id"]]
    monkeypatch.setattr(reader, bound, 400_000)
    with pytest.raises(NoWorkbook, match="too_big"):
        rows(data)
