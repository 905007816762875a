"""A broken contact file loses nobody silently: what is good is read, what is not is counted, and the end is not called proven."""

import gzip
import io
import json
import random
import zipfile
import zlib

import pytest

from sendouts.symplify import rows as row_rules
from sendouts.symplify import source
from sendouts.symplify.items import ItemReader
from tests.symplify.reading import bounded, good_ids, read

GOOD = [f'{{"contactId":"A-{number}","cancelUri":"https://example.com/{number}"}}' for number in range(1, 4)]


def array(*elements):
    return ("[" + ",".join(elements) + "]").encode()


def workbook():
    """A spreadsheet of today: an archive with several files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            archive.writestr(zipfile.ZipInfo(name), "<xml/>")
    return packed.getvalue()


NO_FILES = b'<!DOCTYPE html><html> | \n\n<html> | {"error":"not found"} | {"error":"not found"}\n | {"data":{"contacts":[]}}'.split(
    b" | "
)
NO_FILES += (
    b'{} | { | [[ | null | "text" | 17 | Not found | a,b\n1,2\n | \0\0 | PK\x03\x04rest of a zip | {"a":["x"]}'.split(
        b" | "
    )
)
NO_FILES += [b"x" * 3_000_000, b" " * 3_000_000 + b"x", bytes(range(256)) * 4_000]


NAMED = {
    b"<!DOCTYPE html><html>": "is_html",
    b"\n\n<html>": "is_html",
    b'<?xml version="1.0"?><contacts/>': "is_xml",
    b"a,b\n1,2\n": "no_columns",
    b"Not found, sorry": "no_columns",
    b"\0\0": "is_binary",
    b"PAR1\x15\x04": "is_binary",
    bytes(range(256)) * 4_000: "is_binary",
    b"PK\x03\x04rest of a zip": "is_packed",
    b"7z\xbc\xaf\x27\x1c": "is_packed",
    workbook(): "is_xlsx",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "is_xls",
    b"%PDF-1.7\n%": "is_pdf",
    json.dumps(json.dumps([{"contactId": "A", "cancelUri": "https://example.com/1"}])).encode(): "is_json_text",
}
THRICE = gzip.compress(gzip.compress(gzip.compress(array(*GOOD), mtime=0), mtime=0), mtime=0)
NAMED[THRICE] = "is_binary"
NO_FILES += [data for data in NAMED if data not in NO_FILES]


@pytest.mark.parametrize("data", NO_FILES, ids=lambda data: repr(data[:20]))
def test_what_is_no_contact_file_is_never_complete_and_gives_nobody(data):
    rows, reader = read(data)
    assert not reader.complete
    assert good_ids(rows) == []
    assert reader.broken == NAMED.get(data, "cut" if data in (b"{", b"[[") else "not_a_contact_file")


def test_plain_bytes_under_a_gzip_header_are_read_and_another_encoding_is_named():
    rows, reader = read(array(*GOOD), encoding="gzip")
    assert (len(rows), reader.complete) == (3, True)
    assert read(b"", encoding="gzip")[1].broken == "cut"
    rows, reader = read(array(*GOOD), encoding="br")
    assert (rows, reader.complete, reader.broken) == ([], False, "foreign_encoding")


@pytest.mark.parametrize("tail", [b"x", b"]", b",", b"{}", b"[]", b"\0"])
def test_anything_behind_the_end_breaks_the_proof(tail):
    for data in (array(*GOOD), b'{"a":' + array(*GOOD) + b"}"):
        rows, reader = read(data + b"\n" + tail)
        assert (len(rows), reader.complete, reader.broken) == (3, False, "bad_json")
    rows, reader = read(gzip.compress(array(*GOOD)) + b"\0\0" + tail)
    assert (len(rows), reader.complete) == (3, tail == b"\0")


def test_a_connection_that_broke_is_a_cut_even_behind_the_last_bracket():
    for data in (array(*GOOD), "\n".join(GOOD).encode() + b"\n", gzip.compress(array(*GOOD))):
        rows, reader = read(data, torn=True)
        assert (len(rows), reader.complete, reader.broken, reader.first_problem[0]) == (3, False, "cut", "cut")


def test_half_a_line_is_no_row_where_the_end_is_not_proven():
    data = b"contactId,cancelUri\nA,https://example.com/1\nB,https://example.com/22"
    assert [row.uri for row in read(data[:-1], proven=False)[0]] == ["https://example.com/1"]
    assert [row.uri for row in read(data)[0]] == ["https://example.com/1", "https://example.com/22"]
    rows, reader = read(("\n".join(GOOD)).encode()[:-5], proven=False)
    assert (good_ids(rows), reader.unread, reader.first_problem) == (["A-1", "A-2"], 0, ("cut", 3))


def test_a_syntax_error_ends_an_array_and_is_named_by_its_position():
    for bad in [
        r'{"contactId":"x" "cancelUri":1}',
        r'{"contactId":tru}',
        r"{'a':1}",
        r'{"a":nan}',
        r"",
        r"}",
        r"01",
    ]:
        rows, reader = read(array(GOOD[0], GOOD[1], bad, GOOD[2]))
        assert good_ids(rows) == ["A-1", "A-2"], bad
        assert (reader.complete, reader.broken, reader.first_problem) == (False, "bad_json", ("bad_json", 3)), bad
        assert reader.rows == 2


def test_a_text_that_is_never_closed_is_a_syntax_error_and_not_a_cut():
    rows, reader = read(array(GOOD[0], '{"contactId":"A-2}', GOOD[2], GOOD[2]))
    assert good_ids(rows) == ["A-1"]
    assert (reader.broken, reader.first_problem) == ("bad_json", ("bad_json", 2))


@pytest.mark.parametrize(
    "kept", ["[", '[{"a', "[*", "[*,", '[*,{"a":tr', '[*,{"a":"\\u00', '{"a":[', '{"a"', '{"a":1,']
)
def test_json_that_stops_early_is_cut(kept):
    rows, reader = read(kept.replace("*", GOOD[0]).encode())
    assert (reader.complete, reader.broken) == (False, "cut")
    assert good_ids(rows) == (["A-1"] if "*" in kept else [])


@pytest.mark.parametrize(
    ("data", "broken"),
    [
        (b"[" * 100_000 + b"]" * 100_000, ""),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
        (b"{" + b",".join(b'"k%d":[1]' % place for place in range(3_000)) + b"}", "too_big"),
    ],
    ids=["levels of arrays", "levels of objects", "keys"],
)
def test_nesting_and_keys_without_end_are_given_up(monkeypatch, data, broken):
    monkeypatch.setattr(row_rules, "MAX_ROW", 20_000 if broken == "too_big" else row_rules.MAX_ROW)
    rows, reader = read(data)
    assert (good_ids(rows), reader.broken, reader.complete) == ([], broken, not broken)
    assert [row.problem for row in rows] == ([] if broken else ["too_deep"])


@pytest.mark.parametrize(
    ("element", "problem", "uri"),
    [
        ("17", "not_an_object", ""),
        ("null", "not_an_object", ""),
        ('"text"', "not_an_object", ""),
        ("[1,2]", "not_an_object", ""),
        ("{}", "no_uri", ""),
        ('{"contactId":"B"}', "no_uri", ""),
        ('{"contactId":"B","cancelUri":7}', "no_uri", ""),
        ('{"contactId":"B","cancelUri":" "}', "no_uri", ""),
        ('{"cancelUri":"https://example.com/b"}', "no_id", "https://example.com/b"),
        ('{"contactId":"B\\u0000","cancelUri":"https://example.com/b"}', "bad_text", "https://example.com/b"),
        (
            '{"contactId":"B","n":{"x":["\\ud800"]},"cancelUri":"https://example.com/b"}',
            "bad_text",
            "https://example.com/b",
        ),
        ('{"contactId":"B","\\u0000":1,"cancelUri":"https://example.com/b"}', "bad_text", "https://example.com/b"),
        ('{"contactId":"B","cancelUri":"https://example.com/\\udfff"}', "bad_text", ""),
        ('{"contactId":"%s","cancelUri":"https://example.com/b"}' % ("i" * 256), "too_long", "https://example.com/b"),
        ('{"contactId":"B","cancelUri":"https://example.com/%s"}' % ("u" * 8000), "too_long", ""),
        ('{"contactId":"B","cancelUri":"https://example.com/b","n":%s}' % ("[" * 200 + "]" * 200), "too_deep", ""),
        (
            '{"contactId":"B","cancelUri":"https://example.com/b","n":%s}' % ("[" * 100_000 + "]" * 100_000),
            "too_deep",
            "",
        ),
    ],
    ids=lambda text: text[:50],
)
def test_a_bad_row_is_counted_named_and_keeps_its_uri(element, problem, uri):
    for data, place in ((array(GOOD[0], element, GOOD[1]), 2), (f"{GOOD[0]}\n\n{element}\n{GOOD[1]}\n".encode(), 3)):
        rows, reader = read(data)
        assert [row.problem for row in rows] == ["", problem, ""]
        assert good_ids(rows) == ["A-1", "A-2"]
        assert (rows[1].uri, rows[1].place) == (uri, place)
        assert (reader.complete, reader.rows, reader.unread, reader.first_problem) == (True, 3, 1, (problem, place))
        rows[1].contact_id.encode()  # nothing that a database would refuse
        assert "\0" not in rows[1].contact_id


def test_bytes_that_are_no_utf8_cost_their_row_only_and_a_uri_with_them_is_not_trusted():
    bad = (
        '{"contactId":"B","n":"é","cancelUri":"https://example.com/b"}',
        '{"contactId":"C","cancelUri":"https://example.com/é"}',
    )
    rows, reader = read(array(GOOD[0], *bad, GOOD[1]).replace("é".encode(), b"\xe9"))
    assert [(row.problem, row.uri) for row in rows][1:3] == [("bad_text", "https://example.com/b"), ("bad_text", "")]
    assert (good_ids(rows), reader.complete) == (["A-1", "A-2"], True)


def test_a_key_that_is_no_text_breaks_an_object():
    for data in (b'{1:[{"contactId":"A","cancelUri":"https://example.com/1"}]}', b'{"a":1,[]:2}', b'{"a":1,}'):
        rows, reader = read(data)
        assert (rows, reader.complete, reader.broken) == ([], False, "bad_json")


def test_outsized_numbers_are_kept_as_text():
    rows, _ = read(array('{"contactId":"B","a":1e999999,"b":%s,"cancelUri":"https://example.com/b"}' % ("9" * 10_000)))
    assert (rows[0].fields, rows[0].problem) == ({"a": "1e999999", "b": "9" * 10_000}, "")


def test_a_second_list_of_contacts_is_never_passed_over_in_silence():
    people = ",".join(GOOD)
    rows, reader = read(f'{{"page1":[{people}],"page2":[{people}]}}'.encode())
    assert (len(rows), reader.complete, reader.broken) == (3, False, "two_arrays")
    rows, reader = read(f'{{"columns":[{{"name":"x"}}],"contacts":[{people}]}}'.encode())
    assert (reader.complete, reader.broken) == (False, "two_arrays")
    rows, reader = read(b'{\n"orders":[{"id":1}],\n"contactId":"A","cancelUri":"https://example.com/1"}')
    assert (reader.complete, reader.broken) == (False, "not_a_contact_file")


def test_a_gzip_that_fails_its_checksum_is_not_complete_though_every_row_is_read():
    packed = bytearray(gzip.compress(array(*GOOD)))
    packed[-6] ^= 1
    rows, reader = read(bytes(packed))
    assert (good_ids(rows), reader.complete, reader.broken) == (["A-1", "A-2", "A-3"], False, "bad_gzip")


def test_the_rows_before_the_damage_in_a_gzip_are_read():
    noise = random.Random(1)
    people = [{"contactId": f"{noise.random()}", "cancelUri": "https://example.com/1"} for _ in range(5000)]
    packed = bytearray(gzip.compress(json.dumps(people).encode()))
    middle = len(packed) // 2
    packed[middle : middle + 50] = b"\xff" * 50
    rows, reader = read(bytes(packed))
    assert good_ids(rows)[:1500] == [one["contactId"] for one in people[:1500]]
    assert not reader.complete
    assert reader.broken in {"bad_gzip", "bad_json"}  # damage may give letters before it gives an error


def test_an_array_that_ends_early_because_its_gzip_is_bad_is_named_so():
    people = [{"contactId": f"{number}", "cancelUri": "https://example.com/1"} for number in range(5000)]
    data = json.dumps(people).encode()
    packed = bytearray(gzip.compress(data, compresslevel=0))
    second_block = packed.index(data[:20]) + int.from_bytes(packed[11:13], "little")
    packed[second_block + 1] ^= 0xFF  # its length no longer fits the complement that is stored beside it
    rows, reader = read(bytes(packed))
    assert good_ids(rows) == [str(number) for number in range(len(rows))]
    assert len(rows) > 500
    assert (reader.complete, reader.broken, reader.first_problem) == (False, "bad_gzip", ("bad_gzip", len(rows) + 1))


@pytest.mark.parametrize("kept", range(30, 120, 3))
def test_a_cut_gzip_gives_the_same_rows_whatever_the_size_of_our_steps(monkeypatch, kept):
    packed = gzip.compress("\n".join(GOOD * 3000).encode() + b"\n", mtime=0)[:kept]
    whole = [row.uri for row in read(packed)[0]]
    monkeypatch.setattr(source, "_STEP_OUT", 17)
    assert [row.uri for row in read(packed)[0]] == whole


@pytest.mark.parametrize("form", ["array", "object", "lines", "csv"])
def test_a_row_over_a_mebibyte_is_not_read_and_takes_no_more_memory(form):
    def blocks():
        yield {"array": b"[", "object": b'{"a":[', "lines": b"", "csv": b"contactId,cancelUri\n"}[form]
        first = GOOD[0].encode()
        yield {"csv": b"A,https://example.com/1\n", "lines": first + b"\n"}.get(form, first + b",")
        yield b'{"contactId":"' if form != "csv" else b"B,"
        for _ in range(400):
            yield b"x" * 100_000
        yield b'"}\n' if form != "csv" else b"\n"
        yield {"lines": GOOD[1].encode() + b"\n", "csv": b"C,https://example.com/3\n"}.get(form, b"]")

    with bounded(12_000_000):
        rows, reader = read(blocks(), chunk=10)
    assert ("too_big", 2 if form != "csv" else 3) == reader.first_problem
    if form in ("lines", "csv"):
        assert [row.problem for row in rows] == ["", "too_big", ""]
        assert (reader.complete, reader.unread) == (True, 1)
    else:
        assert (len(rows), reader.complete, reader.broken) == (1, False, "too_big")


def test_a_gzip_bomb_is_given_up_in_bounded_memory():
    packer = zlib.compressobj(9, wbits=31)
    row = ",".join(GOOD[:1] * 1000).encode()
    packed = packer.compress(b"[" + row) + b"".join(packer.compress(b"," + row) for _ in range(99))
    packed += packer.compress(b" " * 100_000_000 + b"]") + packer.flush()
    twice = gzip.compress(packed)
    assert len(twice) < 100_000
    with bounded(16_000_000):
        reader = ItemReader([twice], content_encoding="gzip", transport_proves_end=lambda: True)
        counted = sum(len(chunk) for chunk in reader.chunks(2000))
    assert counted == 100_000
    assert (reader.broken, reader.complete) == ("too_big", False)


def test_a_large_file_that_packs_well_is_no_bomb(monkeypatch):
    monkeypatch.setattr(source, "_RATIO_FROM", 1 << 20)
    lines = (b"A-%d,https://x.example/%032x\n" % (place, place * 7919) for place in range(30_000))
    sent = gzip.compress(b"contactId,cancelUri\n" + b"".join(lines), 9)
    rows, reader = read(sent)
    assert (len(rows), reader.complete) == (30_000, True)
