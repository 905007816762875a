"""CSV as spreadsheets and exports write it, good and bad."""

import pytest

from tests.symplify.reading import read

HEAD = "contactId;note;cancelUri\n"


def read_csv(text):
    return read(text if isinstance(text, bytes) else text.encode())


def told(rows):
    return [(row.contact_id, row.fields.get("note"), row.uri, row.problem) for row in rows]


def test_quotes_may_hold_delimiters_quotes_and_line_feeds():
    rows, reader = read_csv(HEAD + 'A;"a;""b""\nc\r\nd";https://example.com/1\r\nB;x;https://example.com/2\n')
    assert told(rows) == [
        ("A", 'a;"b"\nc\r\nd', "https://example.com/1", ""),
        ("B", "x", "https://example.com/2", ""),
    ]
    assert reader.complete


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


def test_each_line_is_in_utf8_or_windows_1252_on_its_own():
    data = (
        HEAD.encode()
        + "A;Orléans €;https://example.com/1\n".encode()
        + "B;Orléans €;https://example.com/2\n".encode("cp1252")
    )
    rows, _ = read_csv(data)
    assert [row.fields["note"] for row in rows] == ["Orléans €", "Orléans €"]


def test_a_byte_that_means_nothing_in_either_encoding_is_a_bad_row_that_keeps_its_uri():
    for byte in (b"\x81", b"\x8d", b"\0"):
        rows, reader = read_csv(HEAD.encode() + b"A;x" + byte + b";https://example.com/1\nB;b;https://example.com/2\n")
        assert [(row.problem, row.uri) for row in rows] == [
            ("bad_text", "https://example.com/1"),
            ("", "https://example.com/2"),
        ]
        assert reader.first_problem == ("bad_text", 2)


def test_without_a_column_for_the_uri_no_row_is_read():
    rows, reader = read_csv("contactId;note\nA;a\nB;b\n")
    assert [(row.contact_id, row.problem) for row in rows] == [("A", "no_uri"), ("B", "no_uri")]
    assert (reader.unread, reader.complete) == (2, True)


def test_without_a_column_for_the_id_every_row_can_still_be_rejected():
    rows, _ = read_csv("note;cancelUri\na;https://example.com/1\n")
    assert [(row.problem, row.uri) for row in rows] == [("no_id", "https://example.com/1")]


def test_the_delimiter_is_the_one_that_gives_the_columns():
    rows, _ = read_csv('"name, first";contactId;cancelUri\nx;A;https://example.com/1,2\n')
    assert [(row.contact_id, row.uri, row.fields) for row in rows] == [
        ("A", "https://example.com/1,2", {"name, first": "x"})
    ]


def test_column_names_are_trimmed_and_their_case_is_ignored():
    rows, _ = read_csv(" ContactID ; Note ;CANCELURI\nA;x;https://example.com/1\n")
    assert [(row.contact_id, row.fields) for row in rows] == [("A", {"Note": "x"})]


def test_values_stay_text():
    rows, _ = read_csv("id,age,cancelUri\n007,41,https://example.com/1\n")
    assert (rows[0].contact_id, rows[0].fields) == ("007", {"age": "41"})
