"""Every shape of contact file that is promised is recognised by its first bytes and read."""

import gzip
import json

import pytest

from sendouts.symplify.items import ItemReader, canonical
from tests.symplify.reading import good_ids, read

PEOPLE = [
    {
        "contactId": f"A-{n}",
        "email": "a@example.com",
        "properties": {"city": city},
        "cancelUri": f"https://example.com/{n}",
    }
    for n, city in ((1, "Orléans"), (2, "Nîmes"))
]
JSON = json.dumps(PEOPLE, ensure_ascii=False).encode()
NDJSON = "\n".join(json.dumps(one) for one in PEOPLE).encode() + b"\n"
CSV = "contactId;city;cancelUri\nA-1;Orléans;https://example.com/1\nA-2;Nîmes;https://example.com/2\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("json", JSON),
        ("json", b"\xef\xbb\xbf" + JSON),
        ("json", b"\r\n  " + json.dumps(PEOPLE, indent=4).encode() + b"\n\n"),
        ("json_object", json.dumps({"contacts": PEOPLE}).encode()),
        (
            "json_object",
            json.dumps({"n": {"a": [{"id": 1}]}, "tags": ["x"], "none": [], "rows": PEOPLE, "z": [1]}).encode(),
        ),
        ("json_object", json.dumps({"id": "export-7", "rows": PEOPLE}).encode() + b"\n"),
        ("json_object", json.dumps({"page": 1, "rows": PEOPLE}, indent=1).encode()),
        ("json_object", b'{"rows":[' + b",\n".join(json.dumps(one).encode() for one in PEOPLE) + b"\n]}"),
        ("json_object", b'{"meta":\n{"a":1},\n"rows":' + JSON + b"}"),
        ("ndjson", NDJSON),
        ("ndjson", NDJSON.replace(b"\n", b"\r\n\r\n")),
        ("ndjson", NDJSON.rstrip()),
        ("csv", CSV.encode()),
        ("csv", CSV.encode("utf-8-sig")),
        ("csv", CSV.encode("cp1252")),
        ("csv", CSV.replace(";", ",").encode()),
        ("csv", CSV.replace(";", "\t").encode()),
        ("csv", b"\n\n" + CSV.replace("\n", "\r\n").encode()),
        ("csv", CSV.rstrip().encode()),
    ],
)
@pytest.mark.parametrize("pack", ["plain", "gz", "gz in gz", "members"])
def test_each_format_is_read_plain_and_zipped(name, data, pack):
    if pack == "gz":
        data = gzip.compress(data, mtime=0)
    elif pack == "gz in gz":
        data = gzip.compress(gzip.compress(data), mtime=0)
    elif pack == "members":
        data = gzip.compress(data[:50], mtime=0) + gzip.compress(data[50:], mtime=0) + b"\0" * 300
    rows, reader = read(data, encoding="gzip" if pack != "plain" else "")
    assert good_ids(rows) == ["A-1", "A-2"]
    assert [row.uri for row in rows] == ["https://example.com/1", "https://example.com/2"]
    assert [row.problem for row in rows] == ["", ""]
    cities = [row.fields["properties"]["city"] if "properties" in row.fields else row.fields["city"] for row in rows]
    assert cities == ["Orléans", "Nîmes"]
    assert (reader.format, reader.complete, reader.rows, reader.unread, reader.broken) == (name, True, 2, 0, "")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", ""),
        (b" \n\n", ""),
        (b"[]", "json"),
        (b" [ ] ", "json"),
        (b'{"contacts": []}', "json_object"),
        (b'{"id": 7, "contacts": []}', "json_object"),
        (b"contactId,cancelUri\n", "csv"),
        (b"contactId,cancelUri", "csv"),
    ],
)
def test_a_file_without_contacts_is_complete_and_empty(data, name):
    rows, reader = read(data)
    assert (rows, reader.format, reader.complete, reader.rows) == ([], name, True, 0)


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        (b"[]", True),
        (JSON, True),
        (json.dumps({"a": PEOPLE}).encode(), True),
        (NDJSON, False),
        (CSV.encode(), False),
        (gzip.compress(NDJSON, mtime=0), True),
        (gzip.compress(CSV.encode(), mtime=0), True),
        (b"", False),
        (gzip.compress(b"", mtime=0), True),
    ],
)
def test_without_proof_of_the_transport_only_a_bracket_or_a_gzip_trailer_proves_the_end(data, complete):
    _, reader = read(data, proven=False)
    assert reader.complete is complete
    assert reader.broken == ("" if complete else "cut")


@pytest.mark.parametrize("indent", [None, 2])
def test_an_object_that_is_itself_a_contact_is_one_row(indent):
    contact = {"contactId": "A", "cancelUri": "https://example.com/1", "orders": [{"id": 4}], "none": []}
    rows, reader = read(json.dumps(contact, indent=indent).encode())
    assert [(row.contact_id, row.uri, row.fields) for row in rows] == [
        ("A", "https://example.com/1", {"orders": [{"id": 4}], "none": []})
    ]
    assert (reader.format, reader.complete) == ("ndjson" if indent is None else "json_object", True)


def test_a_line_of_ndjson_may_hold_lists_of_objects():
    line = json.dumps({"orders": [{"id": 1}, {"id": 2}], **PEOPLE[0]}).encode()
    rows, reader = read(line + b"\n" + line + b"\n")
    assert (reader.format, good_ids(rows), reader.unread) == ("ndjson", ["A-1", "A-1"], 0)


def test_a_first_line_of_ndjson_that_is_damaged_does_not_cost_the_others():
    for damaged in (b'{"contactId":"A","canc', b'{"contactId":"A",', b'{"contactId":}', b'{"contactId":"A"}}'):
        rows, reader = read(damaged + b"\n" + NDJSON)
        assert (reader.format, good_ids(rows), reader.first_problem) == ("ndjson", ["A-1", "A-2"], ("bad_json", 1))
        assert reader.complete


def test_the_id_and_the_uri_are_found_under_every_name():
    for key in ("contactId", "originalId", "original_id", "contact_id", "id", "CONTACTID", "ContactId", "ID"):
        for uri_key in ("cancelUri", "rejectUri", "cancel_uri", "reject_uri", "CANCELURI"):
            rows, _ = read(json.dumps([{key: "A", "x": 1, uri_key: " https://example.com/1 "}]).encode())
            assert [(row.contact_id, row.uri, row.fields) for row in rows] == [("A", "https://example.com/1", {"x": 1})]


def test_the_first_name_in_the_order_of_the_contract_is_the_id_and_the_others_stay_fields():
    rows, _ = read(
        b'[{"id":"no","original_id":"no","originalId":"yes","cancelUri":"https://example.com/1","rejectUri":"https://example.com/2"}]'
    )
    assert rows[0].contact_id == "yes"
    assert rows[0].uri == "https://example.com/1"
    assert rows[0].fields == {"id": "no", "original_id": "no", "rejectUri": "https://example.com/2"}


def test_a_whole_number_is_an_id_and_nothing_else_that_is_not_text():
    values = [17, 12345678901234567890123, True, 1.5, None, "", "  ", ["A"], {}]
    rows, reader = read(
        json.dumps([{"contactId": one, "cancelUri": "https://example.com/1"} for one in values]).encode()
    )
    assert [row.contact_id for row in rows][:2] == ["17", "12345678901234567890123"]
    assert [row.problem for row in rows] == ["", "", "no_id", "mangled"] + ["no_id"] * 5
    assert all(row.uri == "https://example.com/1" for row in rows)
    assert (reader.unread, reader.first_problem, reader.complete) == (7, ("no_id", 3), True)


def test_chunks_are_of_the_size_asked_for():
    people = [{"contactId": str(number), "cancelUri": "https://example.com/1"} for number in range(20)]
    for size, sizes in ((1, [1] * 20), (7, [7, 7, 6]), (1000, [20])):
        reader = ItemReader([json.dumps(people).encode()], transport_proves_end=lambda: True)
        assert [len(chunk) for chunk in reader.chunks(size)] == sizes


def test_the_same_rows_have_the_same_canonical_bytes_whatever_the_order_of_their_keys():
    one, _ = read(b'[{"contactId":"A","a":1,"b":{"c":1,"d":2},"cancelUri":"https://example.com/1"}]')
    same, _ = read(b'[{"b":{"d":2,"c":1},"cancelUri":"https://example.com/1","a":1,"contactId":"A"}]')
    other, _ = read(b'[{"contactId":"A","a":2,"b":{"c":1,"d":2},"cancelUri":"https://example.com/1"}]')
    assert canonical(one) == canonical(same) != canonical(other)


def test_an_error_of_the_blocks_that_is_not_the_transport_is_raised():
    def blocks():
        yield b"["
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(ItemReader(blocks(), transport_proves_end=lambda: True).chunks(10))
