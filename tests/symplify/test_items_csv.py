"""CSV as spreadsheets and exports write it, good and bad."""

import pytest

from tests.symplify.reading import read

HEAD = "contactId;note;cancelUri\n"


TABLES = {
    "quotes may hold delimiters, quotes and line feeds": (
        HEAD + 'A;"a;""b""\nc\r\nd";https://x.example/1\r\nB;x;https://x.example/2\n',
        [("A", {"note": 'a;"b"\nc\r\nd'}, "https://x.example/1", ""), ("B", {"note": "x"}, "https://x.example/2", "")],
    ),
    "without a column for the URI, no row is read": ("contactId;note\nA;a\n", [("A", {"note": "a"}, "", "no_uri")]),
    "without a column for the id, every row can be rejected": (
        "note;cancelUri\na;https://x.example/1\n",
        [("", {"note": "a"}, "https://x.example/1", "no_id")],
    ),
    "the delimiter is the one that gives the columns": (
        '"name, first";contactId;cancelUri\nx;A;https://x.example/1,2\n',
        [("A", {"name, first": "x"}, "https://x.example/1,2", "")],
    ),
    "column names are trimmed, and their case is ignored": (
        " ContactID ; Note ;CANCELURI\nA;x;https://x.example/1\n",
        [("A", {"Note": "x"}, "https://x.example/1", "")],
    ),
    "values stay text": (
        "id,age,cancelUri\n007,41,https://x.example/1\n",
        [("007", {"age": "41"}, "https://x.example/1", "")],
    ),
    "each line is in UTF-8 or in Windows-1252": (
        HEAD.encode() + "A;Orléans €;u\n".encode() + "B;Orléans €;u\n".encode("cp1252"),
        [("A", {"note": "Orléans €"}, "u", ""), ("B", {"note": "Orléans €"}, "u", "")],
    ),
}


@pytest.mark.parametrize(("table", "expected"), TABLES.values(), ids=TABLES)
def test_a_table_is_read_row_by_row(table, expected):
    rows, reader = read_csv(table)
    assert [(row.contact_id, row.fields, row.uri, row.problem) for row in rows] == expected
    assert reader.complete


def read_csv(text):
    return read(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("line", "uri"),
    [
        ("B;https://example.com/2", ""),
        ("B;x;https://example.com/2;more", "https://example.com/2"),
        ("B;x;more;https://example.com/2", ""),
        ('B;"never closed;https://example.com/2', ""),
        ('"never closed', ""),
        ('B;"closed"early;https://example.com/2', "https://example.com/2"),
        ("B;x\ry;https://example.com/2", ""),
        ("B", ""),
        ("  ", ""),
    ],
)
def test_a_line_whose_columns_do_not_add_up_costs_itself_only(line, uri):
    rows, reader = read_csv(
        HEAD + f"A;a;https://example.com/1\n\n{line}\nC;c;https://example.com/3\nD;d;https://example.com/4\n"
    )
    assert [row.contact_id for row in rows] == ["A", "", "C", "D"]
    assert (rows[1].problem, rows[1].uri, rows[1].place) == ("bad_columns", uri, 4)
    assert (reader.complete, reader.unread, reader.first_problem) == (True, 1, ("bad_columns", 4))


@pytest.mark.parametrize(
    "header",
    ["contactId;note;cancelUri", "contactId;cancelUri;note", "cancelUri;contactId;note", "note;cancelUri;contactId"],
)
def test_two_stray_quotes_never_swallow_the_contacts_between_them(header):
    names = header.split(";")
    lines = []
    for number in range(6):
        cell = {"contactId": f"A{number}", "cancelUri": f"https://example.com/{number}", "note": "n"}
        cell["note"] = {1: '"open', 4: 'close"'}.get(number, "n")
        lines.append(";".join(cell[name] for name in names))
    rows, reader = read_csv(header + "\n" + "\n".join(lines) + "\n")
    assert len(rows) == 6
    assert {row.contact_id for row in rows} >= {"A0", "A2", "A3", "A5"}
    assert reader.unread >= 1


def test_a_quote_that_is_never_closed_costs_its_line_even_in_a_long_file():
    lines = "".join(f"A{number};n;https://example.com/{number}\n" for number in range(20_000))
    rows, reader = read_csv(HEAD + 'X;"open;https://example.com/x\n' + lines)
    assert (len(rows), reader.unread, reader.first_problem, reader.complete) == (20_001, 1, ("bad_columns", 2), True)


def test_a_byte_that_means_nothing_in_either_encoding_is_a_bad_row_that_keeps_its_uri():
    for byte in (b"\x81", b"\x8d", b"\0"):
        rows, reader = read_csv(HEAD.encode() + b"A;x" + byte + b";https://example.com/1\nB;b;https://example.com/2\n")
        assert [(row.problem, row.uri) for row in rows] == [
            ("bad_text", "https://example.com/1"),
            ("", "https://example.com/2"),
        ]
        assert reader.first_problem == ("bad_text", 2)
